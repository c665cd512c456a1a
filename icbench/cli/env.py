"""`icbench env`: facts about this machine, as they go into records."""

from typing import Any

import click

from icbench.cli.options import json_option
from icbench.cli.output import show


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Show the machine and library versions that a record made here would state."""
    from icbench.compute.environment import environment
    from icbench.report.json_output import envelope

    facts = environment()
    if as_json:
        click.echo(envelope(facts))
    else:
        show(_table(facts))


def _table(facts: dict[str, Any]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), escape(_phrase(value)))
    return table


def _phrase(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {number}" for name, number in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) or "none"
