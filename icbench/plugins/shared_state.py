"""The state that all code of a process shares, which a component must leave as it found it."""

import contextlib
import gc
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import Any

from icbench.plugins.shared import Shared


def shared_state() -> dict[Shared, Any]:
    """The values of all of it, of libraries as far as they are loaded."""
    loaded = [library for library in LIBRARIES if sys.modules.get(library)]
    return _values((*PROCESS, *(shared for library in loaded for shared in _pieces(library))))


def changes(before: dict[Shared, Any]) -> list[Shared]:
    """What is no longer as it was."""
    return [shared for shared, value in before.items() if shared.get() != value]


@contextlib.contextmanager
def preserve_state() -> Iterator[None]:
    """Put everything back afterwards; a library that is loaded within goes back to what it was when it was loaded."""
    before = shared_state()
    arrivals = _Arrivals(before)
    sys.meta_path.insert(0, arrivals)
    try:
        yield
    finally:
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not arrivals]
        # One after the other, in their order: what comes first may change how the next are read.
        for shared, value in before.items():
            if shared.get() != value:
                shared.set(value)


class _Arrivals:
    """Adds the state of a library to `before` as soon as it is loaded, ahead of whatever its importer does to it."""

    def __init__(self, before: dict[Shared, Any]) -> None:
        self.before = before

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in LIBRARIES:
            return None
        later = sys.meta_path[sys.meta_path.index(self) + 1 :]
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in later)), None)
        if spec and isinstance(spec.loader, SourceFileLoader):
            self._note_after(spec.loader, name)
        return spec

    def _note_after(self, loader: SourceFileLoader, name: str) -> None:
        execute = loader.exec_module

        def execute_and_note(module: Any) -> None:
            execute(module)
            self.before.update(_values(_pieces(name)))

        loader.exec_module = execute_and_note  # type: ignore[method-assign]


def _values(pieces: tuple[Shared, ...]) -> dict[Shared, Any]:
    return {shared: shared.get() for shared in pieces}


@cache
def _pieces(library: str) -> tuple[Shared, ...]:
    return LIBRARIES[library]()


def _working_folder() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return ""


def _set_working_folder(folder: str) -> None:
    # A folder that is gone cannot be gone back to.
    with contextlib.suppress(OSError):
        os.chdir(folder)


def _set_environment(values: dict[str, str]) -> None:
    for name in {*os.environ} - {*values}:
        del os.environ[name]
    os.environ.update({name: value for name, value in values.items() if os.environ.get(name) != value})


def _set_filters(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]
    # Lets Python look at the filters anew.
    with warnings.catch_warnings():
        pass


def _set_show_warning(function: Any) -> None:
    warnings.showwarning = function


def _set_path(folders: list[str]) -> None:
    """What was added stays importable, behind what was there: a plugin may have its own modules in its own folder."""
    sys.path[:] = [*folders, *(folder for folder in sys.path if folder not in folders)]


def _set_collecting(collecting: bool) -> None:
    (gc.enable if collecting else gc.disable)()


def _set_exception_hook(function: Any) -> None:
    sys.excepthook = function


PROCESS = (
    Shared("process", "the working folder", _working_folder, _set_working_folder),
    Shared("process", "os.environ", lambda: dict(os.environ), _set_environment),
    Shared("process", "the warnings filters", lambda: list(warnings.filters), _set_filters),
    Shared("process", "warnings.showwarning", lambda: warnings.showwarning, _set_show_warning),
    Shared("process", "sys.path", lambda: list(sys.path), _set_path),
    Shared("process", "sys.excepthook", lambda: sys.excepthook, _set_exception_hook),
    Shared("process", "garbage collection", gc.isenabled, _set_collecting),
)


def _of_random() -> tuple[Shared, ...]:
    import random

    return (Shared("random", "Python's random numbers", random.getstate, random.setstate),)


def _of_numpy() -> tuple[Shared, ...]:
    import pickle

    import numpy as np

    return (
        Shared(
            "random",
            "numpy's random numbers",
            lambda: pickle.dumps(np.random.get_state()),
            lambda state: np.random.set_state(pickle.loads(state)),
        ),
        Shared("process", "numpy's error settings", np.geterr, lambda values: np.seterr(**values)),
    )


def _of_torch() -> tuple[Shared, ...]:
    from icbench.plugins.torch_state import TORCH

    return TORCH


def _of_logging() -> tuple[Shared, ...]:
    import logging

    root = logging.getLogger()

    def set_handlers(handlers: list[logging.Handler]) -> None:
        root.handlers[:] = handlers

    return (
        Shared("process", "logging's level", lambda: root.level, root.setLevel),
        Shared("process", "logging's handlers", lambda: list(root.handlers), set_handlers),
        Shared("process", "logging.disable", lambda: logging.root.manager.disable, logging.disable),
    )


def _of_signal() -> tuple[Shared, ...]:
    import signal
    import threading

    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGALRM", "SIGCHLD")
    watched = [getattr(signal, name) for name in names if hasattr(signal, name)]

    def set_handlers(handlers: dict[signal.Signals, Any]) -> None:
        # Only the main thread may set them, so no other can have changed them either.
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                if handler is not None and signal.getsignal(number) != handler:
                    signal.signal(number, handler)

    handlers = lambda: {number: signal.getsignal(number) for number in watched}  # noqa: E731
    return (Shared("process", "signal handlers", handlers, set_handlers),)


def _of_locale() -> tuple[Shared, ...]:
    import locale

    setlocale, everything = locale.setlocale, locale.LC_ALL
    return (Shared("process", "the locale", lambda: setlocale(everything), lambda value: setlocale(everything, value)),)


def _of_decimal() -> tuple[Shared, ...]:
    import decimal

    def set_context(parts: Any) -> None:
        kind, values = parts
        decimal.setcontext(kind(*values))

    return (Shared("process", "the decimal context", lambda: decimal.getcontext().__reduce__(), set_context),)


LIBRARIES: dict[str, Callable[[], tuple[Shared, ...]]] = {
    "random": _of_random,
    "logging": _of_logging,
    "signal": _of_signal,
    "locale": _of_locale,
    "decimal": _of_decimal,
    "numpy": _of_numpy,
    "torch": _of_torch,
}
"""The state that a library keeps for everyone, by the library; none is imported for the sake of it."""
