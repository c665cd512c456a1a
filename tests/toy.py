"""A toy plugin: an exact generator, its data, and components that are broken on purpose."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT

from icbench import Component, Param, hookimpl
from icbench.kinds.dataset import Dataset, Split
from icbench.kinds.distance import Distance, Features
from icbench.kinds.generator import Generator

CLASSES = 10
SHAPE = (1, 8, 8)


def patterns() -> Tensor:
    """One orthogonal block pattern per class: (K, 64) with values 0 and 1."""
    pattern = torch.zeros(CLASSES, 64)
    for number in range(CLASSES):
        pattern[number, 6 * number : 6 * number + 6] = 1
    return pattern


class LinearGenerator(Generator):
    """`image = class_vector @ patterns`, plus a faint bend by the noise: inversion has one exact answer."""

    num_classes = CLASSES
    image_shape = SHAPE

    def __init__(self, noise_dim: int = 3, noise_effect: float = 0.02) -> None:
        super().__init__()
        self.noise_dim = noise_dim
        self.noise_effect = noise_effect
        self.register_buffer("patterns", patterns())

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        image = class_vector @ self.patterns
        if self.noise_dim:
            image = image + self.noise_effect * torch.tanh(noise).mean(dim=1, keepdim=True)
        return image.clamp(0, 1).view(-1, *SHAPE)


class NormedGenerator(Generator):
    """A random network with BatchNorm, to see that batch mates do not matter."""

    num_classes = CLASSES
    image_shape = SHAPE

    def __init__(self, noise_dim: int = 4) -> None:
        super().__init__()
        self.noise_dim = noise_dim
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.layers = nn.Sequential(
                nn.Linear(CLASSES + noise_dim, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 64), nn.Sigmoid()
            )
            self.layers.train()(torch.randn(64, CLASSES + noise_dim))

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        return self.layers(torch.cat([class_vector, noise], dim=1)).view(-1, *SHAPE)


class NaNGenerator(LinearGenerator):
    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        return super().forward(class_vector, noise) * torch.nan


class SmallGenerator(LinearGenerator):
    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        return super().forward(class_vector, noise)[:, :, :4]


class LoudGenerator(LinearGenerator):
    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        return super().forward(class_vector, noise) * 3


class FragileDistance(Distance):
    """Not finite for targets whose first pixel is lit, which only images of class 0 have."""

    def compare(self, reconstruction: Tensor, features: Features) -> Tensor:
        assert isinstance(features, Tensor)
        distance = (reconstruction - features).square().flatten(1).mean(dim=1)
        return distance / (features[:, 0, 0, 0] < 0.5).float()


class ScalarDistance(Distance):
    def compare(self, reconstruction: Tensor, features: Features) -> Tensor:
        return (reconstruction - features).square().mean()


class ScheduleFree(torch.optim.Optimizer):
    """Gradient descent that steps from y and is read at x, the mean of all steps (Defazio et al. 2024)."""

    def __init__(self, params: ParamsT, lr: float) -> None:
        super().__init__(params, {"lr": lr, "steps": 0, "stepping": False})

    def train(self) -> None:
        self._put("y", stepping=True)

    def eval(self) -> None:
        self._put("x", stepping=False)

    def _put(self, name: str, stepping: bool) -> None:
        for group in self.param_groups:
            latent = group["params"][0]
            if latent in self.state and group["stepping"] != stepping:
                latent.copy_(self.state[latent][name])
            group["stepping"] = stepping

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor]) -> None:  # type: ignore[override]
        if not all(group["stepping"] for group in self.param_groups):
            raise RuntimeError("it is not in train mode")
        closure()
        for group in self.param_groups:
            latent, group["steps"] = group["params"][0], group["steps"] + 1
            if latent.grad is None:
                continue
            state = self.state[latent]
            if not state:
                state["x"], state["z"] = latent.clone(), latent.clone()
            state["z"].sub_(latent.grad, alpha=group["lr"])
            state["x"].lerp_(state["z"], 1 / group["steps"])
            latent.copy_(state["z"].lerp(state["x"], 0.9))
            state["y"] = latent.clone()


class ToyDigits(Dataset):
    """Fifty images: each class's pattern five times, with noise of up to 20 grey levels."""

    num_classes = CLASSES
    licence = "CC0"

    def split(self, name: str, folder: Path) -> Split:
        random = np.random.default_rng(len(name))
        labels = np.arange(50) % CLASSES
        clean = patterns().numpy()[labels].reshape(-1, *SHAPE) * 220
        return Split((clean + random.integers(0, 20, clean.shape)).astype(np.uint8), labels)

    def status(self, folder: Path) -> str:
        return "made when asked for"


COLOUR_NAMES = ("red left", "green top", "blue corner", "grey middle")


def colour_patterns() -> Tensor:
    """One patch per class, each of a colour and at a place of its own: (4, 3, 32, 32) with values 0.1 to 0.9."""
    pattern = torch.full((len(COLOUR_NAMES), 3, 32, 32), 0.1)
    pattern[0, 0, :, :12] = 0.9
    pattern[1, 1, :12, :] = 0.9
    pattern[2, 2, 18:, 18:] = 0.9
    pattern[3, :, 12:20, 12:20] = 0.6
    return pattern


class ColourGenerator(Generator):
    """`image = class_vector @ colour_patterns`, lighter or darker by the noise."""

    num_classes = len(COLOUR_NAMES)
    image_shape = (3, 32, 32)
    noise_dim = 2

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("patterns", colour_patterns().flatten(1))

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        # Not a matrix product: summed row by row, a row is the same to the last bit in every batch.
        image = (class_vector[:, :, None] * self.patterns).sum(dim=1)
        return (image + 0.05 * torch.tanh(noise).mean(dim=1, keepdim=True)).clamp(0, 1).view(-1, *self.image_shape)


class ColourPatches(Dataset):
    """Coloured patches, 3 x 32 x 32, in 4 classes with names: 80 images to train, 40 to validate, 40 to test."""

    num_classes = len(COLOUR_NAMES)
    class_names = COLOUR_NAMES
    licence = "CC0"

    def split(self, name: str, folder: Path) -> Split:
        count = {"train": 80, "validation": 40, "test": 40}[name]
        random = np.random.default_rng(len(name))
        labels = np.arange(count) % self.num_classes
        clean = 255 * colour_patterns().numpy()[labels]
        return Split((clean + random.integers(-20, 21, clean.shape)).clip(0, 255).astype(np.uint8), labels)

    def status(self, folder: Path) -> str:
        return "made when asked for"


class DistantDigits(Dataset):
    """Images that would have to be fetched, and are not to be."""

    num_classes = CLASSES
    licence = "CC0"

    def split(self, name: str, folder: Path) -> Split:
        raise AssertionError("it was fetched")

    def status(self, folder: Path) -> str:
        return "not here"

    def is_here(self, folder: Path) -> bool:
        return False


@hookimpl
def icbench_generators():
    yield Component("colour", "toy:ColourGenerator", "exact, for colours")
    yield Component("linear", "toy:LinearGenerator", "exact", params=(Param("noise_dim", 3, low=0, high=50),))
    yield Component("normed", "toy:NormedGenerator", "random, with BatchNorm")
    yield Component("nan", "toy:NaNGenerator", "returns NaN")
    yield Component("small", "toy:SmallGenerator", "returns half an image")
    yield Component("loud", "toy:LoudGenerator", "returns values above 1")


@hookimpl
def icbench_distances():
    yield Component("fragile", "toy:FragileDistance", "not finite for class 0")
    yield Component("scalar", "toy:ScalarDistance", "one number for the whole batch")


@hookimpl
def icbench_datasets():
    yield Component("toy", "toy:ToyDigits", "fifty block patterns")
    yield Component("colours", "toy:ColourPatches", "coloured patches, 32x32")
    yield Component("distant", "toy:DistantDigits", "not here", traits=("fetched",))
