"""Stdout and stderr as a command line needs them: they take any text, and what cannot be written is told in a line."""

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

LIKENESS = {"–": "-", "−": "-", "·": ".", "×": "x", "±": "~", "…": ".", "◆": "*", "ρ": "r"}
"""What stands for a character that a stream cannot hold, one for one so that columns stay in line; else it is `?`."""
HANDLER = "icbench-likeness"


class StreamError(Exception):
    """Stdout cannot be written.

    Args:
        cause: what the system said.
    """

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause

    @property
    def nobody_reads(self) -> bool:
        """Whether whoever read it has had enough, which is no failure worth a line."""
        return isinstance(self.cause, BrokenPipeError)


class _Stream:
    """A text stream; what is not named here is the original's."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._failed: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        # Through the buffer, click would write UTF-8 where the stream says that it holds ASCII.
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self._try(lambda: self._stream.write(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, act: Callable[[], object]) -> None:
        """Do it, unless it failed once: whoever tries whether a stream can be written does not tell what it found."""
        try:
            if not self._failed:
                act()
        except OSError as error:
            self._failed = error
            # What is left in the buffer must not fail once more when the interpreter ends.
            self._lead_nowhere()
        if self._failed:
            self._fail(self._failed)

    def _fail(self, error: OSError) -> None:
        raise StreamError(error) from error

    def _lead_nowhere(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


class _Messages(_Stream):
    """Stderr: where it cannot be written there is nobody to tell, and no reason to stop."""

    def _fail(self, error: OSError) -> None:
        pass


@contextlib.contextmanager
def tolerant_streams() -> Iterator[None]:
    """Let stdout and stderr replace what they cannot hold, and stdout raise `StreamError` if it cannot be written."""
    codecs.register_error(HANDLER, _likeness)
    streams = sys.stdout, sys.stderr
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)
    if sys.stdout is not None:
        sys.stdout = _Stream(sys.stdout)
    if sys.stderr is not None:
        sys.stderr = _Messages(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


def _likeness(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(LIKENESS.get(character, "?") for character in error.object[error.start : error.end]), error.end
