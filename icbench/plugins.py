"""Finding plugins and what they offer, so that a broken one costs its own components and nothing else."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from icbench import hookspecs
from icbench.component import KINDS, Component, Param, Registered, Selection, Value, suggestion
from icbench.errors import PluginError, UsageError
from icbench.version import __version__

GROUP = "icbench"
BUILTIN_DIST = "icbench"


@dataclass(frozen=True)
class PluginStatus:
    """One installed plugin: whether it could be used, and the reason if not."""

    entry_point: str
    dist: str
    version: str
    state: str
    reason: str = ""


class PluginWarning(UserWarning):
    """A plugin could not be used; the others were."""


class Host:
    """All components of icbench itself and of the installed plugins.

    Args:
        discover: load the installed distributions' entry points besides the built-ins.
    """

    def __init__(self, discover: bool = True) -> None:
        self._manager = pluggy.PluginManager("icbench")
        self._manager.add_hookspecs(hookspecs)
        self.statuses: list[PluginStatus] = []
        self._registered: list[Registered] = []
        self._broken: dict[str, str] = {}
        self._load("builtin", BUILTIN_DIST, __version__, "icbench.builtin")
        for entry_point in sorted(entry_points(group=GROUP), key=lambda point: point.name) if discover else []:
            self._load_entry_point(entry_point)

    def components(self, kind: str) -> list[Registered]:
        """Every registered component of `kind`, built-ins first, then by plugin."""
        return [registered for registered in self._registered if registered.kind == kind]

    def find(self, kind: str, name: str) -> Registered:
        """The component called `name`, or `dist/name`.

        Raises:
            UsageError: there is none, or several distributions bring one of that name.
        """
        dist, _, bare = name.rpartition("/")
        found = [r for r in self.components(kind) if r.name == bare and dist in ("", r.dist)]
        if len(found) == 1:
            return found[0]
        if found:
            choices = " or ".join(f"{registered.dist}/{bare}" for registered in found)
            raise UsageError(f"several plugins bring a {kind} '{bare}'", f"Say {choices}.")
        if dist in self._broken:
            raise PluginError(f"the plugin {dist} cannot be used: {self._broken[dist]}", f"Update or remove {dist}.")
        known = [registered.name for registered in self.components(kind)]
        raise UsageError(f"there is no {kind} '{name}'", suggestion(bare, known, f"{kind}s"))

    def select(self, kind: str, spec: str) -> Selection:
        """The component and parameters that `spec` (`name:key=value,key=value`) asks for.

        Raises:
            UsageError: an unknown component or parameter, or a value that does not fit.
        """
        name, _, assignments = spec.partition(":")
        registered = self.find(kind, name.strip())
        component = registered.component
        given = {
            key: component.param(key).parse(text) for key, text in _assignments(assignments, spec, component.params)
        }
        return Selection(registered, component.complete(given))

    def with_param(self, selection: Selection, name: str, value: Value) -> Selection:
        """`selection` with one more parameter decided.

        Raises:
            UsageError: the component has no such parameter, or the value does not fit.
        """
        component = selection.registered.component
        return Selection(selection.registered, component.complete({**selection.params, name: value}))

    def _load_entry_point(self, entry_point: EntryPoint) -> None:
        dist = entry_point.dist.name if entry_point.dist else entry_point.value
        version = entry_point.dist.version if entry_point.dist else ""
        self._load(entry_point.name, dist, version, entry_point.value)

    def _load(self, name: str, dist: str, version: str, value: str) -> None:
        # SystemExit too: a plugin that exits while it is imported must not take the tool with it.
        try:
            plugin = EntryPoint(name, value, GROUP).load()
            self._manager.register(plugin, name=f"{dist}:{name}")
            self._registered.extend(self._offers(plugin, dist, version))
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {error}"
            self._broken[dist] = reason
            self.statuses.append(PluginStatus(name, dist, version, "broken", reason))
            warnings.warn(f"the plugin {dist} is left out: {reason}", PluginWarning, stacklevel=2)
        else:
            self.statuses.append(PluginStatus(name, dist, version, "active"))

    def _offers(self, plugin: Any, dist: str, version: str) -> list[Registered]:
        """What `plugin` yields, as a list so that a failure half way leaves nothing of it registered."""
        return [
            Registered(kind, _checked(component), dist, version)
            for kind in KINDS
            for component in self._yielded(f"icbench_{kind}s", plugin)
        ]

    def _yielded(self, hook: str, plugin: Any) -> Iterator[object]:
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            if implementation.plugin is plugin:
                yield from implementation.function()


def _checked(component: object) -> Component:
    if not isinstance(component, Component):
        raise TypeError(f"a hook yielded {component!r}, not a Component")
    return component


def _assignments(text: str, spec: str, params: tuple[Param, ...]) -> Iterator[tuple[str, str]]:
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            known = ", ".join(f"{param.name}={param.default}" for param in params) or "none"
            raise UsageError(f"'{part}' in '{spec}' is not key=value", f"The parameters are: {known}.")
        yield key.strip(), value.strip()
