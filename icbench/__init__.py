"""icbench: a benchmark suite for inverse classification.

Importing it is cheap: what it offers is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from icbench.version import __version__

if TYPE_CHECKING:
    from icbench.api import invert, leaderboard, run
    from icbench.compute.allocator import keep_freed_memory
    from icbench.plugins.component import Component, Param
    from icbench.plugins.hookspecs import hookimpl

__all__ = ["Component", "Param", "__version__", "hookimpl", "invert", "keep_freed_memory", "leaderboard", "run"]

PLACES = {
    "Component": "icbench.plugins.component",
    "Param": "icbench.plugins.component",
    "hookimpl": "icbench.plugins.hookspecs",
    "invert": "icbench.api",
    "keep_freed_memory": "icbench.compute.allocator",
    "leaderboard": "icbench.api",
    "run": "icbench.api",
}
"""Where each name is defined."""


def __getattr__(name: str) -> Any:
    """What is not imported yet."""
    if name not in PLACES:
        raise AttributeError(f"module 'icbench' has no attribute '{name}'")
    globals()[name] = found = getattr(import_module(PLACES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
