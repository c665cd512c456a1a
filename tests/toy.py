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


@hookimpl
def icbench_generators():
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
