"""How a fault is written down: a component, deliberately faulty, and the checks that are meant to catch it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from icbench import Component, Param

T = TypeVar("T", bound=Callable)


@dataclass(frozen=True)
class Fault:
    """A faulty component.

    Args:
        kind: what it is.
        component: its record.
        caught_by: the names of exactly those checks that fail.
    """

    kind: str
    component: Component
    caught_by: frozenset[str]

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.component.name}"


class Faults(list[Fault]):
    """The faulty components of one kind; used as a decorator of factories."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def __call__(
        self, *caught_by: str, traits: tuple[str, ...] = (), params: tuple[Param, ...] = (), trainer: str = ""
    ) -> Callable[[T], T]:
        """Note a factory down as caught by these checks; its documentation says what is wrong with it."""

        def note(factory: T) -> T:
            name = re.sub(r"(?<=.)([A-Z])", r"-\1", factory.__name__).replace("_", "-").lower()
            summary = (factory.__doc__ or "").strip().splitlines()[0]
            path = f"{factory.__module__}:{factory.__name__}"
            component = Component(name, path, summary, params, traits, trainer)
            self.append(Fault(self.kind, component, frozenset(caught_by)))
            return factory

        return note
