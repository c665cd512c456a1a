"""`icbench plugins`: what can be asked for, and where it comes from."""

from typing import Any

import click

from icbench.cli.output import json_option, show


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the installed plugins, their state, and every component with its parameters."""
    from icbench.plugins import Host

    host = Host()
    if as_json:
        from icbench.report.envelope import envelope

        click.echo(envelope(_data(host)))
    else:
        show(_components_table(host))
        show(_plugins_table(host))


def _data(host: Any) -> dict[str, Any]:
    from dataclasses import asdict

    from icbench.component import KINDS

    components = [
        {
            "kind": kind,
            "name": registered.name,
            "dist": registered.dist,
            "version": registered.version,
            "summary": registered.component.summary,
            "params": [_param(param) for param in registered.component.params],
            "traits": list(registered.component.traits),
        }
        for kind in KINDS
        for registered in host.components(kind)
    ]
    return {"plugins": [asdict(status) for status in host.statuses], "components": components}


def _param(param: Any) -> dict[str, Any]:
    return {
        "name": param.name,
        "type": param.type.__name__,
        "default": param.default,
        "low": param.low,
        "high": param.high,
        "choices": list(param.choices),
        "help": param.help,
    }


def _components_table(host: Any) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from icbench.component import KINDS

    table = Table("kind", "name", "parameters", "what it is", "from", box=SIMPLE_HEAD, pad_edge=False)
    for kind in KINDS:
        for registered in host.components(kind):
            component = registered.component
            params = " ".join(f"{param.name}={param.default}" for param in component.params)
            table.add_row(kind, *map(escape, (registered.name, params, component.summary, registered.dist)))
    return table


def _plugins_table(host: Any) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table("plugin", "version", "state", "reason", box=SIMPLE_HEAD, pad_edge=False)
    for status in host.statuses:
        colour = "green" if status.state == "active" else "yellow"
        table.add_row(
            escape(status.dist), status.version, f"[{colour}]{status.state}[/]", escape(" ".join(status.reason.split()))
        )
    return table
