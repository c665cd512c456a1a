"""Where a verb's output goes: data to stdout, everything else to stderr."""

from collections.abc import Iterable
from pathlib import Path

import click
from rich.console import Console, RenderableType
from rich.text import Text

from icbench.report.grid import printable


def messages() -> Console:
    """The console for progress and messages: stderr."""
    return Console(stderr=True)


def say(lines: Iterable[str], style: str = "") -> None:
    """Print lines on stderr as they are, one each."""
    console = messages()
    for line in lines:
        console.print(Text(printable(line)), style=style, soft_wrap=True)


def data() -> Console:
    """The console for data: stdout. What is not a terminal gets a width that cuts no cell off."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, 120))


def show(renderable: RenderableType) -> None:
    """Print data on stdout."""
    data().print(renderable)


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")

results_option = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("icbench-results"),
    show_default=True,
    help="The results folder.",
)
