"""The host: every component of icbench itself and of the plugins, found by name."""

import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pluggy

from icbench.errors import PluginError, PluginWarning, UsageError, suggestion
from icbench.plugins import hookspecs
from icbench.plugins.component import Param, Registered, Selection, Value
from icbench.plugins.discovery import (
    BUILTIN,
    ONLY_VARIABLE,
    PluginSource,
    canonical,
    declared_names,
    missing_plugins,
    plugin_sources,
)
from icbench.plugins.loader import Loaded, PluginStatus, load
from icbench.plugins.preferences import disabled_plugins, fault
from icbench.plugins.spec import parts, unquoted

CURE = "`icbench plugins doctor` shows more; update, disable or remove it."


class Host:
    """All components of icbench itself and of the plugins.

    Args:
        discover: load the plugins besides the built-ins.
        warn: give a warning for each plugin that is broken or incompatible.
    """

    def __init__(self, discover: bool = True, warn: bool = True) -> None:
        self._manager = pluggy.PluginManager("icbench")
        self._manager.add_hookspecs(hookspecs)
        self._registered: list[Registered] = []
        self._refused: dict[tuple[str, str], tuple[PluginSource, str]] = {}
        disabled = self._disabled() if discover else set()
        self.statuses = [self._loaded(BUILTIN, set())]
        self.statuses += [self._loaded(source, disabled) for source in (plugin_sources() if discover else [])]
        self._mark_conflicts()
        for status in self.statuses if warn else []:
            if status.state in ("broken", "incompatible"):
                self._warn(status)

    def components(self, kind: str) -> list[Registered]:
        """Every registered component of `kind`, built-ins first, then by plugin."""
        return [registered for registered in self._registered if registered.kind == kind]

    def find(self, kind: str, name: str) -> Registered:
        """The component called `name`, or `dist/name`. A plain name that a built-in has means the built-in.

        Raises:
            PluginError: it is in a plugin that cannot be used.
            UsageError: there is none, or several distributions bring one of that name.
        """
        dist, _, bare = name.rpartition("/")
        found = [registered for registered in self.components(kind) if means(name, registered)]
        own = [registered for registered in found if registered.dist == BUILTIN.dist]
        if len(found) == 1 or own:
            return (own or found)[0]
        if found:
            choices = " or ".join(f"{registered.dist}/{bare}" for registered in found)
            raise UsageError(f"several plugins bring a {kind} '{bare}'", f"Say {choices}.")
        self._raise_if_unusable(kind, dist, bare)
        known = [registered.name for registered in self.components(kind)]
        broken = [status.source.dist for status in self.statuses if status.state == "broken"]
        beside = f" {', '.join(broken)} may have it and is broken: `icbench plugins doctor`." if broken else ""
        raise UsageError(f"there is no {kind} '{name}'", suggestion(bare, known, f"{kind}s") + beside)

    def select(self, kind: str, spec: str) -> Selection:
        """The component and parameters that `spec` (`name:key=value,key=value`) asks for.

        Raises:
            UsageError: an unknown component or parameter, or a value that does not fit.
        """
        name, _, assignments = spec.partition(":")
        registered = self.find(kind, name.strip())
        component = registered.component
        given: dict[str, Value] = {}
        for key, text in _assignments(assignments, spec, component.params):
            if key in given:
                hint = f"Say it once; for a grid repeat --{kind}: {registered.name}:{key}=… for each value."
                raise UsageError(f"'{key}' is given twice in '{spec}'", hint)
            given[key] = component.param(key).parse(text)
        return Selection(registered, component.complete(given))

    def with_param(self, selection: Selection, name: str, value: Value) -> Selection:
        """`selection` with one more parameter decided.

        Raises:
            UsageError: the component has no such parameter, or the value does not fit.
        """
        component = selection.registered.component
        return Selection(selection.registered, component.complete({**selection.params, name: value}))

    @staticmethod
    def _disabled() -> set[str]:
        """What the user has disabled; says what of the user's choice cannot be followed."""
        if wrong := fault():
            warnings.warn(f"{wrong}; what it seems to disable stays disabled", PluginWarning, stacklevel=3)
        for name in missing_plugins():
            warnings.warn(f"{ONLY_VARIABLE} names '{name}', which is no installed plugin", PluginWarning, stacklevel=3)
        return disabled_plugins()

    def _loaded(self, source: PluginSource, disabled: set[str]) -> PluginStatus:
        if canonical(source.dist) in disabled:
            return PluginStatus(source, "disabled", reason=f"enable it with `icbench plugins enable {source.dist}`")
        if not source.value:
            return PluginStatus(source, "broken", "metadata", source.fault)
        incompatible = source.incompatible()
        if incompatible:
            return PluginStatus(source, "incompatible", reason=incompatible)
        loaded = load(source, self._manager)
        self._registered += loaded.registered
        self._refused |= {key: (source, reason) for key, reason in loaded.refused.items()}
        return _status(source, loaded)

    def _mark_conflicts(self) -> None:
        """Let every plugin whose component's name another plugin has too be in conflict."""
        bringing: dict[tuple[str, str], list[str]] = defaultdict(list)
        for registered in self._registered:
            bringing[registered.kind, registered.name].append(registered.dist)
        shared = {key: dists for key, dists in bringing.items() if len(dists) > 1}
        for number, status in enumerate(self.statuses):
            about = [
                f"{kind} {name} is also in {', '.join(sorted({*dists} - {status.source.dist})) or status.source.dist}"
                for (kind, name), dists in shared.items()
                if f"{kind} {name}" in status.components
            ]
            if about and status.state == "active" and status.source != BUILTIN:
                reason = f"{'; '.join(about)}: say {status.source.dist}/NAME"
                self.statuses[number] = replace(status, state="conflict", reason=reason)

    def _raise_if_unusable(self, kind: str, dist: str, name: str) -> None:
        """Raise if a plugin that cannot be used is the one that is meant."""
        if (kind, name) in self._refused:
            source, reason = self._refused[kind, name]
            raise PluginError(f"the plugin {source.dist} cannot be used: {reason}", CURE)
        for status in self._unusable():
            source = status.source
            meant = canonical(dist) == canonical(source.dist) if dist else _may_bring(source, name)
            if meant and status.state == "disabled":
                raise PluginError(f"the plugin {source.dist} is disabled", f"Enable it: {status.reason}.")
            if meant:
                raise PluginError(f"the plugin {source.dist} cannot be used: {status.reason}", CURE)

    def _unusable(self) -> Sequence[PluginStatus]:
        return [status for status in self.statuses if status.state in ("broken", "incompatible", "disabled")]

    @staticmethod
    def _warn(status: PluginStatus) -> None:
        kept = f" (usable of it: {', '.join(status.components)})" if status.components else ""
        message = f"the plugin {status.source.dist} is {status.state}: {status.reason}{kept}"
        warnings.warn(message, PluginWarning, stacklevel=3)


def means(name: str, registered: Registered) -> bool:
    """Whether `name`, or `dist/name` with the distribution's name in any spelling, is a component's."""
    dist, _, bare = name.rpartition("/")
    return registered.name == bare and (not dist or canonical(dist) == canonical(registered.dist))


def _may_bring(source: PluginSource, name: str) -> bool:
    """Whether a plugin that could not be loaded is likely the one with the component `name`."""
    called = {canonical(source.entry_point), canonical(source.dist).removeprefix("icbench-")}
    return canonical(name) in called or name in declared_names(source)


def _status(source: PluginSource, loaded: Loaded) -> PluginStatus:
    return PluginStatus(
        source=source,
        state="broken" if loaded.stage else "active",
        stage=loaded.stage,
        reason=loaded.reason or source.fault,
        components=tuple(f"{registered.kind} {registered.name}" for registered in loaded.registered),
        traceback=loaded.traceback,
        seconds=loaded.seconds,
    )


def _assignments(text: str, spec: str, params: tuple[Param, ...]) -> Iterator[tuple[str, str]]:
    for part in parts(text):
        key, equals, value = part.partition("=")
        if not equals:
            known = ", ".join(f"{param.name}={param.default}" for param in params) or "none"
            raise UsageError(f"'{part}' in '{spec}' is not key=value", f"The parameters are: {known}.")
        yield key.strip(), unquoted(value.strip())
