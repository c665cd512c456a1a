"""Loading one plugin, stage by stage, so that whatever it does is its own failure and named as such."""

import contextlib
import importlib.util
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Literal

import pluggy

from icbench.component import ALL_KINDS, Component, Registered, faults
from icbench.plugins.sources import GROUP, PluginSource

State = Literal["active", "disabled", "incompatible", "broken", "conflict"]

MOST_RECORDS = 1000
HOOKS = {f"icbench_{kind}s": kind for kind in ALL_KINDS}


class PluginWarning(UserWarning):
    """A plugin could not be used; the others were."""


@dataclass(frozen=True)
class PluginStatus:
    """One plugin and what became of it.

    Args:
        source: where it comes from.
        state: "active"; "disabled" by the user; "incompatible" with this icbench; "broken"; or in "conflict" about a
            component's name, which is usable as `dist/name` then.
        stage: where it broke: "import", "hook signature", "hook call", "iteration" or "bad record".
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
        refused: reasons by the kind and name of components that are not usable.
        stage, reason, traceback: of the first failure; empty if there was none.
        seconds: what importing it took.
    """

    registered: list[Registered] = field(default_factory=list)
    refused: dict[tuple[str, str], str] = field(default_factory=dict)
    stage: str = ""
    reason: str = ""
    traceback: str = ""
    seconds: float = 0.0

    def fail(self, stage: str, reason: str, trace: str = "") -> None:
        if not self.stage:
            self.stage, self.reason, self.traceback = stage, reason, trace


class _StageError(Exception):
    """A stage that did not work out."""

    def __init__(self, stage: str, reason: str, trace: str = "") -> None:
        super().__init__(reason)
        self.stage, self.reason, self.trace = stage, reason, trace


def load(source: PluginSource, manager: pluggy.PluginManager) -> Loaded:
    """Import a plugin, register it and collect its records. Never raises for what the plugin does."""
    loaded = Loaded()
    started = time.perf_counter()
    try:
        with _stage("import"):
            plugin = _imported(source)
        loaded.seconds = time.perf_counter() - started
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
    """Turn whatever is raised inside into a failure of this stage.

    What is printed goes to stderr, as stdout is for data, and the working folder stays what it is.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr), contextlib.chdir("."):
            yield
    # SystemExit and the like too: a plugin that exits must not take the tool with it.
    except (Exception, SystemExit, GeneratorExit) as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise _StageError(name, " ".join(reason.split()), traceback.format_exc()) from error


def _imported(source: PluginSource) -> Any:
    if source.file is None:
        return EntryPoint(source.entry_point, source.value, GROUP).load()
    file = source.file.resolve()
    loaded = sys.modules.get(source.value)
    if loaded is not None and getattr(loaded, "__file__", None) == str(file):
        return loaded
    # Found by its name as well where its folder is on the path, as with `python -m icbench`.
    other = importlib.util.find_spec(source.value) if loaded is None else None
    if loaded is not None or (other and Path(other.origin or "").resolve() != file):
        raise ImportError(f"a module named {source.value} is there already; rename the file")
    spec = importlib.util.spec_from_file_location(source.value, file)
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
    wrong = faults(record)
    if isinstance(record, Component):
        known = [r.name for r in loaded.registered if r.kind == kind]
        wrong += [f"it yields {kind} {record.name} twice"] if record.name in known else []
    if not wrong and isinstance(record, Component):
        loaded.registered.append(Registered(kind, record, source.dist, source.version))
        return
    name = getattr(record, "name", "")
    reason = f"{kind} {name or repr(record)[:80]}: {'; '.join(wrong)}"
    if isinstance(name, str) and name:
        loaded.refused[kind, name] = reason
    loaded.fail("bad record", reason)
