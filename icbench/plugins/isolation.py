"""Every call into a plugin goes through here, so that nothing it does to the process reaches anybody else.

The process is one: while a plugin is called, other threads see what it sees.
"""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

from icbench.plugins.shared_state import preserve_state

T = TypeVar("T")

STDOUT, STDERR = 1, 2
"""File descriptors, which code in C and other programs write to."""

_END: Any = object()
_replaced: list[object] = []
"""Streams that plugins put in place of the process's: thrown away, they would close the file under them."""


@contextlib.contextmanager
def isolate() -> Iterator[None]:
    """Call a plugin within: what all code shares is put back, and what it prints goes to stderr.

    Stdout is for data alone. Around whole calls and batches, not around steps: it takes a fraction of a millisecond.
    """
    with preserve_state(), _printing_to_stderr():
        yield


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """As `isolated`, to import a plugin's code: where warnings are errors, those of its modules are shown instead."""
    with isolate(), warnings.catch_warnings():
        kept = [("default" if action == "error" else action, *rest) for action, *rest in warnings.filters]
        warnings.filters[:] = kept  # type: ignore[index]
        yield


def isolate_each(values: Iterator[T]) -> Iterator[T]:
    """The values of an iterator that runs a plugin's code; whoever takes them is not within."""
    while True:
        with isolate():
            value = next(values, _END)
        if value is _END:
            return
        yield value


@contextlib.contextmanager
def _printing_to_stderr() -> Iterator[None]:
    streams = sys.stdin, sys.stdout, sys.stderr
    _flush()
    kept = _send_to_stderr()
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        _flush()
        _replaced.extend(stream for stream in (sys.stdin, sys.stdout, sys.stderr) if stream not in streams)
        sys.stdin, sys.stdout, sys.stderr = streams
        if kept is not None:
            os.dup2(kept, STDOUT)
            os.close(kept)


def _send_to_stderr() -> int | None:
    """Let file descriptor 1 be stderr; returns another one for what it was, or None if there is no stdout."""
    if sys.__stdout__ is None:
        return None
    try:
        kept = os.dup(STDOUT)
    except OSError:
        return None
    try:
        os.dup2(STDERR, STDOUT)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, STDOUT)
        os.close(nowhere)
    return kept


def _flush() -> None:
    """Write what is still buffered to where stdout leads now."""
    for stream in (sys.stdout, sys.__stdout__):
        # A stream that a plugin made may be anything; one that is closed has nothing left to write.
        with contextlib.suppress(Exception):
            if stream is not None:
                stream.flush()
    # Only who has loaded ctypes, as torch has, can have code in C that prints.
    if "ctypes" in sys.modules:
        _flush_c()()


@cache
def _flush_c() -> Any:
    """C's `fflush`, for all its streams."""
    import ctypes

    try:
        flush = ctypes.CDLL(None).fflush
    except (TypeError, OSError, AttributeError):
        return lambda: 0
    return lambda: flush(None)
