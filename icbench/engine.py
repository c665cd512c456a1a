"""The inversion engine: gradient descent on a generator's inputs, batch by batch.

The engine owns what a result's trust rests on: the starts, the batches, the precision, the order of the constraint, the
count of generator evaluations, and the re-scoring of the latents that come back. The four parts are not asked about
their own cost or success.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from icbench.errors import ComponentError
from icbench.kinds.distance import Distance, Features
from icbench.kinds.generator import Generator
from icbench.kinds.optimizer import Optimizer
from icbench.kinds.schedule import Rates, Schedule, Starts

NOT_FINITE = -1
"""The prediction of an image whose distance was not finite at some step."""

CHECKED = 4
TOLERANCE = 1e-3


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
        class_scores: (B, K), whose argmax is the prediction.
        distance: (B,) the winning hypothesis' distance, scored again in float32 from the returned latents.
        energy: (B,) the same with the schedule's prior added.
        class_vector, noise: (B, K) and (B, Z), the winning hypothesis' latents.
        resets: (B,) how often a class vector clamped to all zeros and was put back to uniform.
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
    forward: int
    backward: int

    @property
    def nfe(self) -> int:
        return self.forward + self.backward


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
        on_step: called after each step with the number of images in the batch.
        noise: (M, Z), where every hypothesis of an image starts instead of at the noise drawn for it.

    Yields:
        one `Inverted` per batch, in the order of `index`.
    """
    starts = parts.schedule.starts(parts.generator.num_classes)
    per_batch = max(1, settings.batch_size // len(starts.restart))
    for begin in range(0, len(index), per_batch):
        rows = index[begin : begin + per_batch]
        if noise is None:
            start = start_noise(rows, starts.restart, parts.generator.noise_dim, settings.seed)
        else:
            start = torch.from_numpy(noise[begin : begin + per_batch, None]).repeat(1, len(starts.restart), 1)
        yield _Inversion(parts, starts, images[rows], rows, start, settings).run(on_step)


def concatenate(batches: Sequence[Inverted]) -> Inverted:
    """Several results of one inversion as one; the costs per image are the same in each."""
    arrays = {
        field.name: np.concatenate([getattr(batch, field.name) for batch in batches])
        for field in fields(Inverted)
        if field.name not in ("forward", "backward")
    }
    return Inverted(**arrays, forward=batches[0].forward, backward=batches[0].backward)


def start_noise(index: NDArray[np.int64], restarts: tuple[int, ...], noise_dim: int, seed: int) -> Tensor:
    """The N(0, 1) noise that images start from: (B, H, Z) float32.

    Drawn from a counter-based generator keyed by (seed, image) at counter (restart), so a start depends on these three
    numbers alone: not on the batch, the other images or the device (Salmon et al. 2011, Philox).
    """
    count = max(restarts) + 1
    noise = np.empty((len(index), count, noise_dim), np.float32)
    for row, image in enumerate(index):
        for restart in range(count):
            noise[row, restart] = _draw(int(image), restart, noise_dim, seed)
    return torch.from_numpy(noise)[:, list(restarts)]


def _draw(image: int, restart: int, noise_dim: int, seed: int) -> NDArray[np.float32]:
    bits = np.random.Philox(key=[seed, image], counter=[0, 0, 0, restart])
    return np.random.Generator(bits).standard_normal(noise_dim, dtype=np.float32)


class _Inversion:
    """One batch of B images with H hypotheses each, flattened to N = B * H rows."""

    def __init__(
        self,
        parts: Parts,
        starts: Starts,
        images: NDArray[np.uint8],
        index: NDArray[np.int64],
        noise: Tensor,
        settings: Settings,
    ) -> None:
        self.parts, self.settings, self.index = parts, settings, index
        self.hypotheses = len(starts.restart)
        target = as_target(images, settings.device)
        self.features = _repeated(parts.distance.features(target), self.hypotheses)
        self.noise = noise.flatten(0, 1).to(settings.device)
        self.class_vector = starts.class_vector.repeat(len(index), 1).to(settings.device)
        self.optimizer = parts.optimizer.over(self.class_vector, self.noise)
        self.finite = torch.ones(len(self.noise), dtype=torch.bool, device=settings.device)
        self.resets = torch.zeros(len(self.noise), dtype=torch.int64, device=settings.device)
        self.forward = self.backward = 0

    def run(self, on_step: Callable[[int], None]) -> Inverted:
        for step in range(self.settings.steps):
            self._step(self.parts.schedule.rates(step, self.settings.steps))
            on_step(len(self.index))
        return self._score()

    def _step(self, rates: Rates) -> None:
        self._constrain()
        moving = self._set_rates(rates)

        def closure() -> Tensor:
            energy, _ = self._energy(self.settings.precision)
            self.backward += 1
            gradients = torch.autograd.grad(energy.sum(), moving, allow_unused=True)
            for latent, gradient in zip(moving, gradients, strict=True):
                latent.grad = gradient
            return energy.detach()

        # torch types a closure's result as a float; here it is one energy per hypothesis.
        self.optimizer.step(closure)  # type: ignore[arg-type]

    def _set_rates(self, rates: Rates) -> list[Tensor]:
        """Put the step's rates into the parameter groups; returns the latents that move."""
        factors = (rates.class_vector, rates.noise)
        latents = (self.class_vector, self.noise)
        for latent, factor, group in zip(latents, factors, self.optimizer.param_groups, strict=True):
            group["lr"] = self.parts.optimizer.lr * factor
            latent.requires_grad_(factor != 0)
            latent.grad = None
        return [latent for latent in latents if latent.requires_grad]

    @torch.no_grad()
    def _constrain(self) -> None:
        self.resets += self.parts.schedule.constrain(self.class_vector)

    def _energy(self, precision: torch.dtype) -> tuple[Tensor, Tensor]:
        """Energies and distances (N,) of the current latents."""
        self.forward += 1
        images = generate(self.parts.generator, self.class_vector, self.noise, precision)
        distance = self.parts.distance.compare(images, self.features)
        self.finite &= distance.isfinite()
        prior = self.parts.schedule.prior(self.class_vector, self.noise)
        return (distance if prior is None else distance + prior), distance

    @torch.no_grad()
    def _score(self) -> Inverted:
        self._constrain()
        energy, distance = (values.view(-1, self.hypotheses) for values in self._energy(torch.float32))
        vectors = self.class_vector.view(len(self.index), self.hypotheses, -1)
        scores = self.parts.schedule.class_scores(energy, vectors)
        finite = self.finite.view(-1, self.hypotheses).all(dim=1)
        prediction = scores.argmax(dim=1).masked_fill(~finite, NOT_FINITE)
        winner = energy.argmin(dim=1)
        rows = torch.arange(len(winner), device=winner.device)
        noise = self.noise.view(len(self.index), self.hypotheses, -1)
        return Inverted(
            index=self.index,
            prediction=prediction.cpu().numpy(),
            class_scores=scores.float().cpu().numpy(),
            distance=distance[rows, winner].masked_fill(~finite, torch.nan).float().cpu().numpy(),
            energy=energy[rows, winner].masked_fill(~finite, torch.nan).float().cpu().numpy(),
            class_vector=vectors[rows, winner].cpu().numpy(),
            noise=noise[rows, winner].cpu().numpy(),
            resets=self.resets.view(-1, self.hypotheses).sum(dim=1).cpu().numpy(),
            forward=self.forward * self.hypotheses,
            backward=self.backward * self.hypotheses,
        )


def generate(generator: Generator, class_vector: Tensor, noise: Tensor, precision: torch.dtype) -> Tensor:
    """The generator's images in float32, its products taken in `precision`."""
    low = precision is not torch.float32
    with torch.autocast(class_vector.device.type, dtype=precision if low else None, enabled=low):
        images: Tensor = generator(class_vector, noise)
    return images.float()


def as_target(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Images (B, C, H, W) uint8 as float32 in [0, 1] on the device."""
    return torch.from_numpy(images).to(device).float() / 255


def check_parts(parts: Parts, images: NDArray[np.uint8], settings: Settings, names: Mapping[str, str]) -> None:
    """Generate and compare once before a run, so that a broken component is named and nothing is written.

    Args:
        parts: the components, the generator frozen on the device.
        images: (N, C, H, W) uint8, the split; the first few are compared with.
        settings: the run's settings.
        names: what to call each part, by kind.

    Raises:
        ComponentError: the generator returns the wrong shape or values that are not in [0, 1], or the distance returns
            anything but one finite number per image.
    """
    generator, shape = parts.generator, images.shape[1:]
    if tuple(generator.image_shape) != shape:
        raise ComponentError(
            f"generator {names['generator']} makes images of {tuple(generator.image_shape)}, the dataset has {shape}",
            "Choose a dataset of the shape that the generator was trained on.",
        )
    target = as_target(images[:CHECKED], settings.device)
    noise = start_noise(np.arange(len(target)), (0,), generator.noise_dim, settings.seed).flatten(0, 1)
    class_vector = torch.eye(generator.num_classes)[torch.arange(len(target)) % generator.num_classes]
    with torch.no_grad():
        generated = generate(generator, class_vector.to(settings.device), noise.to(settings.device), settings.precision)
        _check_images(generated, target.shape, names["generator"])
        _check_distance(parts.distance(generated, target), len(target), names["distance"])


def _check_images(images: Tensor, expected: tuple[int, ...], name: str) -> None:
    if tuple(images.shape) != tuple(expected):
        raise _fault(f"generator {name} returned images of shape {tuple(images.shape)}, not {tuple(expected)}")
    if not images.isfinite().all():
        raise _fault(f"generator {name} returned values that are not finite")
    low, high = images.min().item(), images.max().item()
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise _fault(f"generator {name} returned values from {low:.3g} to {high:.3g}, not in [0, 1]")


def _check_distance(distance: Tensor, count: int, name: str) -> None:
    if tuple(distance.shape) != (count,):
        raise _fault(f"distance {name} returned shape {tuple(distance.shape)} for {count} images, not ({count},)")
    if not distance.isfinite().all():
        raise _fault(f"distance {name} returned values that are not finite")


def _fault(message: str) -> ComponentError:
    return ComponentError(message, "This is a fault of the component; `icbench plugins` tells where it comes from.")


def _repeated(features: Features, times: int) -> Features:
    if times == 1:
        return features
    if isinstance(features, Tensor):
        return features.repeat_interleave(times, dim=0)
    return tuple(feature.repeat_interleave(times, dim=0) for feature in features)
