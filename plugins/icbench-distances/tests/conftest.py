"""What the tests share: real digits, and distances built as a run builds them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from icbench.kinds.distance import Distance
from icbench.plugins.component import Selection
from icbench.plugins.manager import PluginManager, plugin_manager
from torch import Tensor

torch.set_num_threads(1)

Build = Callable[..., Distance]


@pytest.fixture(autouse=True)
def _without_preferences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's disabled plugins do not reach the tests."""
    monkeypatch.setenv("ICBENCH_CONFIG", str(tmp_path))


@pytest.fixture(scope="session")
def manager() -> PluginManager:
    return plugin_manager(warn=False)


@pytest.fixture(scope="session")
def build(manager: PluginManager) -> Build:
    """`build("blur", levels=1)` is the distance, its parameters checked and completed."""

    def built(name: str, **params: bool | int | float | str) -> Distance:
        registered = manager.select("distance", name).registered
        return Selection(registered, registered.component.complete(params)).build()

    return built


@pytest.fixture(scope="session")
def digits() -> Tensor:
    """Twelve validation images of MNIST, (12, 1, 28, 28), float64 in [0, 1]."""
    from icbench.builtin.datasets.mnist import MNIST

    images = MNIST().split("validation", Path()).images[:12]
    return torch.from_numpy(images).double() / 255


@pytest.fixture
def noise() -> Callable[..., Tensor]:
    """`noise(2, 1, 8, 7)` is a batch of random images, float64 in [0, 1], the same every time."""

    def images(*shape: int, seed: int = 0) -> Tensor:
        return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

    return images
