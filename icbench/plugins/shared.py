"""What a piece of the state is that all code of a process shares."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shared:
    """One piece of shared state.

    Args:
        area: "random", "torch" or "process".
        name: what to call it.
        get: its value now, comparable by `==`.
        set: put a value back.
    """

    area: str
    name: str
    get: Callable[[], Any]
    set: Callable[[Any], object]
