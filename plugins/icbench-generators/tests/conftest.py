"""What the tests share: generators built as a run builds them, and real digits."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from icbench.builtin.datasets.mnist import MNIST
from icbench.kinds.dataset import Dataset, Split
from icbench.kinds.generator import Generator
from icbench.plugins.component import Selection
from icbench.plugins.manager import PluginManager, plugin_manager

torch.set_num_threads(1)

Build = Callable[..., Generator]


class SmallDigits(Dataset):
    """A few real digits, so that a training takes a second."""

    num_classes = 10
    licence = "CC BY-SA 3.0"

    def __init__(self) -> None:
        whole = MNIST().split("validation", Path())
        rows = {"train": slice(0, 600), "validation": slice(600, 640)}
        self.parts = {name: Split(whole.images[part], whole.labels[part]) for name, part in rows.items()}

    def split(self, name: str, folder: Path) -> Split:
        return self.parts[name]

    def status(self, folder: Path) -> str:
        return "in memory"


@pytest.fixture(autouse=True)
def _without_preferences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's disabled plugins do not reach the tests."""
    monkeypatch.setenv("ICBENCH_CONFIG", str(tmp_path))


@pytest.fixture(scope="session")
def manager() -> PluginManager:
    return plugin_manager(warn=False)


@pytest.fixture(scope="session")
def build(manager: PluginManager) -> Build:
    """`build("lstm:picks=random", weights=file)` is the generator, its parameters checked and completed."""

    def built(spec: str, **params: int | str) -> Generator:
        selection = manager.select("generator", spec)
        given = {**selection.params, **params}
        return Selection(selection.registered, selection.registered.component.complete(given)).build()

    return built


@pytest.fixture(scope="session")
def small() -> SmallDigits:
    return SmallDigits()


@pytest.fixture(scope="session")
def validation() -> Split:
    return MNIST().split("validation", Path())
