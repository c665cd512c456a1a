"""The component under test, with what several checks need of it made once."""

import weakref
from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import torch

from icbench.engine.prepare import prepare
from icbench.errors import MissingDataError, MissingWeightsError
from icbench.plugins.component import Component, Registered, Selection, Value, validate
from icbench.plugins.discovery import PluginSource
from icbench.plugins.manager import PluginManager, plugin_manager
from icbench.plugins.shared_state import preserve_state
from icbench.testing.assertions import Lacking, Skipped

T = TypeVar("T")

Check: TypeAlias = "Callable[[Subject], None]"
"""A plain function over a subject: its name names it, its documentation is its claim in one line."""


def claim(check: Check) -> str:
    """What a check claims of a component, in one line."""
    return (check.__doc__ or check.__name__.replace("_", " ")).strip().splitlines()[0]


class Subject:
    """A component with its parameters decided.

    Args:
        selection: it.
        source: the plugin that brings it, or None for a bare record.
    """

    def __init__(self, selection: Selection, source: PluginSource | None = None) -> None:
        self.selection = selection
        self.source = source
        self._made: dict[Callable[[Subject], Any], Any] = {}
        self._passed: dict[Check, bool] = {}

    @property
    def kind(self) -> str:
        """What it is: "generator", "distance" and so on."""
        return self.selection.registered.kind

    @property
    def record(self) -> Component:
        """What its plugin registered."""
        return self.selection.registered.component

    def with_weights(self, file: Path) -> Selection:
        """The component as selected, with the weights of a file."""
        registered = self.selection.registered
        return Selection(registered, registered.component.complete({**self.selection.params, "weights": str(file)}))

    def has(self, trait: str) -> bool:
        """Whether it declares a trait."""
        return trait in self.record.traits

    def needs_independent_rows(self) -> None:
        """Go on only with a component whose rows have to be independent.

        Raises:
            Skipped: it is a generator that declares that its rows are not, and says which depend on each other.
        """
        if self.has("batch-dependent") and self.kind == "generator" and self.component.batch_group_size > 1:
            raise Skipped(f"it declares batch-dependent, in groups of {self.component.batch_group_size}")

    def build(self) -> Any:
        """A new one, as its factory returns it.

        Raises:
            Lacking: its weights or its data are not here, so that nothing can be said of it.
        """
        try:
            return self.selection.build_watched()
        except (MissingWeightsError, MissingDataError) as error:
            raise Lacking(error.line) from None

    def ready(self, device: torch.device | None = None) -> Any:
        """A new one, as the engine would use it: a generator is frozen on the device."""
        built = self.build()
        return prepare(built, device or torch.device("cpu")) if self.kind == "generator" else built

    @cached_property
    def component(self) -> Any:
        """The one that most checks share."""
        built = self.ready()
        if self.kind == "executor":
            # Its workers end with those who check it.
            weakref.finalize(self, built.close)
        return built

    def passes(self, gate: Check) -> bool:
        """Whether a check finds no fault; made once."""
        if gate not in self._passed:
            try:
                with preserve_state():
                    gate(self)
                self._passed[gate] = True
            except Skipped:
                self._passed[gate] = True
            except KeyboardInterrupt:
                raise
            except BaseException:
                self._passed[gate] = False
        return self._passed[gate]

    def share(self, make: Callable[["Subject"], T]) -> T:
        """What `make` returns for this subject; made once."""
        if make not in self._made:
            self._made[make] = make(self)
        result: T = self._made[make]
        return result


def subject_of(kind: str, given: str | Component | Selection) -> Subject:
    """The subject that a test names.

    Args:
        kind: the component's kind.
        given: a spec, such as `"l1"` or `"icbench-mydist/mydist:width=3"`; a record; or a selection.

    Raises:
        UsageError: a spec that does not fit what is registered.
        PluginError: it is in a plugin that cannot be used.
    """
    if isinstance(given, Selection):
        return Subject(given)
    if isinstance(given, Component):
        params = {} if validate(given) else given.complete({})
        return Subject(Selection(Registered(kind, given, "a bare record", ""), params))
    manager = plugin_manager(warn=False)
    selection = manager.select(kind, given)
    return _cached_subject(
        selection.registered, tuple(selection.params.items()), source_of(manager, selection.registered)
    )


def source_of(manager: PluginManager, registered: Registered) -> PluginSource | None:
    """The plugin that brings a component."""
    mark = f"{registered.kind} {registered.name}"
    return next(
        (s.source for s in manager.statuses if s.source.dist == registered.dist and mark in s.components),
        None,
    )


@lru_cache(maxsize=32)
def _cached_subject(
    registered: Registered, params: tuple[tuple[str, Value], ...], source: PluginSource | None
) -> Subject:
    """One subject for the many tests of a class: they share its splits and fits."""
    return Subject(Selection(registered, dict(params)), source)
