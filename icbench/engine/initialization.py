"""Where inversions start: noise drawn for each image, found by the generator's encoder, or chosen from a bank."""

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from icbench.engine.active_set import ActiveSet
from icbench.engine.decode import as_target, generate
from icbench.engine.latents import LatentState, select_features
from icbench.engine.settings import Components, Settings
from icbench.engine.targets import Pixels
from icbench.errors import ComponentError
from icbench.kinds.distance import Distance, Features
from icbench.kinds.generator import Generator
from icbench.kinds.schedule import Hypotheses, InitContext, Schedule

BANK = 2**64 - 1
"""Stands where an image's position does in the key of its draws."""
DECODED_AT_ONCE = 512
"""Images of the bank decoded together, which bounds the memory."""
COMPARED_AT_ONCE = 1024
"""Images of the bank compared together on a CPU: what the distance writes of these stays in the cache."""


def draw_noise(index: NDArray[np.int64], restarts: tuple[int, ...], noise_dim: int, seed: int) -> Tensor:
    """The N(0, 1) noise that images start from: (B, H, Z) float32.

    Drawn from a counter-based generator keyed by (seed, image) at counter (restart), so a start depends on these three
    numbers alone: not on the batch, the other images or the device (Salmon et al. 2011, Philox).
    """
    count = max(restarts) + 1
    noise = np.empty((len(index), count, noise_dim), np.float32)
    for row, image in enumerate(index):
        for restart in range(count):
            noise[row, restart] = _draw(int(image), restart, (noise_dim,), seed)
    return torch.from_numpy(noise)[:, list(restarts)]


def _draw(image: int, restart: int, shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    # Numbers are counted up from the first word, so with the restart in the last no two restarts share one.
    bits = np.random.Philox(key=np.array([seed, image], np.uint64), counter=[0, 0, 0, restart])
    return np.random.Generator(bits).standard_normal(shape, dtype=np.float32)


class NoiseBank:
    """Draws of the noise and each class's images of them, decoded when they are first asked for.

    Args:
        generator: frozen on its device.
        distance: what nearness is measured by.
        seed: of the draws.
        device: the generator's.
        precision: of the generator's products.
    """

    def __init__(
        self, generator: Generator, distance: Distance, seed: int, device: torch.device, precision: torch.dtype
    ) -> None:
        self.generator, self.distance, self.seed = generator, distance, seed
        self.device, self.precision = device, precision
        self._decoded: dict[int, tuple[Tensor, Tensor]] = {}

    @classmethod
    def of(cls, components: Components, settings: Settings) -> "NoiseBank":
        """That of an inversion."""
        generator, distance = components.generator, components.distance
        return cls(generator, distance, settings.seed, settings.device, settings.precision)

    @torch.no_grad()
    def nearest(self, count: int, features: Features) -> Tensor:
        """The noise (B, K, Z) whose image of each class is the nearest of `count`, for the features of B targets."""
        noise, images = self._of(count)
        found = [self._nearest(images, one) for one in _each(features)]
        return noise[torch.stack(found)]

    def _nearest(self, images: Tensor, features: Features) -> Tensor:
        """The place (K,) of the nearest of images (K, N, C, H, W) of each class, for the features of one target."""
        classes, count = images.shape[:2]
        every = images.flatten(0, 1)
        parts = torch.split(every, COMPARED_AT_ONCE if every.device.type == "cpu" else len(every))
        distances = [self.distance.compare(part, _expand(features, len(part))) for part in parts]
        return torch.cat(distances).view(classes, count).argmin(dim=1)

    def _of(self, count: int) -> tuple[Tensor, Tensor]:
        """Noise (N, Z) and images (K, N, C, H, W)."""
        if count not in self._decoded:
            noise = torch.from_numpy(_draw(BANK, 0, (count, self.generator.noise_dim), self.seed)).to(self.device)
            vertices = torch.eye(self.generator.class_dim, device=self.device)
            self._decoded[count] = noise, torch.stack([self._images(vertex, noise) for vertex in vertices])
        return self._decoded[count]

    def _images(self, vertex: Tensor, noise: Tensor) -> Tensor:
        parts = [noise[begin : begin + DECODED_AT_ONCE] for begin in range(0, len(noise), DECODED_AT_ONCE)]
        images = [generate(self.generator, vertex.expand(len(part), -1), part, self.precision) for part in parts]
        return torch.cat(images)


class BatchInitContext(InitContext):
    """What the engine offers to a schedule that chooses where the hypotheses of B images start.

    Args:
        hypotheses: the schedule's.
        drawn: (B, H, Z) on the generator's device.
        target: (B, C, H, W).
        features: the distance's, of the targets.
        bank: of the run.
        split: the number of images in the split, over which the bank's costs are spread.
    """

    def __init__(
        self, hypotheses: Hypotheses, drawn: Tensor, target: Tensor, features: Features, bank: NoiseBank, split: int
    ) -> None:
        super().__init__(hypotheses.class_vector.to(drawn.device), hypotheses.restart, drawn)
        self.target, self.features, self.bank, self.split = target, features, bank, split
        self.forward = 0

    def encoder_noise(self) -> Tensor | None:
        self.forward += self._encoder_noise is not None
        return self._encoder_noise

    def encoder_starts(self, count: int) -> Tensor | None:
        with torch.no_grad():
            found = self.bank.generator.encode_starts(self.target, count)
        self.forward += found is not None
        return self._checked(found, count)

    def nearest_noise(self, count: int) -> Tensor:
        if not self.bank.generator.noise_dim:  # All draws are alike, so none has to be decoded.
            return self.drawn.new_empty(len(self.target), self.bank.generator.class_dim, 0)
        # Rounded up, so that a bank never counts as free.
        self.forward += -(-count * self.bank.generator.class_dim // self.split)
        return self.bank.nearest(count, self.features)

    @cached_property
    def _encoder_noise(self) -> Tensor | None:
        with torch.no_grad():
            return self._checked(self.bank.generator.encode(self.target))

    def _checked(self, found: Tensor | None, *counts: int) -> Tensor | None:
        """What the generator's encoder found, of shape (B, K, *counts, Z), as float32."""
        if found is None:
            return None
        expected = (len(self.target), self.bank.generator.class_dim, *counts, self.bank.generator.noise_dim)
        if tuple(found.shape) != expected or not found.isfinite().all():
            raise ComponentError(
                f"the generator's encoder gave noise of shape {tuple(found.shape)}, not finite noise of {expected}",
                "This is a fault of the generator.",
            )
        return found.float()


def initial_noise(schedule: Schedule, context: BatchInitContext) -> Tensor:
    """The noise (B, H, Z) that a schedule starts from.

    Raises:
        ComponentError: what the schedule returns is of another shape, or not finite.
        UsageError: the schedule needs what the generator does not offer.
    """
    noise, expected = schedule.initial_noise(context), tuple(context.drawn.shape)
    if tuple(noise.shape) != expected or not noise.isfinite().all():
        raise ComponentError(
            f"the schedule starts from noise of shape {tuple(noise.shape)}, not finite noise of shape {expected}",
            "This is a fault of the schedule.",
        )
    return noise.detach()


def initial_state(
    components: Components,
    hypotheses: Hypotheses,
    images: Pixels,
    index: NDArray[np.int64],
    bank: NoiseBank,
    settings: Settings,
    classes: NDArray[np.int64] | None = None,
) -> tuple[LatentState, int]:
    """The latents that a batch starts from, and how many forward evaluations of each image finding them took.

    Args:
        components: of the inversion; the generator prepared on `settings.device`.
        hypotheses: the schedule's.
        images: (N, C, H, W), a whole split.
        index: (B,) the images of the batch, by position in the split.
        bank: of the run.
        settings: of the inversion.
        classes: (B, m) the classes that each image is searched for in; None for all.
    """
    device, schedule = settings.device, components.schedule
    starts = hypotheses.class_vector.to(device)
    active = (
        ActiveSet.whole(len(index), starts)
        if classes is None
        else ActiveSet.of_classes(torch.from_numpy(classes).to(device), starts, components.generator.modes_per_class)
    )
    image = torch.arange(len(index), device=device).repeat_interleave(active.count)
    number = active.searched.flatten()
    target = as_target(images[index], device)
    features = components.distance.features(target)
    drawn = draw_noise(index, hypotheses.restart, components.generator.noise_dim, settings.seed).to(device)
    context = BatchInitContext(hypotheses, drawn, target, features, bank, len(images))
    noise = initial_noise(schedule, context)[image, number]
    state = LatentState(
        index=index,
        active=active,
        coordinates=schedule.coordinates(hypotheses.class_vector).to(device)[number],
        noise=noise,
        features=select_features(features, image),
        restart=torch.tensor(hypotheses.restart, device=device)[number],
        finite=torch.ones(len(index), dtype=torch.bool, device=device),
        resets=torch.zeros(len(index), dtype=torch.int64, device=device),
    )
    return state, context.forward


def _each(features: Features) -> list[Features]:
    """The features of one target at a time, each keeping its leading dimension."""
    if isinstance(features, Tensor):
        return list(features.tensor_split(len(features)))
    return list(zip(*(feature.tensor_split(len(feature)) for feature in features), strict=True))


def _expand(features: Features, rows: int) -> Features:
    if isinstance(features, Tensor):
        return features.expand(rows, *features.shape[1:])
    return tuple(feature.expand(rows, *feature.shape[1:]) for feature in features)
