"""Where a verb's output goes: data to stdout, everything else to stderr."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console, RenderableType
from rich.text import Text

from icbench.errors import IcbenchError
from icbench.report.table import printable


def messages() -> Console:
    """The console for progress and messages: stderr."""
    return Console(stderr=True)


def say(lines: Iterable[str], style: str = "") -> None:
    """Print lines on stderr as they are, one each."""
    console = messages()
    for line in lines:
        console.print(Text(printable(line)), style=style, soft_wrap=True)


class _Printing(logging.Handler):
    """Prints what is logged as messages are printed, so that it does not disturb a display of progress."""

    def emit(self, record: logging.LogRecord) -> None:
        say([self.format(record)])


@contextmanager
def print_log() -> Iterator[None]:
    """Within it, what icbench logs is printed on stderr."""
    logger, handler = logging.getLogger("icbench"), _Printing()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def data() -> Console:
    """The console for data: stdout. What is not a terminal gets a width that cuts no cell off."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, 120))


def show(renderable: RenderableType) -> None:
    """Print data on stdout."""
    data().print(renderable)


def make_file(what: str, file: Path, make: Callable[[], None], quiet: bool = False) -> list[str]:
    """Make a file that was asked for beside the data, and say where it is unless all is to be quiet.

    Returns:
        what kept it from being made, if anything did, as a line: what was computed is printed all the same.
    """
    from icbench.report.display import Display

    try:
        with Display(messages(), quiet) as display, display.working(f"making the {what} {file}"):
            make()
    except KeyboardInterrupt:
        return [f"the {what} {file} is not made: interrupted"]
    except Exception as error:
        return [f"the {what} {file} is not made: {_reason(error)}"]
    if not quiet:
        say([f"{what}: {file}"])
    return []


def _reason(error: Exception) -> str:
    if isinstance(error, IcbenchError):
        return error.line
    if click.get_current_context().find_root().params.get("debug"):
        raise error
    return f"internal error: {type(error).__name__}: {error}"
