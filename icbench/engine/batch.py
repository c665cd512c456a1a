"""The descent of one batch: its images' hypotheses as rows, moved step by step, dropped, settled and scored."""

import copy
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from icbench.compute.devices import float32_products
from icbench.engine.active_set import ActiveSet, transfer_state
from icbench.engine.cuda_graph import GraphedStep, make_capturable, supports_cuda_graph
from icbench.engine.decode import as_target, generate
from icbench.engine.early_stopping import EarlyStopping
from icbench.engine.initialization import InitContext, NoiseBank, drawn_noise, initial_noise
from icbench.engine.jacobian import linearise
from icbench.engine.result import NOT_FINITE, InversionResult, concatenate
from icbench.engine.rng import normal
from icbench.engine.settings import Parts, Settings
from icbench.engine.targets import Pixels
from icbench.errors import FAULT_HINT, ComponentError, UsageError
from icbench.kinds.distance import Features, LeastSquares
from icbench.kinds.optimizer import Closure, Linearisation, has_modes
from icbench.kinds.schedule import Starts


class Search:
    """One batch of B images with H hypotheses each, flattened to N = B * H rows.

    Args:
        parts: the four components; the generator frozen on `settings.device`.
        starts: the schedule's.
        images: (N, C, H, W), a whole split.
        index: (B,) the images of the batch, by position in the split.
        bank: of the run.
        settings: how.
    """

    def __init__(
        self,
        parts: Parts,
        starts: Starts,
        images: Pixels,
        index: NDArray[np.int64],
        bank: NoiseBank,
        settings: Settings,
    ) -> None:
        self.parts, self.settings, self.index, self.starts = parts, settings, index, starts
        self.hypotheses = len(starts.restart)
        target = as_target(images[index], settings.device)
        features = parts.distance.features(target)
        drawn = drawn_noise(index, starts.restart, parts.generator.noise_dim, settings.seed).to(settings.device)
        beginning = InitContext(starts, drawn, target, features, bank, len(images))
        self.noise = initial_noise(parts.schedule, beginning).flatten(0, 1)
        self.forward, self.backward = beginning.forward, 0
        """Generator evaluations of each image so far."""
        self.features = _of_rows(features, torch.arange(len(index)).repeat_interleave(self.hypotheses))
        self.active = ActiveSet(len(index), starts.class_vector.to(settings.device))
        coordinates = parts.schedule.coordinates(starts.class_vector)
        self.coordinates = coordinates.repeat(len(index), 1).to(settings.device)
        """What the optimizer moves and the schedule turns into class vectors."""
        self.constrained, self.loose = False, False
        """Whether the coordinates are constrained, and whether an optimizer is at them."""
        self.class_vector = self.coordinates
        """The class vectors (N, K) of the latest evaluation, on the simplex."""
        self.progress = 0.0
        self.optimizer = self.fresh_optimizer()
        self.cuts = 0
        """How often rows were taken out of the batch."""
        self.latest: Tensor | None = None
        """The energies (N,) of the latest evaluation."""
        self.finite = torch.ones(len(index), dtype=torch.bool, device=settings.device)
        self.resets = torch.zeros(len(index), dtype=torch.int64, device=settings.device)
        self.rates = [parts.schedule.rates(step, settings.steps) for step in range(settings.steps)]
        self.settling = None if settings.stop_when is None else EarlyStopping(settings.stop_when, self.rates)

    def fresh_optimizer(self) -> torch.optim.Optimizer:
        """One over the latents as they are."""
        optimizer = self.parts.optimizer.over(self.coordinates, self.noise)
        if supports_cuda_graph(self.settings.device, self.parts.schedule, optimizer):
            make_capturable(optimizer, self.settings.device)
        return optimizer

    def start_at(self, images: NDArray[np.bool_], noise: NDArray[np.float32]) -> None:
        """Let all hypotheses of some images (B,) start at noise (M, Z), one for each of these."""
        chosen = torch.from_numpy(images.repeat(self.hypotheses)).to(self.noise.device)
        self.noise[chosen] = torch.from_numpy(noise).to(self.noise.device).repeat_interleave(self.hypotheses, dim=0)

    def run(self, on_step: Callable[[int], None]) -> InversionResult:
        """Make all steps. `on_step` is told after each of how many images; those that settle have all theirs told."""
        steps, index, settled = self.settings.steps, self.index, []
        make = (
            GraphedStep(self)
            if supports_cuda_graph(self.settings.device, self.parts.schedule, self.optimizer)
            else self.step
        )
        for step in range(steps):
            self.progress = step / steps
            self.drop(step)
            done = self.settled(step)
            if done is not None:
                settled.append(self.taken(done).scored())
                on_step(len(settled[-1].index) * (steps - step))
                if done.all():
                    return _in_order(settled, index)
                self.keep(~done)
            with float32_products(self.settings.device, self.settings.tf32):
                make(step)
            on_step(len(self.index))
        self.progress = 1.0
        return _in_order([*settled, self.scored()], index)

    def step(self, step: int) -> None:
        """Make one step."""
        self.descend(self.move(step), step)

    def descend(self, moving: list[Tensor], step: int) -> None:
        """Let the optimizer move the latents that have rates."""
        self.loose = self.coordinates.requires_grad
        self.constrained = self.constrained and not self.loose
        self._switch("train")
        # torch types a closure's result as a float; here it is one energy per hypothesis.
        self.optimizer.step(_Closure(self, moving, step))  # type: ignore[arg-type]
        self._switch("eval")
        self.loose = False

    @torch.no_grad()
    def _switch(self, mode: str) -> None:
        """Let an optimizer that steps from other latents than are to be read put the ones or the others in place."""
        if not has_modes(self.optimizer):
            return
        getattr(self.optimizer, mode)()
        self.constrained = self.constrained and self.coordinates not in self.optimizer.state

    @torch.no_grad()
    def drop(self, step: int) -> None:
        """Search on with as many hypotheses as the schedule says: those of least energy when last evaluated."""
        count = self.parts.schedule.survivors(step, self.settings.steps, len(self.starts.restart))
        if count >= self.hypotheses:
            return
        self.constrain()
        if self.latest is None:
            self.energy(self.settings.precision)
        assert self.latest is not None
        rows = self.active.keep(count, self.latest, self.class_vectors(), step)
        self.hypotheses = count
        self._keep_rows(rows)

    def settled(self, step: int) -> Tensor | None:
        """Which images (B,) need not be searched further, or None where there is none."""
        if self.settling is None or not self.settling.is_due(step):
            return None
        done = self.settling.converged(step, len(self.index))
        return done if done.any() else None

    def taken(self, images: Tensor) -> "Search":
        """The search of some images (B,) as it is now, to be scored and not to be gone on with."""
        part = copy.copy(self)
        part.keep(images)
        return part

    @torch.no_grad()
    def keep(self, images: Tensor) -> None:
        """Search on with some images (B,)."""
        self.index = self.index[images.cpu().numpy()]
        self.active = self.active.subset(images)
        self.finite, self.resets = self.finite[images], self.resets[images]
        self._keep_rows(images.repeat_interleave(self.hypotheses).nonzero()[:, 0])

    def _keep_rows(self, rows: Tensor) -> None:
        before = self.optimizer
        self.coordinates, self.noise = self.coordinates.detach()[rows], self.noise.detach()[rows]
        self.features = _of_rows(self.features, rows)
        self.latest = None if self.latest is None else self.latest[rows]
        self.optimizer = self.fresh_optimizer()
        self.cuts += 1
        transfer_state(before, self.optimizer, rows)
        if self.settling is not None:
            self.settling = copy.copy(self.settling)
            self.settling.select(rows)

    def move(self, step: int) -> list[Tensor]:
        """Put the step's rates into the parameter groups; returns the latents that move."""
        rates = self.rates[step]
        factors = (rates.class_vector, rates.noise)
        latents = (self.coordinates, self.noise)
        for latent, factor, group in zip(latents, factors, self.optimizer.param_groups, strict=True):
            rate = self.parts.optimizer.lr * factor
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
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
        if self.settling is not None:
            self.settling.note(self.latest)
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
        """Constrain the coordinates, unless they have been since they last moved: what rests is not even rounded."""
        if self.constrained:
            return
        reset = self.parts.schedule.constrain(self.coordinates)
        self.resets += reset.view(-1, self.hypotheses).sum(dim=1)
        # Between two evaluations of a step an optimizer may move them again.
        self.constrained = not self.loose

    def class_vectors(self) -> Tensor:
        """The class vectors (N, K) of the coordinates, which are constrained."""
        return self.parts.schedule.class_vector_of(self.coordinates, self.progress)

    def first_class_vectors(self) -> NDArray[np.float32]:
        """The class vectors (B, K) of each image's first hypothesis, constrained."""
        coordinates = self.coordinates.detach()
        if not self.constrained:
            # A copy: that somebody looks at the path must not change it.
            coordinates = coordinates.clone()
            self.parts.schedule.constrain(coordinates)
        vectors = self.parts.schedule.class_vector_of(coordinates, self.progress)
        first = vectors.view(len(self.index), self.hypotheses, -1)[:, 0]
        return self.by_class(first).sum(dim=-1).cpu().numpy().copy()

    def by_class(self, of_entries: Tensor) -> Tensor:
        """Values (..., K) for the entries of class vectors as (..., classes, types)."""
        generator = self.parts.generator
        return of_entries.reshape(*of_entries.shape[:-1], generator.num_classes, generator.types)

    def prior(self) -> Tensor | None:
        """What the schedule adds to the distances (N,) of the latest class vectors."""
        return self.parts.schedule.prior(self.class_vector, self.noise, self.progress)

    @property
    def rows(self) -> tuple[Tensor, Tensor]:
        """The image and the restart (N,) of each row."""
        images = torch.from_numpy(self.index).repeat_interleave(self.hypotheses)
        restarts = torch.tensor(self.starts.restart, device=self.noise.device)[self.active.searched.flatten()]
        return images.to(self.noise.device), restarts

    @torch.no_grad()
    def scored(self) -> InversionResult:
        """The result of the latents as they are, evaluated in float32."""
        energy, distance = self.energy(torch.float32)
        if self.parts.schedule.linearises:
            energy = energy + self._occam()
        energies, vectors = self.active.whole(energy, self.class_vector)
        scores = self.parts.schedule.class_scores(energies, self.by_class(vectors).sum(dim=-1))
        if scores.ndim != 2 or len(scores) != len(self.index):
            raise ComponentError(
                f"the schedule gives {len(self.index)} images class scores of shape {tuple(scores.shape)}",
                FAULT_HINT,
            )
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
        return InversionResult(
            index=self.index,
            prediction=prediction.cpu().numpy(),
            class_scores=scores.float().cpu().numpy(),
            distance=distance[rows, winner].masked_fill(~finite, torch.nan).float().cpu().numpy(),
            energy=energy[rows, winner].masked_fill(~finite, torch.nan).float().cpu().numpy(),
            class_vector=vectors[rows, winner].cpu().numpy(),
            noise=noise[rows, winner].cpu().numpy(),
            resets=self.resets.cpu().numpy(),
            class_dropped_at=self.active.class_dropped_at(self.by_class(started).sum(dim=-1)).cpu().numpy(),
            forwards=np.full(len(self.index), self.forward, np.int32),
            backwards=np.full(len(self.index), self.backward, np.int32),
        )

    def _occam(self) -> Tensor:
        """What the schedule adds to the energies (N,) for their curvature in the noise."""
        self.noise.requires_grad_()
        linear = _Closure(self, [self.noise], self.settings.steps).linearise()
        self.noise.requires_grad_(False)
        return self.parts.schedule.occam(linear)


class _Closure(Closure):
    """One step's evaluations, of the latents in `moving`."""

    def __init__(self, search: Search, moving: list[Tensor], step: int) -> None:
        self.search, self.moving, self.step = search, moving, step
        self.drawn = 0

    @torch.enable_grad()
    def __call__(self) -> Tensor:
        energy, _ = self.search.energy(self.search.settings.precision)
        self.search.backward += self.search.hypotheses
        if self.moving and not energy.requires_grad:
            # What moves has no effect, as noise of no dimension with the class vector held: no latent has a gradient.
            return energy
        gradients = torch.autograd.grad(energy, self.moving, torch.ones_like(energy), allow_unused=True)
        for latent, gradient in zip(self.moving, gradients, strict=True):
            latent.grad = gradient
        return energy.detach()

    @torch.no_grad()
    def energy(self) -> Tensor:
        return self.search.energy(self.search.settings.precision)[0]

    @torch.enable_grad()
    def linearise(self) -> Linearisation:
        distance = self.search.parts.distance
        assert isinstance(distance, LeastSquares)
        images = self.search.images(self.search.settings.precision)
        energy, _ = self.search.compare(images)
        residuals = distance.residuals(images, self.search.features)
        if self.search.parts.schedule.calibrates:
            residuals = residuals * self.search.residual_scale()[0].sqrt()[:, None]
        linear = linearise(energy, residuals, self.search.prior(), self.moving)
        self.search.backward += (1 + linear.gradient.shape[1]) * self.search.hypotheses
        return linear

    def normal(self, count: int) -> Tensor:
        begin, blocks = self.drawn, -(-count // 4)
        self.drawn += blocks
        return normal(self.search.settings.seed, *self.search.rows, self.step, begin, blocks)[:, :count]


def _of_rows(features: Features, rows: Tensor) -> Features:
    """The features of the targets in `rows`."""
    if isinstance(features, Tensor):
        return features[rows]
    return tuple(feature[rows] for feature in features)


def _in_order(parts: list[InversionResult], index: NDArray[np.int64]) -> InversionResult:
    """Parts of a batch as one result, in the order of `index` again where some settled before others."""
    if len(parts) == 1:
        return parts[0]
    whole = concatenate(parts)
    order = np.argsort(whole.index)
    return whole.rows(order[np.searchsorted(whole.index, index, sorter=order)])
