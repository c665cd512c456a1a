"""What a schedule is: the plan of an inversion, from the starts to the reading of the class."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from icbench.kinds.optimizer import Linearisation


@dataclass(frozen=True)
class Hypotheses:
    """The hypotheses of one image.

    Args:
        class_vector: (H, K), where each hypothesis starts.
        restart: for each of the H hypotheses, the number of the noise draw it starts from. Hypotheses with the same
            number start from the same noise.
    """

    class_vector: Tensor
    restart: tuple[int, ...]


class InitContext(ABC):
    """What the engine offers to a schedule that chooses where hypotheses start, for B images.

    Args:
        class_vector: (H, K), where each hypothesis starts.
        restart: the number of each hypothesis's draw, as in `Hypotheses`.
        drawn: (B, H, Z), the N(0, 1) noise of each image and restart.
    """

    def __init__(self, class_vector: Tensor, restart: tuple[int, ...], drawn: Tensor) -> None:
        self.class_vector = class_vector
        self.restart = restart
        self.drawn = drawn

    @abstractmethod
    def encoder_noise(self) -> Tensor | None:
        """What the generator's own encoder finds for each class: (B, K, Z); None if it has none.

        Counted as one forward evaluation.
        """

    def encoder_starts(self, count: int) -> Tensor | None:
        """The `count` best starts that the generator's encoder finds for each class: (B, K, count, Z).

        None where it knows no more than one. Counted as one forward evaluation.
        """
        return None

    @abstractmethod
    def nearest_noise(self, count: int) -> Tensor:
        """Of a bank of `count` draws of the noise the one whose image of a class is nearest to the target: (B, K, Z).

        The draws depend on the seed alone, so that the bank is decoded once for all images; its evaluations are counted
        as spread over the images of the split.
        """


@dataclass(frozen=True)
class Rates:
    """The factors on the optimizer's learning rate at one step; a latent with factor 0 rests, its state untouched."""

    class_vector: float
    noise: float


class Schedule(ABC):
    """The plan of an inversion. A subclass says how hypotheses start and how they move; the defaults say the rest."""

    default_steps: ClassVar[int]
    """How many steps an entry runs unless told otherwise."""
    calibrates: bool = False
    """Whether distances count as the generator says for their classes (`Generator.error_calibration`)."""
    anneals: bool = False
    """Whether `class_vector_of` or `prior` changes with the progress; then energies of different steps are of different
    things, and no image may stop before the last."""
    linearises: ClassVar[bool] = False
    """Whether `laplace_correction` is asked for; a run then needs a distance that is a `LeastSquares`."""

    @abstractmethod
    def hypotheses(self, class_dim: int) -> Hypotheses:
        """The hypotheses of every image, for K = `class_dim` entries of a class vector."""

    @abstractmethod
    def rates(self, step: int, steps: int) -> Rates:
        """The rates at `step`, counted from 0, of `steps`."""

    def initial_noise(self, context: InitContext) -> Tensor:
        """The noise (B, H, Z) that hypotheses start from, as `drawn` unless overridden.

        Raises:
            UsageError: the schedule needs what the generator does not offer.
        """
        return context.drawn

    def survivors(self, step: int, steps: int, hypotheses: int) -> int:
        """How many of an image's H = `hypotheses` are still searched with at `step`; never more than the step before.

        Where it falls, those of least energy go on; the others keep the energy and class vector that they had, and are
        ranked behind. The default keeps all.
        """
        return hypotheses

    def coordinates(self, class_vector: Tensor) -> Tensor:
        """Where a descent that starts at class vectors (N, K) starts in the coordinates that the optimizer moves.

        They are the class vectors themselves, unless this and `class_vector_of` are overridden.
        """
        return class_vector

    def class_vector_of(self, coordinates: Tensor, progress: float) -> Tensor:
        """The class vectors (N, K) for constrained coordinates (N, K): on the simplex, and differentiable in them.

        Args:
            coordinates: what the optimizer moves.
            progress: the share of the steps that are done, 1 after the last.
        """
        return coordinates

    def constrain(self, coordinates: Tensor) -> Tensor:
        """Put coordinates back where they belong, in place, before every evaluation and after the last step.

        The default puts class vectors on the simplex.

        Args:
            coordinates: (N, K), changed in place.

        Returns:
            (N,) bool: the rows that had to be reset.
        """
        return clamp_and_normalise(coordinates)

    def prior(self, class_vector: Tensor, noise: Tensor, progress: float) -> Tensor | None:
        """What is added to the distance to make the energy: (N,), differentiable, or None for nothing.

        Written with operations that torch differentiates twice, it also gives its curvature to a linearisation.

        Args:
            class_vector: (N, K), on the simplex.
            noise: (N, Z).
            progress: the share of the steps that are done, 1 after the last.
        """
        return None

    def laplace_correction(self, linearisation: Linearisation) -> Tensor:
        """What is added to the final energies before classes are scored: (N,). Asked for where `linearises` is true.

        Args:
            linearisation: of the energies in the noise, where the inversion ended.
        """
        raise NotImplementedError

    def class_scores(self, energy: Tensor, class_vector: Tensor) -> Tensor:
        """Scores whose argmax is the prediction.

        Args:
            energy: (B, H), the final energies of the hypotheses.
            class_vector: (B, H, classes), where they ended, the modes of a class added up.

        Returns:
            (B, classes), or (B, K) with one score for each entry, of which a class has its best.
            The default is the class vector of the hypothesis of least energy.
        """
        winner = energy.argmin(dim=1)
        return class_vector[torch.arange(len(winner), device=winner.device), winner]


@torch.no_grad()
def clamp_and_normalise(class_vector: Tensor) -> Tensor:
    """Clamp to [0, 1] and divide by the sum, in place: the constraint of Hobbhahn (2020).

    A row that clamps to all zeros has no direction left and goes back to the uniform point.

    Args:
        class_vector: (N, K), changed in place.

    Returns:
        (N,) bool: the rows that were reset.
    """
    class_vector.clamp_(0, 1)
    total = class_vector.sum(dim=1, keepdim=True)
    reset = total == 0
    class_vector.div_(total.masked_fill(reset, 1)).masked_fill_(reset, 1 / class_vector.shape[1])
    return reset[:, 0]


def uniform_point(restarts: int, class_dim: int) -> Hypotheses:
    """One hypothesis per restart, each at the middle of the simplex."""
    return Hypotheses(torch.full((restarts, class_dim), 1 / class_dim), tuple(range(restarts)))
