"""Loading one plugin, stage by stage, so that whatever it does is its own failure and named as such."""

import contextlib
import importlib.util
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint
from typing import Any, Literal

import pluggy

from icbench.kinds.names import ALL_KINDS
from icbench.plugins.component import Component, Registered, validate
from icbench.plugins.discovery import GROUP, PluginSource, module_name
from icbench.plugins.isolation import importing

State = Literal["active", "disabled", "incompatible", "broken", "conflict"]

MOST_RECORDS = 1000
HOOKS = {f"icbench_{kind}s": kind for kind in ALL_KINDS}


@dataclass(frozen=True)
class PluginStatus:
    """One plugin and what became of it.

    Args:
        source: where it comes from.
        state: "active"; "disabled" by the user; "incompatible" with this icbench; "broken"; or in "conflict" about a
            component's name, which is usable as `dist/name` then.
        stage: where it broke: "metadata", "import", "hook signature", "hook call", "iteration" or "bad record".
        reason: why, in one line.
        components: what it offers, as `kind name`.
        traceback: of what it raised.
        seconds: what importing it took.
    """

    source: PluginSource
    state: State
    stage: str = ""
    reason: str = ""
    components: tuple[str, ...] = ()
    traceback: str = ""
    seconds: float = 0.0


@dataclass
class Loaded:
    """What a plugin offers, and what was wrong with it.

    Args:
        registered: its usable components.
        invalid: reasons by the kind and name of components that are not usable.
        stage, reason, traceback: of the first failure; empty if there was none.
        seconds: what importing it took.
    """

    registered: list[Registered] = field(default_factory=list)
    invalid: dict[tuple[str, str], str] = field(default_factory=dict)
    stage: str = ""
    reason: str = ""
    traceback: str = ""
    seconds: float = 0.0

    def fail(self, stage: str, reason: str, trace: str = "") -> None:
        """Note a failure, unless there was one before."""
        if not self.stage:
            self.stage, self.reason, self.traceback = stage, reason, trace


class _StageError(Exception):
    """A stage that did not work out."""

    def __init__(self, stage: str, reason: str, trace: str = "") -> None:
        super().__init__(reason)
        self.stage, self.reason, self.trace = stage, reason, trace


def load(source: PluginSource, manager: pluggy.PluginManager) -> Loaded:
    """Import a plugin, register it and collect its records. Never raises for what the plugin does."""
    with importing():
        return _load(source, manager)


def _load(source: PluginSource, manager: pluggy.PluginManager) -> Loaded:
    loaded = Loaded()
    started = time.perf_counter()
    try:
        with _stage("import"):
            plugin = _import_source(source)
        loaded.seconds = time.perf_counter() - started
        if manager.is_registered(plugin):
            loaded.reason = f"it is the same as {manager.get_name(plugin)}, and counts once"
            return loaded
        with _stage("hook signature"):
            manager.register(plugin, name=f"{source.dist}:{source.entry_point}")
        _check_hooks(plugin, manager)
    except _StageError as failure:
        loaded.fail(failure.stage, failure.reason, failure.trace)
        return loaded
    for hook, kind in HOOKS.items():
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            if implementation.plugin is plugin:
                _collect(source, kind, implementation.function, loaded)
    return loaded


@contextlib.contextmanager
def _stage(name: str) -> Iterator[None]:
    """Turn whatever is raised inside into a failure of this stage."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    # `sys.exit`, a test that is skipped, a panic of Rust code: no plugin takes the tool with it.
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise _StageError(name, " ".join(reason.split()), traceback.format_exc()) from error


def _import_source(source: PluginSource) -> Any:
    if source.file is None:
        return EntryPoint(source.entry_point, source.value, GROUP).load()
    if source.value in sys.modules:
        return sys.modules[source.value]
    spec = importlib.util.spec_from_file_location(source.value, source.file.resolve())
    if spec is None or spec.loader is None:
        raise ImportError(f"{source.file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[source.value] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[source.value]
        raise
    return module


def _check_hooks(plugin: Any, manager: pluggy.PluginManager) -> None:
    callers = manager.get_hookcallers(plugin) or []
    for caller in callers:
        if caller.name not in HOOKS:
            raise _StageError("hook signature", f"there is no hook {caller.name}; the hooks are {', '.join(HOOKS)}")
        for implementation in caller.get_hookimpls():
            if implementation.plugin is plugin and (implementation.hookwrapper or implementation.wrapper):
                raise _StageError("hook signature", f"{caller.name} must not be a wrapper")
    if not callers:
        raise _StageError("hook signature", "it implements no hook; mark its functions with icbench.hookimpl")


def _collect(source: PluginSource, kind: str, hook: Any, loaded: Loaded) -> None:
    """Add what one hook yields; what came before a failure stays usable."""
    try:
        with _stage("hook call"):
            yielded = hook()
        for record in _records(yielded):
            _add(source, kind, record, loaded)
    except _StageError as failure:
        loaded.fail(failure.stage, f"icbench_{kind}s: {failure.reason}", failure.trace)


def _records(yielded: Any) -> Iterator[object]:
    if isinstance(yielded, Component) or yielded is None:
        raise _StageError("hook call", f"it returned {type(yielded).__name__}; a hook yields Components")
    with _stage("iteration"):
        iterator = iter(yielded)
    for _ in range(MOST_RECORDS):
        with _stage("iteration"):
            try:
                record = next(iterator)
            except StopIteration:
                return
        yield record
    raise _StageError("iteration", f"it yields more than {MOST_RECORDS} records")


def _add(source: PluginSource, kind: str, record: object, loaded: Loaded) -> None:
    wrong = validate(record)
    if isinstance(record, Component):
        known = [r.name for r in loaded.registered if r.kind == kind]
        wrong += [f"it yields {kind} {record.name} twice"] if record.name in known else []
    if not wrong and isinstance(record, Component):
        loaded.registered.append(Registered(kind, _in_file(source, record), source.dist, source.version))
        return
    name = getattr(record, "name", "")
    reason = f"{kind} {name or repr(record)[:80]}: {'; '.join(wrong)}"
    if isinstance(name, str) and name:
        loaded.invalid[kind, name] = reason
    loaded.fail("bad record", reason)


def _in_file(source: PluginSource, record: Component) -> Component:
    """The record with paths that lead to its own file by the file's name, as `"l4:L4"` in l4.py, made to do so."""
    if source.file is None:
        return record
    own = {source.file.stem, module_name(source.file)}

    def path(written: str) -> str:
        module, _, name = written.partition(":")
        return f"{source.value}:{name}" if module in own else written

    return replace(record, factory=path(record.factory), trainer=path(record.trainer))
