"""What the tests share: optimizers as a run builds them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from icbench.kinds.optimizer import Optimizer
from icbench.plugins.component import Selection
from icbench.plugins.manager import PluginManager, plugin_manager

torch.set_num_threads(1)

Build = Callable[..., Optimizer]
NAMES = ("rmsprop", "rprop", "adamw", "lbfgs", "levenberg-marquardt", "langevin")


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, and without the user's preferences."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ICBENCH_CONFIG", str(tmp_path / "config"))
    # `--plugin-file` sets it for the process; the test's end takes it back.
    monkeypatch.setenv("ICBENCH_PLUGIN_FILES", "")


@pytest.fixture(scope="session")
def manager() -> PluginManager:
    return plugin_manager(warn=False)


@pytest.fixture(scope="session")
def build(manager: PluginManager) -> Build:
    """`build("lbfgs", lr=0.5)` is the optimizer, its parameters checked and completed."""

    def built(name: str, **params: bool | int | float | str) -> Optimizer:
        registered = manager.select("optimizer", name).registered
        return Selection(registered, registered.component.complete(params)).build()

    return built
