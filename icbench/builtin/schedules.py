"""The built-in schedules: the class vector moves with the noise, alone, or is held at each class in turn."""

from itertools import pairwise
from math import cos, log, pi
from typing import Any

import torch
from torch import Tensor

from icbench.errors import UsageError
from icbench.kinds.optimizer import Linearisation
from icbench.kinds.schedule import Beginning, Rates, Schedule, Starts, uniform_point

RIDGE = 1e-12
SMALLEST = 1e-4
"""The least share of a class that a logarithm is taken of."""
SPREAD = 0.5
"""How far from a chosen start, in deviations of the noise's prior, further restarts begin."""


class Joint(Schedule):
    """Class vector and noise descend together from the uniform point (Hobbhahn 2020, experiments 1 to 3).

    Args:
        noise_rate: the noise's learning rate, as a factor on the class vector's (experiment 2).
        noise_start: the number of first steps during which the noise rests (experiment 3).
    """

    default_steps = 200

    def __init__(self, noise_rate: float = 1.0, noise_start: int = 0) -> None:
        self.noise_rate = noise_rate
        self.noise_start = noise_start

    def starts(self, num_classes: int) -> Starts:
        return uniform_point(1, num_classes)

    def rates(self, step: int, steps: int) -> Rates:
        return Rates(1.0, self.noise_rate if step >= self.noise_start else 0.0)


class ClassOnly(Schedule):
    """The class vector descends from the uniform point; the noise stays as drawn (Hobbhahn 2020, fixed noise)."""

    default_steps = 200

    def starts(self, num_classes: int) -> Starts:
        return uniform_point(1, num_classes)

    def rates(self, step: int, steps: int) -> Rates:
        return Rates(1.0, 0.0)


class Alternating(Schedule):
    """Class vector and noise descend in turns, from the uniform point: block coordinate descent.

    Args:
        turn: the number of steps of a turn; the class vector has the first.
        noise_rate: the noise's learning rate, as a factor on the class vector's.
    """

    default_steps = 200

    def __init__(self, turn: int = 5, noise_rate: float = 1.0) -> None:
        self.turn = turn
        self.noise_rate = noise_rate

    def starts(self, num_classes: int) -> Starts:
        return uniform_point(1, num_classes)

    def rates(self, step: int, steps: int) -> Rates:
        return Rates(1.0, 0.0) if step // self.turn % 2 == 0 else Rates(0.0, self.noise_rate)


class Relaxed(Joint):
    """`Joint` in coordinates without a constraint, which a map takes to the simplex; the start is the uniform point.

    Clamping to the simplex, as `joint` does it, lets go of a class for good where its element has fallen to 0 and its
    gradient points outwards; and nothing makes the class vector choose. Here the maps are:

    - softmax: exp(u / T), normalised. T falls geometrically, so that the class vector is soft first and hard at last.
    - sparsemax: the nearest point of the simplex to u / T (Martins and Astudillo 2016); it reaches corners.
    - mirror: exp(u), normalised, where u takes the gradient of the class vector. With `sgd` that is mirror descent
      with the entropy (Beck and Teboulle 2003), or exponentiated gradient; with `adam` its adaptive kin.

    Args:
        simplex_map: one of these.
        temperature: T at the first step; of softmax and sparsemax.
        cooling: T at the last step, as a factor on the first.
        entropy: the weight of the class vector's entropy, as a share of the greatest, in the energy of the last step.
            It begins with 0 and rises with the steps.
        noise_rate, noise_start: those of `Joint`.
    """

    def __init__(
        self,
        simplex_map: str = "softmax",
        temperature: float = 1.0,
        cooling: float = 1.0,
        entropy: float = 0.0,
        noise_rate: float = 1.0,
        noise_start: int = 0,
    ) -> None:
        super().__init__(noise_rate, noise_start)
        self.simplex_map = simplex_map
        self.temperature = temperature
        self.cooling = cooling
        self.entropy = entropy
        self.anneals = entropy != 0 or (cooling != 1 and simplex_map != "mirror")

    def coordinates(self, class_vector: Tensor) -> Tensor:
        if self.simplex_map == "sparsemax":
            return class_vector * self.temperature
        logits = class_vector.clamp_min(SMALLEST).log()
        scale = self.temperature if self.simplex_map == "softmax" else 1.0
        return scale * (logits - logits.mean(dim=1, keepdim=True))

    def class_vector_of(self, coordinates: Tensor, progress: float) -> Tensor:
        if self.simplex_map == "mirror":
            return coordinates.softmax(dim=1).detach() + (coordinates - coordinates.detach())
        scaled = coordinates / (self.temperature * self.cooling**progress)
        return sparsemax(scaled) if self.simplex_map == "sparsemax" else scaled.softmax(dim=1)

    def constrain(self, coordinates: Tensor) -> Tensor:
        lost = ~coordinates.isfinite().all(dim=1)
        coordinates.masked_fill_(lost[:, None], 0)
        return lost

    def prior(self, class_vector: Tensor, noise: Tensor, progress: float) -> Tensor | None:
        if self.entropy == 0:
            return None
        # Floored, so that the gradient at a corner is finite.
        entropy = -(class_vector * class_vector.clamp_min(SMALLEST).log()).sum(dim=1)
        return self.entropy * progress / log(class_vector.shape[1]) * entropy


def sparsemax(scores: Tensor) -> Tensor:
    """The point of the simplex that is nearest to each row of scores (N, K) (Martins and Astudillo 2016)."""
    ordered = scores.sort(dim=1, descending=True).values
    place = torch.arange(1, scores.shape[1] + 1, device=scores.device)
    above = ordered.cumsum(dim=1) - 1
    support = (ordered * place > above).sum(dim=1, keepdim=True)
    return (scores - above.gather(1, support - 1) / support).clamp_min(0)


class MultiVertex(Schedule):
    """One hypothesis near each vertex of the simplex, all free to move; the class vector of least energy is read.

    Between `joint`, which has one start for all classes, and `exhaustive`, which holds each class.

    Args:
        nearness: how far from the middle (0) towards its vertex (1) a hypothesis starts.
        noise_rate: the noise's learning rate, as a factor on the class vector's.
    """

    default_steps = 100

    def __init__(self, nearness: float = 0.8, noise_rate: float = 1.0) -> None:
        self.nearness = nearness
        self.noise_rate = noise_rate

    def starts(self, num_classes: int) -> Starts:
        middle = torch.full((num_classes, num_classes), 1 / num_classes)
        return Starts(middle.lerp(torch.eye(num_classes), self.nearness), (0,) * num_classes)

    def rates(self, step: int, steps: int) -> Rates:
        return Rates(1.0, self.noise_rate)


class Exhaustive(Schedule):
    """One hypothesis per class and restart, its class vector held at the class; the class of least energy wins.

    This is classification by analysis by synthesis (Schott et al. 2018, section 4) with the noise as the only latent.

    Args:
        restarts: hypotheses per class.
        prior_weight: factor on the energy term |noise|^2 / (2 Z), the negative log density of N(0, 1) per dimension.
        noise_rate: the noise's learning rate, as a factor on the optimizer's. Above 1 by default: with the class given,
            the noise has few steps and no competitor.
        start: where the noise starts: as "drawn"; where the generator's own "encoder" finds the class; or at the
            nearest of a "bank" of draws (Schott et al. take 8,000). Of these two, restarts after the first start beside
            them, by `SPREAD` of their draw.
        bank: the number of draws in the bank.
        decay: the rate stays with "none", and falls to zero with "cosine".
        calibrate: weigh a class's distance by how large the generator's residuals usually are there.
    """

    default_steps = 60

    def __init__(
        self,
        restarts: int = 1,
        prior_weight: float = 0.03,
        noise_rate: float = 4.0,
        start: str = "drawn",
        bank: int = 256,
        decay: str = "none",
        calibrate: bool = False,
    ) -> None:
        self.restarts = restarts
        self.prior_weight = prior_weight
        self.noise_rate = noise_rate
        self.start = start
        self.bank = bank
        self.decay = decay
        self.calibrates = calibrate

    def starts(self, num_classes: int) -> Starts:
        restart = tuple(number for _ in range(num_classes) for number in range(self.restarts))
        return Starts(torch.eye(num_classes).repeat_interleave(self.restarts, dim=0), restart)

    def start_noise(self, beginning: Beginning) -> Tensor:
        if self.start == "drawn":
            return beginning.drawn
        found = beginning.encoded() if self.start == "encoder" else beginning.nearest(self.bank)
        if found is None:
            raise UsageError(
                "the generator has no encoder to start from", "Start from a bank (start=bank), or choose another one."
            )
        of_class = found[:, beginning.class_vector.argmax(dim=1)]
        beside = torch.tensor([0.0 if number == 0 else SPREAD for number in beginning.restart])
        return of_class + beside.to(of_class)[:, None] * beginning.drawn

    def rates(self, step: int, steps: int) -> Rates:
        falling = (1 + cos(pi * step / steps)) / 2 if self.decay == "cosine" else 1.0
        return Rates(0.0, self.noise_rate * falling)

    def prior(self, class_vector: Tensor, noise: Tensor, progress: float) -> Tensor | None:
        if self.prior_weight == 0 or noise.shape[1] == 0:
            return None
        return self.prior_weight * noise.square().mean(dim=1) / 2

    def class_scores(self, energy: Tensor, class_vector: Tensor) -> Tensor:
        """Minus the least energy over each class's restarts: (B, K)."""
        return -energy.view(len(energy), -1, self.restarts).amin(dim=2)


class Halving(Exhaustive):
    """`Exhaustive` by successive halving: the hypotheses of least energy go on, the others are dropped on the way.

    Successive halving is from bandits (Jamieson and Talwalkar 2016); here an image's hypotheses are its arms. Whether
    the true class is dropped wrongly is counted in the record.

    Args:
        at: the steps before which hypotheses are dropped, such as "5/15/50"; none are where both are empty.
        keep: how many of an image's hypotheses go on from each, such as "5/2/1".
        options: those of `Exhaustive`.

    Raises:
        UsageError: `at` does not rise, `keep` does not fall, or they are not of one length.
    """

    def __init__(self, at: str = "5/15/50", keep: str = "5/2/1", **options: Any) -> None:
        super().__init__(**options)
        steps, counts = _numbers(at), _numbers(keep)
        rising = all(one < other for one, other in pairwise(steps))
        falling = all(one > other for one, other in pairwise(counts))
        unclear = bool(at) != bool(steps) or bool(keep) != bool(counts)
        if unclear or len(steps) != len(counts) or not rising or not falling or counts[-1:] == [0]:
            raise UsageError(
                f"at={at},keep={keep} is no plan of halving",
                "Give as many rising steps as falling counts, such as at=5/15/50,keep=5/2/1.",
            )
        self.plan = list(zip(steps, counts, strict=True))

    def survivors(self, step: int, steps: int, hypotheses: int) -> int:
        kept = [count for begin, count in self.plan if step >= begin]
        return min([hypotheses, *kept[-1:]])


def _numbers(text: str) -> list[int]:
    """The numbers in "5/15/50"; empty where it is something else."""
    parts = text.split("/")
    return [int(part) for part in parts] if all(part.isascii() and part.isdigit() for part in parts) else []


class Evidence(Halving):
    """`Exhaustive`, or `Halving`, with Laplace's approximation of the evidence: a class pays for what else it explains.

    The energy E is T times the negative logarithm of likelihood and prior, where T is the squared error's temperature,
    twice the pixels' variance divided by their number. Integrating exp(-E / T) over the noise around the minimum gives,
    times T and up to constants, E + T log det(H) / 2 with the curvature H of E there (MacKay 1992; Gauss-Newton for the
    distance). The weight of the prior fixes T: it is prior_weight / Z.

    Args:
        weight: factor on the term with the determinant; 1 is Laplace's, 0 is `Exhaustive`.
        at, keep: those of `Halving`, by default nothing: the determinant is the dearest part of an inversion, and only
            hypotheses that are left at the end need it.
        options: those of `Exhaustive`.
    """

    linearises = True

    def __init__(self, weight: float = 1.0, at: str = "", keep: str = "", **options: Any) -> None:
        super().__init__(at, keep, **options)
        self.weight = weight

    def occam(self, linearisation: Linearisation) -> Tensor:
        curvature = linearisation.curvature.double()
        size = curvature.shape[1]
        # A curvature that rounding has made singular still has a determinant then.
        ridge = RIDGE * torch.eye(size, dtype=torch.float64, device=curvature.device)
        temperature = self.prior_weight / max(size, 1)
        return (self.weight * temperature / 2 * torch.logdet(curvature + ridge)).float()
