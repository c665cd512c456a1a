"""Why a run errs: did the search fail, or does the model prefer a wrong class? Which input does the image follow?"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from icbench.engine.decode import generate
from icbench.engine.initialization import draw_noise
from icbench.engine.invert import invert
from icbench.engine.result import InversionResult, concatenate, in_order
from icbench.engine.settings import Components, Settings
from icbench.kinds.dataset import Split
from icbench.kinds.generator import Generator
from icbench.kinds.schedule import Hypotheses, InitContext, Rates, Schedule

IMAGES = 200
"""Of a sample, at most: a share of so many is known to within seven points."""
PROBES = 16
"""Random projections whose mean stands for a Jacobian's size; each takes a backward pass."""


@dataclass(frozen=True)
class Diagnosis:
    """What a sample of a run's images says about its errors.

    Args:
        images: size of the random sample of all images.
        errors: size of the sample of misclassified images.
        optimizer_errors: errors for which a search with the true class held, from the run's own start or from the
            winner's noise, reached a lower energy than the winner: a better optimum was there and was not found.
        model_errors: the other errors: by its energy, the wrong answer is the better one.
        wrong_class_fits: share of the sample's images for which some wrong class, held, reaches an energy as low as the
            true one's.
        noise_share_start: share of the noise in the squared Jacobian of the image by class vector and noise, at the
            uniform class vector and the start noise; mean over the sample, or None where it is finite for none of it.
            The class vector counts by its directions within the simplex.
        noise_share_end: the same where the inversion ended.
    """

    images: int
    errors: int
    optimizer_errors: int
    model_errors: int
    wrong_class_fits: float
    noise_share_start: float | None
    noise_share_end: float | None

    def as_data(self) -> dict[str, Any]:
        """The figures by name, as JSON has them."""
        return asdict(self)


class HeldClasses(Schedule):
    """A schedule with the class vector held at each of some classes: one hypothesis per class, scored by its energy.

    The noise moves at the inner schedule's rates, or at rate 1 where that never moves it.

    Args:
        inner: the schedule whose rates and prior are taken.
        classes: which, or all.
    """

    def __init__(self, inner: Schedule, classes: tuple[int, ...] = ()) -> None:
        self.inner, self.classes = inner, classes

    def hypotheses(self, class_dim: int) -> Hypotheses:
        chosen = list(self.classes or range(class_dim))
        return Hypotheses(torch.eye(class_dim)[chosen], (0,) * len(chosen))

    def rates(self, step: int, steps: int) -> Rates:
        moves = any(self.inner.rates(place, steps).noise for place in range(steps))
        return Rates(0.0, self.inner.rates(step, steps).noise if moves else 1.0)

    def initial_noise(self, context: InitContext) -> Tensor:
        return self.inner.initial_noise(context)

    def prior(self, class_vector: Tensor, noise: Tensor, progress: float) -> Tensor | None:
        return self.inner.prior(class_vector, noise, progress)

    def class_scores(self, energy: Tensor, class_vector: Tensor) -> Tensor:
        return -energy


def diagnose(
    components: Components,
    split: Split,
    predictions: NDArray[np.integer],
    settings: Settings,
    batch_size: int = 512,
    count: int = IMAGES,
    on_step: Callable[[float], None] = lambda share: None,
) -> Diagnosis:
    """Diagnose a run by inverting a sample of its images again.

    Args:
        components: the run's components.
        split: the run's images and labels; of more images than it classified, the first are meant.
        predictions: (N,) the run's.
        settings: the run's.
        batch_size: hypotheses that are inverted together.
        count: at most so many images of all, and so many misclassified ones.
        on_step: told of the share of the work done with each step.
    """
    # Seeded alike for every run, so that runs of one split are diagnosed by the same sample of it.
    labels, random = split.labels[: len(predictions)], np.random.default_rng(0)
    everything, misclassified = np.arange(len(labels)), np.flatnonzero(predictions != labels)
    sample, errors = (_draw_sample(index, count, random) for index in (everything, misclassified))
    index = np.union1d(sample, errors)
    work = (2 * len(index) + len(errors)) * settings.steps
    searches = _Searches(components, split, index, settings, batch_size, lambda images: on_step(images / work))
    winner, energies = searches.run(components.schedule), searches.energies()
    in_sample, is_error = np.isin(index, sample), np.isin(index, errors)
    wrong = is_error & (winner.prediction != labels[index])
    reached = np.fmin(searches.from_winner(winner, is_error), energies[np.arange(len(index)), labels[index]])
    found = wrong & (reached < np.nan_to_num(winner.energy, nan=np.inf))  # a search may not have stayed finite
    return Diagnosis(
        images=len(sample),
        errors=int(wrong.sum()),
        optimizer_errors=int(found.sum()),
        model_errors=int(wrong.sum() - found.sum()),
        wrong_class_fits=float(np.mean(_wrong_fits(energies, labels[index])[in_sample])),
        noise_share_start=_start_share(components.generator, sample, settings),
        noise_share_end=_end_share(components.generator, winner.rows(in_sample), settings),
    )


@dataclass(frozen=True)
class _Searches:
    """Inversions of some images of a run, each with another schedule.

    Args:
        components: the run's.
        split: the run's images and labels.
        index: (M,), which images.
        settings: the run's.
        batch_size: hypotheses inverted together.
        on_step: told of the images of each step.
    """

    components: Components
    split: Split
    index: NDArray[np.int64]
    settings: Settings
    batch_size: int
    on_step: Callable[[int], None]

    def run(self, schedule: Schedule) -> InversionResult:
        components = replace(self.components, schedule=schedule)
        batches = invert(components, self.split.images, self.index, self.settings, self.batch_size, self.on_step)
        return concatenate(list(batches))

    def energies(self) -> NDArray[np.float32]:
        """(M, K), with each class held."""
        return -self.run(HeldClasses(self.components.schedule)).class_scores

    def from_winner(self, winner: InversionResult, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(M,), the energies with the true class held, from the winner's noise; infinite where `rows` (M,) is not."""
        reached = np.full(len(self.index), np.inf)
        if rows.any():
            found = invert_true_classes(
                self.components,
                self.split,
                self.index[rows],
                self.settings,
                self.batch_size,
                self.on_step,
                winner.noise[rows],
            )
            reached[rows] = found.energy
        return reached


def invert_true_classes(
    components: Components,
    split: Split,
    index: NDArray[np.int64],
    settings: Settings,
    batch_size: int = 512,
    on_step: Callable[[int], None] = lambda images: None,
    noise: NDArray[np.float32] | None = None,
) -> InversionResult:
    """Invert images with the class vector held at the class of their label.

    Args:
        components, settings, batch_size, on_step: as for `icbench.engine.invert.invert`.
        split: the images and labels.
        index: (M,) the images, ascending.
        noise: (M, Z), where they start, instead of where their run did.
    """
    labels, found = split.labels[index], []
    for label in np.unique(labels):
        rows = labels == label
        held = replace(components, schedule=HeldClasses(components.schedule, (int(label),)))
        start = None if noise is None else noise[rows]
        found += list(invert(held, split.images, index[rows], settings, batch_size, on_step, start))
    return in_order(found, index)


def _draw_sample(index: NDArray[np.int64], count: int, random: np.random.Generator) -> NDArray[np.int64]:
    chosen: NDArray[np.int64] = np.sort(random.permutation(index)[:count])
    return chosen


def _wrong_fits(energies: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(B,): whether a wrong class has an energy as low as the true one, given (B, K) energies."""
    rows = np.arange(len(labels))
    others = energies.copy()
    others[rows, labels] = np.inf
    fits: NDArray[np.bool_] = others.min(axis=1) <= energies[rows, labels]
    return fits


def _start_share(generator: Generator, sample: NDArray[np.int64], settings: Settings) -> float | None:
    noise = draw_noise(sample, (0,), generator.noise_dim, settings.seed).flatten(0, 1).to(settings.device)
    uniform = torch.full((len(sample), generator.class_dim), 1 / generator.class_dim, device=settings.device)
    return noise_share(generator, uniform, noise)


def _end_share(generator: Generator, result: InversionResult, settings: Settings) -> float | None:
    class_vector, noise = (
        torch.from_numpy(latent).to(settings.device) for latent in (result.class_vector, result.noise)
    )
    return noise_share(generator, class_vector, noise)


def noise_share(generator: Generator, class_vector: Tensor, noise: Tensor) -> float | None:
    """The mean over rows of |J_noise|^2 / (|J_class|^2 + |J_noise|^2), in the Frobenius norm, where that is finite.

    Estimated by random projections of the image (Hutchinson 1989), so that it takes backward passes alone.
    """
    if noise.shape[1] == 0:
        return 0.0
    inputs = (class_vector.detach().requires_grad_(), noise.detach().requires_grad_())
    images = generate(generator, inputs[0], inputs[1], torch.float32)
    source = torch.Generator().manual_seed(0)
    by_class = torch.zeros(len(noise), device=noise.device)
    by_noise = torch.zeros_like(by_class)
    for _ in range(PROBES):
        probe = torch.randn(images.shape, generator=source).to(images.device)
        first, second = torch.autograd.grad((images * probe).sum(), inputs, retain_graph=True)
        # A class vector keeps its sum, so what its entries have in common moves nothing.
        by_class += (first - first.mean(dim=1, keepdim=True)).square().sum(dim=1)
        by_noise += second.square().sum(dim=1)
    share = by_noise / (by_class + by_noise).clamp_min(torch.finfo(torch.float32).tiny)
    finite = share[share.isfinite()]
    return float(finite.mean()) if len(finite) else None
