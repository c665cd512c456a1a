"""What the tests share: classifiers built as a run builds them, and real digits."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from icbench.builtin.datasets.mnist import MNIST
from icbench.kinds.classifier import Classifier
from icbench.plugins.manager import PluginManager, plugin_manager
from torch import Tensor

torch.set_num_threads(1)

Build = Callable[[str], Classifier]
Digits = Callable[[str, int], tuple[Tensor, Tensor]]


@pytest.fixture(autouse=True)
def _without_preferences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's disabled plugins do not reach the tests."""
    monkeypatch.setenv("ICBENCH_CONFIG", str(tmp_path))


@pytest.fixture(scope="session")
def manager() -> PluginManager:
    return plugin_manager(warn=False)


@pytest.fixture(scope="session")
def build(manager: PluginManager) -> Build:
    """`build("knn:k=5")` is the classifier, not fitted yet."""
    return lambda spec: manager.select("classifier", spec).build()


@pytest.fixture(scope="session")
def digits() -> Digits:
    """`digits("train", 500)` are the first images of a split, (500, 1, 28, 28) in [0, 1], and their labels."""
    splits = {name: MNIST().split(name, Path()) for name in ("train", "validation")}

    def first(name: str, count: int) -> tuple[Tensor, Tensor]:
        split = splits[name]
        return torch.from_numpy(split.images[:count]).float() / 255, torch.from_numpy(split.labels[:count])

    return first
