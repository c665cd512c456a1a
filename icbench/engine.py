"""The inversion engine: gradient descent on a generator's inputs, batch by batch.

The engine owns what a result's trust rests on: the starts, the batches, the precision, the order of the constraint, the
count of generator evaluations, and the re-scoring of the latents that come back. The four parts are not asked about
their own cost or success.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from icbench.active_set import ActiveSet, moved_state
from icbench.beginnings import Bank, ImagesBeginning, begun, drawn_noise
from icbench.draws import normal
from icbench.errors import UsageError
from icbench.generation import as_target, generate
from icbench.kinds.distance import Distance, Features, LeastSquares
from icbench.kinds.generator import Generator
from icbench.kinds.optimizer import Closure, Linearisation, Optimizer
from icbench.kinds.schedule import Rates, Schedule, Starts
from icbench.linearisation import linearise

NOT_FINITE = -1
"""The prediction of an image whose distance was not finite at some step."""


@dataclass(frozen=True)
class Parts:
    """The four components of an inversion, built."""

    generator: Generator
    distance: Distance
    optimizer: Optimizer
    schedule: Schedule


@dataclass(frozen=True)
class Settings:
    """How to invert. `batch_size` counts hypotheses, not images, so it bounds memory whatever the schedule.

    Args:
        steps: optimizer steps per hypothesis.
        seed: the seed of the noise starts.
        batch_size: hypotheses inverted together; changes results by float rounding only.
        device: where.
        precision: the type of the generator's products, `torch.float32` or `torch.bfloat16`.
    """

    steps: int
    seed: int = 0
    batch_size: int = 512
    device: torch.device = torch.device("cpu")
    precision: torch.dtype = torch.float32


@dataclass(frozen=True)
class Inverted:
    """The result of inverting B images, as arrays on the CPU.

    Args:
        index: (B,) the images' positions in their split.
        prediction: (B,) the class, or `NOT_FINITE`.
        class_scores: (B, classes), whose argmax is the prediction.
        distance: (B,) the winning hypothesis' distance, scored again in float32 from the returned latents.
        energy: (B,) the same with the schedule's prior added, and its correction for curvature if it makes one.
        class_vector, noise: (B, K) and (B, Z), the winning hypothesis' latents.
        resets: (B,) how often a class vector clamped to all zeros and was put back to uniform.
        class_dropped_at: (B, K) the step before which the last hypothesis of a class was dropped, -1 where it was not.
        forward, backward: generator evaluations per image; their sum is the NFE.
    """

    index: NDArray[np.int64]
    prediction: NDArray[np.int64]
    class_scores: NDArray[np.float32]
    distance: NDArray[np.float32]
    energy: NDArray[np.float32]
    class_vector: NDArray[np.float32]
    noise: NDArray[np.float32]
    resets: NDArray[np.int64]
    class_dropped_at: NDArray[np.int16]
    forward: int
    backward: int

    @property
    def nfe(self) -> int:
        return self.forward + self.backward


PER_IMAGE = tuple(field.name for field in fields(Inverted) if field.name not in ("forward", "backward"))
"""The arrays of a result that have a row for each image."""


def invert(
    parts: Parts,
    images: NDArray[np.uint8],
    index: NDArray[np.int64],
    settings: Settings,
    on_step: Callable[[int], None] = lambda images: None,
    noise: NDArray[np.float32] | None = None,
) -> Iterator[Inverted]:
    """Invert images batch by batch.

    Args:
        parts: the four components; the generator frozen on `settings.device`.
        images: (N, C, H, W) uint8, a whole split; only the rows in `index` are read.
        index: (M,) the images to invert, by position in `images`. A position also seeds its image's starts.
        settings: how.
        on_step: called after each step with the number of images in the batch that are in `index`.
        noise: (M, Z), where every hypothesis of an image starts instead of at the noise drawn for it.

    Yields:
        one `Inverted` per batch, in the order of `index`; in ascending order for a generator whose rows depend on each
        other. Such a generator always has an image's mates of the split beside it, whether they are in `index` or not:
        groups of images are aligned to the split, so what a group of rows holds never changes. With several hypotheses
        an image has as many consecutive rows, and the hypotheses of one image can be each other's mates.
    """
    starts = parts.schedule.starts(parts.generator.entries)
    group = parts.generator.group
    bank = _bank(parts, settings)
    with_mates = index if group == 1 else whole_groups(index, group, len(images))
    per_batch = max(1, settings.batch_size // len(starts.restart) // group) * group
    for begin in range(0, len(with_mates), per_batch):
        rows = with_mates[begin : begin + per_batch]
        asked_for = np.isin(rows, index)
        inversion = _Inversion(parts, starts, images, rows, bank, settings)
        if noise is not None:
            order = np.argsort(index)
            place = order[np.searchsorted(index, rows[asked_for], sorter=order)]
            inversion.start_at(asked_for, noise[place])
        yield _chosen(inversion.run(partial(on_step, int(asked_for.sum()))), asked_for)


def _bank(parts: Parts, settings: Settings) -> Bank:
    return Bank(parts.generator, parts.distance, settings.seed, settings.device, settings.precision)


def whole_groups(index: NDArray[np.int64], group: int, images: int) -> NDArray[np.int64]:
    """The images in `index` and all that are in a group with one of them, in ascending order.

    Args:
        index: (M,) positions in a split.
        group: the size of a group; the first is of images 0 to group - 1.
        images: the size of the split, at whose end a group may be smaller.
    """
    members = np.unique(index // group)[:, None] * group + np.arange(group)
    found: NDArray[np.int64] = members[members < images]
    return found


def _chosen(batch: Inverted, rows: NDArray[np.bool_]) -> Inverted:
    """Some rows of a batch, without their mates; the costs are those of an image."""
    arrays = {name: getattr(batch, name)[rows] for name in PER_IMAGE}
    return Inverted(**arrays, forward=batch.forward, backward=batch.backward)


def class_paths(
    parts: Parts, images: NDArray[np.uint8], index: NDArray[np.int64], settings: Settings
) -> NDArray[np.float32]:
    """The class vectors before each step and after the last, of the first hypothesis of each image.

    Args:
        parts, images, index, settings: as for `invert`; all images are inverted as one batch. `index` is ascending.

    Returns:
        (S + 1, M, K), on the simplex, the types of a class added up.
    """
    starts = parts.schedule.starts(parts.generator.entries)
    rows = whole_groups(index, parts.generator.group, len(images))
    inversion = _Inversion(parts, starts, images, rows, _bank(parts, settings), settings)
    path = [inversion.first_class_vectors()]
    inversion.run(lambda: path.append(inversion.first_class_vectors()))
    return np.stack(path)[:, np.isin(rows, index)]


def concatenate(batches: Sequence[Inverted]) -> Inverted:
    """Several results of one inversion as one; the costs per image are the same in each."""
    arrays = {name: np.concatenate([getattr(batch, name) for batch in batches]) for name in PER_IMAGE}
    return Inverted(**arrays, forward=batches[0].forward, backward=batches[0].backward)


class _Inversion:
    """One batch of B images with H hypotheses each, flattened to N = B * H rows."""

    def __init__(
        self,
        parts: Parts,
        starts: Starts,
        images: NDArray[np.uint8],
        index: NDArray[np.int64],
        bank: Bank,
        settings: Settings,
    ) -> None:
        self.parts, self.settings, self.index, self.starts = parts, settings, index, starts
        self.hypotheses = len(starts.restart)
        target = as_target(images[index], settings.device)
        features = parts.distance.features(target)
        drawn = drawn_noise(index, starts.restart, parts.generator.noise_dim, settings.seed).to(settings.device)
        beginning = ImagesBeginning(starts, drawn, target, features, bank, len(images))
        self.noise = begun(parts.schedule, beginning).flatten(0, 1)
        self.begun = beginning.forward
        self.features = _of_rows(features, torch.arange(len(index)).repeat_interleave(self.hypotheses))
        self.active = ActiveSet(len(index), starts.class_vector.to(settings.device))
        coordinates = parts.schedule.coordinates(starts.class_vector)
        self.coordinates = coordinates.repeat(len(index), 1).to(settings.device)
        """What the optimizer moves and the schedule turns into class vectors."""
        self.class_vector = self.coordinates
        """The class vectors (N, K) of the latest evaluation, on the simplex."""
        self.progress = 0.0
        self.optimizer = parts.optimizer.over(self.coordinates, self.noise)
        self.latest: Tensor | None = None
        self.finite = torch.ones(len(index), dtype=torch.bool, device=settings.device)
        self.resets = torch.zeros(len(index), dtype=torch.int64, device=settings.device)
        self.forward = self.backward = 0
        self.constrained: Tensor | None = None

    def start_at(self, images: NDArray[np.bool_], noise: NDArray[np.float32]) -> None:
        """Let all hypotheses of some images (B,) start at noise (M, Z), one for each of these."""
        chosen = torch.from_numpy(images.repeat(self.hypotheses)).to(self.noise.device)
        self.noise[chosen] = torch.from_numpy(noise).to(self.noise.device).repeat_interleave(self.hypotheses, dim=0)

    def run(self, on_step: Callable[[], None]) -> Inverted:
        for step in range(self.settings.steps):
            self.progress = step / self.settings.steps
            self.constrain()
            self.drop(step)
            moving = self.move(self.parts.schedule.rates(step, self.settings.steps))
            # torch types a closure's result as a float; here it is one energy per hypothesis.
            self.optimizer.step(_Closure(self, moving, step))  # type: ignore[arg-type]
            on_step()
        self.progress = 1.0
        return self._score()

    @torch.no_grad()
    def drop(self, step: int) -> None:
        """Search on with as many hypotheses as the schedule says: those of least energy when last evaluated."""
        steps, all_of_them = self.settings.steps, len(self.starts.restart)
        count = self.parts.schedule.survivors(step, steps, all_of_them)
        if count >= self.hypotheses:
            return
        if self.latest is None:
            self.energy(self.settings.precision)
        assert self.latest is not None
        rows = self.active.keep(count, self.latest, self.class_vectors(), step)
        before, self.hypotheses = self.optimizer, count
        self.coordinates, self.noise = self.coordinates.detach()[rows], self.noise.detach()[rows]
        self.features, self.latest = _of_rows(self.features, rows), self.latest[rows]
        self.constrained = self.coordinates.clone()
        self.optimizer = self.parts.optimizer.over(self.coordinates, self.noise)
        moved_state(before, self.optimizer, rows)

    def move(self, rates: Rates) -> list[Tensor]:
        """Put the step's rates into the parameter groups; returns the latents that move."""
        factors = (rates.class_vector, rates.noise)
        latents = (self.coordinates, self.noise)
        for latent, factor, group in zip(latents, factors, self.optimizer.param_groups, strict=True):
            group["lr"] = self.parts.optimizer.lr * factor
            latent.requires_grad_(factor != 0)
            latent.grad = None
        return [latent for latent in latents if latent.requires_grad]

    def energy(self, precision: torch.dtype) -> tuple[Tensor, Tensor]:
        """Energies and distances (N,) of the current latents, constrained."""
        return self.compare(self.images(precision))

    def compare(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Energies and distances (N,) of the images that the current latents give."""
        distance = self.parts.distance.compare(images, self.features)
        self.finite &= distance.isfinite().view(-1, self.hypotheses).all(dim=1)
        prior, misfit = self.prior(), self.misfit(distance)
        energy = misfit if prior is None else misfit + prior
        self.latest = energy.detach()
        return energy, distance

    def misfit(self, distance: Tensor) -> Tensor:
        """What distances (N,) count in the energies."""
        if not self.parts.schedule.calibrates:
            return distance
        factor, summand = self.residual_scale()
        return factor * distance + summand

    def residual_scale(self) -> tuple[Tensor, Tensor]:
        """The factor (N,) and the summand (N,) of the class vectors."""
        found = self.parts.generator.residual_scale(self.class_vector)
        if found is None:
            raise UsageError(
                "the generator does not say how large its residuals usually are",
                "Leave out calibrate=true, or choose another generator.",
            )
        return found

    def images(self, precision: torch.dtype) -> Tensor:
        """The images (N, C, H, W) of the current latents, constrained."""
        self.constrain()
        self.forward += self.hypotheses
        self.class_vector = self.class_vectors()
        return generate(self.parts.generator, self.class_vector, self.noise, precision)

    @torch.no_grad()
    def constrain(self) -> None:
        """Constrain the coordinates, unless they are as they were when that was last done.

        Their values are compared: torch's version counter misses fused kernels and whatever goes through `.data`.
        """
        if self.constrained is None or not torch.equal(self.coordinates, self.constrained):
            self.resets += self.parts.schedule.constrain(self.coordinates).view(-1, self.hypotheses).sum(dim=1)
            self.constrained = self.coordinates.clone()

    def class_vectors(self) -> Tensor:
        """The class vectors (N, K) of the coordinates, which are constrained."""
        return self.parts.schedule.class_vector_of(self.coordinates, self.progress)

    def first_class_vectors(self) -> NDArray[np.float32]:
        """The class vectors (B, K) of each image's first hypothesis, constrained."""
        self.constrain()
        vectors = self.class_vectors().detach().view(len(self.index), self.hypotheses, -1)[:, 0]
        return self.by_class(vectors).sum(dim=-1).cpu().numpy().copy()

    def by_class(self, of_entries: Tensor) -> Tensor:
        """Values (..., K) for the entries of class vectors as (..., classes, types)."""
        generator = self.parts.generator
        return of_entries.reshape(*of_entries.shape[:-1], generator.num_classes, generator.types)

    def prior(self) -> Tensor | None:
        return self.parts.schedule.prior(self.class_vector, self.noise, self.progress)

    @property
    def rows(self) -> tuple[Tensor, Tensor]:
        """The image and the restart (N,) of each row."""
        images = torch.from_numpy(self.index).repeat_interleave(self.hypotheses)
        restarts = torch.tensor(self.starts.restart, device=self.noise.device)[self.active.searched.flatten()]
        return images.to(self.noise.device), restarts

    def _occam(self) -> Tensor:
        """What the schedule adds to the energies (N,) for their curvature in the noise."""
        self.noise.requires_grad_()
        linear = _Closure(self, [self.noise], self.settings.steps).linearise()
        self.noise.requires_grad_(False)
        return self.parts.schedule.occam(linear)

    @torch.no_grad()
    def _score(self) -> Inverted:
        energy, distance = self.energy(torch.float32)
        if self.parts.schedule.linearises:
            energy = energy + self._occam()
        energies, vectors = self.active.whole(energy, self.class_vector)
        scores = self.parts.schedule.class_scores(energies, self.by_class(vectors).sum(dim=-1))
        if self.parts.generator.types > 1 and scores.shape[1] == self.parts.generator.entries:
            # A schedule that scores hypotheses has one for each type; a class is as good as its best.
            scores = self.by_class(scores).amax(dim=-1)
        finite = self.finite
        prediction = scores.argmax(dim=1).masked_fill(~finite, NOT_FINITE)
        energy, distance = (values.view(-1, self.hypotheses) for values in (energy, distance))
        vectors = self.class_vector.view(len(self.index), self.hypotheses, -1)
        winner = energy.argmin(dim=1)
        rows = torch.arange(len(winner), device=winner.device)
        noise = self.noise.view(len(self.index), self.hypotheses, -1)
        started = self.starts.class_vector.to(noise.device)
        return Inverted(
            index=self.index,
            prediction=prediction.cpu().numpy(),
            class_scores=scores.float().cpu().numpy(),
            distance=distance[rows, winner].masked_fill(~finite, torch.nan).float().cpu().numpy(),
            energy=energy[rows, winner].masked_fill(~finite, torch.nan).float().cpu().numpy(),
            class_vector=vectors[rows, winner].cpu().numpy(),
            noise=noise[rows, winner].cpu().numpy(),
            resets=self.resets.cpu().numpy(),
            class_dropped_at=self.active.class_dropped_at(self.by_class(started).sum(dim=-1)).cpu().numpy(),
            forward=self.forward + self.begun,
            backward=self.backward,
        )


class _Closure(Closure):
    """One step's evaluations, of the latents in `moving`."""

    def __init__(self, inversion: _Inversion, moving: list[Tensor], step: int) -> None:
        self.inversion, self.moving, self.step = inversion, moving, step
        self.drawn = 0

    @torch.enable_grad()
    def __call__(self) -> Tensor:
        energy, _ = self.inversion.energy(self.inversion.settings.precision)
        self.inversion.backward += self.inversion.hypotheses
        if self.moving and not energy.requires_grad:
            # What moves has no effect, as noise of no dimension with the class vector held: no latent has a gradient.
            return energy
        gradients = torch.autograd.grad(energy.sum(), self.moving, allow_unused=True)
        for latent, gradient in zip(self.moving, gradients, strict=True):
            latent.grad = gradient
        return energy.detach()

    @torch.no_grad()
    def energy(self) -> Tensor:
        return self.inversion.energy(self.inversion.settings.precision)[0]

    @torch.enable_grad()
    def linearise(self) -> Linearisation:
        distance = self.inversion.parts.distance
        assert isinstance(distance, LeastSquares)
        images = self.inversion.images(self.inversion.settings.precision)
        energy, _ = self.inversion.compare(images)
        residuals = distance.residuals(images, self.inversion.features)
        if self.inversion.parts.schedule.calibrates:
            residuals = residuals * self.inversion.residual_scale()[0].sqrt()[:, None]
        linear = linearise(energy, residuals, self.inversion.prior(), self.moving)
        self.inversion.backward += (1 + linear.gradient.shape[1]) * self.inversion.hypotheses
        return linear

    def normal(self, count: int) -> Tensor:
        begin, blocks = self.drawn, -(-count // 4)
        self.drawn += blocks
        return normal(self.inversion.settings.seed, *self.inversion.rows, self.step, begin, blocks)[:, :count]


def _of_rows(features: Features, rows: Tensor) -> Features:
    """The features of the targets in `rows`."""
    if isinstance(features, Tensor):
        return features[rows]
    return tuple(feature[rows] for feature in features)
