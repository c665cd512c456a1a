"""Where a verb's output goes: data to stdout, everything else to stderr."""

import click
from rich.console import Console, RenderableType


def messages() -> Console:
    """The console for progress and messages: stderr."""
    return Console(stderr=True)


def show(renderable: RenderableType) -> None:
    """Print data on stdout. What is not a terminal gets the whole width it needs instead of cut-off cells."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, 120))
    console.print(renderable)


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
