"""Every component of icbench itself and of the plugins, found by name."""

import logging
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import cache, lru_cache

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
from icbench.plugins.spec import split_params, unquote

LOG = logging.getLogger(__name__)
# What icbench logs is silent until somebody asks for it. All that logs comes by here; the root of the package, which
# `icbench --help` imports, does without the time that logging takes to import.
logging.getLogger("icbench").addHandler(logging.NullHandler())
_VISITING: ContextVar[tuple[PluginSource, ...]] = ContextVar("_VISITING", default=())
CURE = "`icbench plugins doctor` shows more; update, disable or remove it."


def plugin_manager(warn: bool = True) -> "PluginManager":
    """The plugin manager of this process, which is made anew only once other plugins are installed, named or disabled.

    Args:
        warn: give a warning for each plugin that is broken or incompatible.
    """
    visiting = _VISITING.get()
    instead = {canonical(source.dist) for source in visiting}
    sources = [source for source in plugin_sources() if canonical(source.dist) not in instead]
    manager = load_plugins((*sources, *visiting), frozenset(_find_disabled()))
    for status in manager.statuses if warn else []:
        if status.state in ("broken", "incompatible"):
            _warn(status)
    return manager


@contextmanager
def visited_by(sources: Iterable[PluginSource]) -> Iterator[None]:
    """Let the plugin manager have these plugins too, each in the place of what is installed of its distribution."""
    token = _VISITING.set(tuple(sources))
    try:
        yield
    finally:
        _VISITING.reset(token)


@lru_cache(maxsize=1)
def load_plugins(sources: tuple[PluginSource, ...], disabled: frozenset[str]) -> "PluginManager":
    """The plugin manager of these; the last one is kept."""
    return PluginManager(sources, disabled)


@cache
def builtin_components() -> "PluginManager":
    """The plugin manager of icbench's own components alone."""
    return PluginManager()


class PluginManager:
    """All components of icbench itself and of plugins.

    Args:
        sources: the plugins besides the built-ins.
        disabled: the distributions that are not to be loaded, in their canonical spelling.
    """

    def __init__(self, sources: Iterable[PluginSource] = (), disabled: Collection[str] = ()) -> None:
        self._manager = pluggy.PluginManager("icbench")
        self._manager.add_hookspecs(hookspecs)
        self._registered: list[Registered] = []
        self._invalid: dict[tuple[str, str], tuple[PluginSource, str]] = {}
        statuses = [self._load(BUILTIN, ()), *(self._load(source, disabled) for source in sources)]
        self.statuses = _mark_conflicts(statuses, self._registered)

    def components(self, kind: str) -> list[Registered]:
        """Every registered component of `kind`, built-ins first, then by plugin."""
        return [registered for registered in self._registered if registered.kind == kind]

    def find(self, kind: str, name: str) -> Registered:
        """The component called `name`, or `dist/name`. A plain name that a built-in has means the built-in.

        Raises:
            PluginError: it is in a plugin that cannot be used.
            UsageError: there is none, or several distributions bring one of that name.
        """
        bare = name.rpartition("/")[2]
        found = self.find_named(name, [kind])
        own = [registered for registered in found if registered.dist == BUILTIN.dist]
        if len(found) == 1 or own:
            return (own or found)[0]
        if found:
            choices = " or ".join(f"{registered.dist}/{bare}" for registered in found)
            raise UsageError(f"several plugins bring a {kind} '{bare}'", f"Say {choices}.")
        self.raise_if_unusable(name, [kind])
        known = [registered.name for registered in self.components(kind)]
        broken = [status.source.dist for status in self.statuses if status.state == "broken"]
        beside = f" {', '.join(broken)} may have it and is broken: `icbench plugins doctor`." if broken else ""
        raise UsageError(f"there is no {kind} '{name}'", suggestion(bare, known, f"{kind}s") + beside)

    def find_named(self, name: str, kinds: Iterable[str]) -> list[Registered]:
        """The components called `name`, or `dist/name`, of whatever of these kinds."""
        return [registered for kind in kinds for registered in self.components(kind) if means(name, registered)]

    def raise_if_unusable(self, name: str, kinds: Iterable[str]) -> None:
        """Raise if a plugin that cannot be used is the one with the component that is meant.

        Raises:
            PluginError: it is.
        """
        dist, _, bare = name.rpartition("/")
        for source, reason in [self._invalid[kind, bare] for kind in kinds if (kind, bare) in self._invalid]:
            raise PluginError(f"the plugin {source.dist} cannot be used: {reason}", CURE)
        for status in self._unusable():
            source = status.source
            meant = canonical(dist) == canonical(source.dist) if dist else _may_bring(source, bare)
            if meant and status.state == "disabled":
                raise PluginError(f"the plugin {source.dist} is disabled", f"Enable it: {status.reason}.")
            if meant:
                raise PluginError(f"the plugin {source.dist} cannot be used: {status.reason}", CURE)

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

    def _load(self, source: PluginSource, disabled: Collection[str]) -> PluginStatus:
        if canonical(source.dist) in disabled:
            return PluginStatus(source, "disabled", reason=f"enable it with `icbench plugins enable {source.dist}`")
        if not source.value:
            return PluginStatus(source, "broken", "metadata", source.fault)
        incompatible = source.incompatible()
        if incompatible:
            return PluginStatus(source, "incompatible", reason=incompatible)
        loaded = load(source, self._manager)
        self._registered += loaded.registered
        self._invalid |= {key: (source, reason) for key, reason in loaded.invalid.items()}
        found, where = len(loaded.registered), source.file or source.dist
        LOG.info("plugin %s loaded in %.2f s, with %d components", where, loaded.seconds, found)
        return _status(source, loaded)

    def _unusable(self) -> Sequence[PluginStatus]:
        return [status for status in self.statuses if status.state in ("broken", "incompatible", "disabled")]


def _find_disabled() -> set[str]:
    """What the user has disabled; says what of the user's choice cannot be followed."""
    if wrong := fault():
        warnings.warn(f"{wrong}; what it seems to disable stays disabled", PluginWarning, stacklevel=3)
    for name in missing_plugins():
        warnings.warn(f"{ONLY_VARIABLE} names '{name}', which is no installed plugin", PluginWarning, stacklevel=3)
    return disabled_plugins()


def _warn(status: PluginStatus) -> None:
    kept = f" (usable of it: {', '.join(status.components)})" if status.components else ""
    message = f"the plugin {status.source.dist} is {status.state}: {status.reason}{kept}"
    warnings.warn(message, PluginWarning, stacklevel=3)


def _mark_conflicts(statuses: Sequence[PluginStatus], registered: Iterable[Registered]) -> list[PluginStatus]:
    """Let every plugin whose component's name another plugin has too be in conflict."""
    bringing: dict[tuple[str, str], list[str]] = defaultdict(list)
    for component in registered:
        bringing[component.kind, component.name].append(component.dist)
    shared = {key: dists for key, dists in bringing.items() if len(dists) > 1}
    return [_in_conflict(status, shared) for status in statuses]


def _in_conflict(status: PluginStatus, shared: Mapping[tuple[str, str], Sequence[str]]) -> PluginStatus:
    """The status, as one in conflict if a component of the plugin has a shared name."""
    dist = status.source.dist
    about = [
        f"{kind} {name} is also in {', '.join(sorted({*dists} - {dist})) or dist}"
        for (kind, name), dists in shared.items()
        if f"{kind} {name}" in status.components
    ]
    if not about or status.state != "active" or status.source == BUILTIN:
        return status
    return replace(status, state="conflict", reason=f"{'; '.join(about)}: say {dist}/NAME")


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
    for part in split_params(text):
        key, equals, value = part.partition("=")
        if not equals:
            known = ", ".join(f"{param.name}={param.default}" for param in params) or "none"
            raise UsageError(f"'{part}' in '{spec}' is not key=value", f"The parameters are: {known}.")
        yield key.strip(), unquote(value.strip())
