"""Toy components small enough that every claim can be checked by hand or in milliseconds."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from toy import LinearGenerator, ToyDigits

from icbench import storage
from icbench.engine.prepare import prepare
from icbench.engine.settings import Components
from icbench.plugins import manager as manager_module
from icbench.plugins.discovery import FILES_VARIABLE, PluginSource
from icbench.plugins.manager import PluginManager, load_plugins

# The toys are so small that a second thread only adds waiting.
torch.set_num_threads(1)

# A busy machine is no fault of the code.
settings.register_profile("icbench", deadline=None)
settings.load_profile("icbench")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is measured once on a machine is measured once for all tests, and not kept for the user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, and without the user's preferences."""
    monkeypatch.chdir(tmp_path)
    # `--plugin-file` leaves it to the processes that a command starts; here a command's process is all tests'.
    monkeypatch.setenv(FILES_VARIABLE, "")
    monkeypatch.setenv("ICBENCH_CONFIG", str(tmp_path.parent / f"{tmp_path.name}-config"))


@pytest.fixture(autouse=True)
def _plugins_of_its_own() -> None:
    """No test sees the plugins of another, which may be called the same."""
    load_plugins.cache_clear()


@pytest.fixture(autouse=True)
def _no_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command prints does not depend on how busy the machine is."""
    for name in ("FIRST_LINE_SECONDS", "LINE_EVERY_SECONDS"):
        monkeypatch.setattr(f"icbench.report.display.{name}", 1e6)


@pytest.fixture(scope="session")
def manager() -> PluginManager:
    return PluginManager()


@pytest.fixture
def linear() -> LinearGenerator:
    return LinearGenerator()


@pytest.fixture
def components(manager: PluginManager, linear: LinearGenerator) -> Components:
    """The exact toy generator with the built-in distance, optimizer and joint schedule."""
    return Components(
        prepare(linear, torch.device("cpu")),
        manager.select("distance", "mse").build(),
        manager.select("optimizer", "adam").build(),
        manager.select("schedule", "joint").build(),
    )


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images of the linear generator's classes, 50 of them, and their labels."""
    split = ToyDigits().split("test", Path())
    return split.images, split.labels


@pytest.fixture
def use_plugins(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function after which just these plugins are installed, given by module or source."""

    def use(*plugins: str | PluginSource) -> None:
        sources = [
            plugin if isinstance(plugin, PluginSource) else PluginSource(plugin, f"icbench-{plugin}", "1.0", plugin)
            for plugin in plugins
        ]
        monkeypatch.setattr(manager_module, "plugin_sources", lambda: list(sources))

    return use


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder for one test, not there yet."""
    folder = tmp_path / "cache" / "icbench"
    monkeypatch.setattr(storage, "cache_folder", lambda: folder)
    return folder


@pytest.fixture
def fill_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function after which no more is written: the disk is full."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    return lambda: monkeypatch.setattr(os, "fsync", full)


@pytest.fixture
def toy_plugin(use_plugins: Callable[..., None]) -> None:
    """The toy components as an installed plugin, for tests that go through specs."""
    use_plugins("toy")
