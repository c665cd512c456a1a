"""Synthetic latents, images and labels, the same every time, and toy parts to put an optimizer or schedule between."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from icbench.engine.invert import invert
from icbench.engine.prepare import prepare
from icbench.engine.result import InversionResult, concatenate
from icbench.engine.settings import Components, Settings
from icbench.kinds.distance import Distance, Features, LeastSquares
from icbench.kinds.generator import Generator
from icbench.kinds.optimizer import Optimizer
from icbench.kinds.schedule import Hypotheses, Rates, Schedule, uniform_point

CLASSES = 4
SHAPE = (1, 8, 8)
NOISE = 3
CPU = torch.device("cpu")


def normal(*shape: int, seed: int = 0) -> Tensor:
    """N(0, 1) numbers that leave torch's own random state alone."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def uniform(*shape: int, seed: int = 0) -> Tensor:
    """Numbers from [0, 1), likewise."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def latents(generator: Generator, count: int) -> tuple[Tensor, Tensor]:
    """Class vectors (B, K) inside the simplex and noise (B, Z)."""
    class_vector = normal(count, generator.class_dim).softmax(dim=1)
    return class_vector, normal(count, generator.noise_dim, seed=1)


def targets(count: int, seed: int = 0) -> Tensor:
    """Images (B, 1, 28, 28) as a dataset has them: blobs on black, in steps of 1/255."""
    return (_blobs(count, seed).mul(3).sub(1.2).clamp(0, 1) * 255).round() / 255


def reconstructions(count: int, seed: int = 100) -> Tensor:
    """Images (B, 1, 28, 28) as a generator makes them: nowhere quite black or white."""
    grain = 0.05 * normal(count, 1, 28, 28, seed=seed)
    return (0.1 + 0.8 * _blobs(count, seed) + grain).clamp(0.02, 0.98)


def _blobs(count: int, seed: int) -> Tensor:
    coarse = uniform(count, 1, 5, 5, seed=seed)
    return functional.interpolate(coarse, size=(28, 28), mode="bilinear", align_corners=True).clamp(0, 1)


def labelled_images(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images (N, 1, 28, 28) of `CLASSES` classes that are easy to tell apart, and their labels (N,)."""
    labels = torch.arange(count) % CLASSES
    clean = functional.one_hot(labels, CLASSES).float().view(-1, 1, 2, 2)
    images = 0.2 + 0.6 * functional.interpolate(clean, size=(28, 28))
    return (images + 0.1 * normal(count, 1, 28, 28, seed=seed)).clamp(0, 1), labels


class ToyGenerator(Generator):
    """One block of pixels per class, and patterns over all pixels that the noise adds: linear, so descent is easy."""

    num_classes = CLASSES
    image_shape = SHAPE

    def __init__(self, noise_dim: int = NOISE) -> None:
        super().__init__()
        self.noise_dim = noise_dim
        self.register_buffer("blocks", torch.eye(CLASSES).repeat_interleave(16, dim=1))
        self.register_buffer("patterns", 0.1 * normal(noise_dim, 64, seed=7))

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        # Not a matrix product: summed row by row, a row is the same to the last bit in every batch.
        blocks = (class_vector[:, :, None] * self.get_buffer("blocks")).sum(dim=1)
        patterns = (noise[:, :, None] * self.get_buffer("patterns")).sum(dim=1)
        return (0.2 + 0.6 * blocks + patterns).view(-1, *SHAPE)


class ToyDistance(LeastSquares):
    """The mean squared error."""

    def residuals(self, reconstruction: Tensor, features: Features) -> Tensor:
        assert isinstance(features, Tensor)
        difference = (reconstruction - features).flatten(1)
        return difference * sqrt(2 / difference.shape[1])


class FragileDistance(ToyDistance):
    """Not a number for targets whose first pixel is white."""

    def residuals(self, reconstruction: Tensor, features: Features) -> Tensor:
        assert isinstance(features, Tensor)
        broken = features.flatten(1)[:, :1] > 0.99
        return super().residuals(reconstruction, features) * torch.where(broken, torch.nan, 1.0)


class FlatDistance(ToyDistance):
    """The same everywhere: its gradient is zero."""

    def residuals(self, reconstruction: Tensor, features: Features) -> Tensor:
        return 0 * super().residuals(reconstruction, features) + 0.1


class SteadySchedule(Schedule):
    """Latents move freely from the middle of the simplex, at constant rates."""

    default_steps = 10

    def __init__(self, class_rate: float = 1.0, noise_rate: float = 1.0) -> None:
        self.factors = Rates(class_rate, noise_rate)

    def hypotheses(self, class_dim: int) -> Hypotheses:
        return uniform_point(1, class_dim)

    def rates(self, step: int, steps: int) -> Rates:
        return self.factors

    def constrain(self, coordinates: Tensor) -> Tensor:
        return torch.zeros(len(coordinates), dtype=torch.bool, device=coordinates.device)


def starting_noise(noise_dim: int = NOISE) -> NDArray[np.float32]:
    """Where the noise of the toy's eight images starts: (8, Z)."""
    return normal(8, noise_dim, seed=3).numpy()


@dataclass(frozen=True)
class Toy:
    """A small inversion through the engine, to put one part under test into.

    Args:
        optimizer: the optimizer.
        schedule, distance: the other components.
        noise_dim: Z.
        steps, batch_size, seed, device: as `icbench.engine.invert.invert` takes them.
        index: the images to invert, by position.
        white: the position of an image whose first pixel is white, or None.
    """

    optimizer: Optimizer
    schedule: Schedule = SteadySchedule()
    distance: Distance = ToyDistance()
    noise_dim: int = NOISE
    steps: int = 8
    batch_size: int = 64
    seed: int = 0
    device: torch.device = CPU
    index: Sequence[int] = (0, 1, 2, 3, 4, 5)
    white: int | None = None

    def invert(self) -> InversionResult:
        """The result of inverting the images, from the same noise whatever the seed."""
        generator = prepare(ToyGenerator(self.noise_dim), self.device)
        components = Components(generator, self.distance, self.optimizer, self.schedule)
        settings = Settings(self.steps, self.seed, self.device)
        index = np.array(self.index)
        noise = starting_noise(self.noise_dim)[index]
        return concatenate(list(invert(components, self._images(), index, settings, self.batch_size, noise=noise)))

    def _images(self) -> NDArray[np.uint8]:
        generator = ToyGenerator(self.noise_dim)
        class_vector = torch.eye(CLASSES)[torch.arange(8) % CLASSES]
        images = generator(class_vector, normal(8, self.noise_dim, seed=5)).clamp(0, 0.98)
        if self.white is not None:
            images[self.white, 0, 0, 0] = 1.0
        pixels: NDArray[np.uint8] = (images * 255).round().to(torch.uint8).numpy()
        return pixels
