"""`icbench data`: the datasets, where they are, and under which licence."""

from pathlib import Path
from typing import Any

import click

from icbench.cli.options import data_dir_option, json_option
from icbench.cli.output import show
from icbench.plugins.isolation import isolate


@click.command()
@data_dir_option
@json_option
def command(data_dir: Path | None, as_json: bool) -> None:
    """List the datasets: which are here, which can be fetched, their digests and licences."""
    from icbench.running.datasets import data_folder

    folder = data_folder(data_dir)
    datasets = _datasets(folder)
    if as_json:
        from icbench.report.json_output import envelope

        click.echo(envelope({"folder": str(folder), "datasets": datasets}))
    else:
        show(_table(datasets))
        show(f"Fetched data is kept in {folder}; --data-dir or ICBENCH_DATA changes that.")


def _datasets(folder: Path) -> list[dict[str, Any]]:
    from icbench.plugins.manager import plugin_manager

    return [_dataset(registered, folder) for registered in plugin_manager().components("dataset")]


@isolate()
def _dataset(registered: Any, folder: Path) -> dict[str, Any]:
    dataset = build_dataset(registered)
    return {
        "name": registered.name,
        "dist": registered.dist,
        "summary": registered.component.summary,
        "status": dataset.status(folder),
        "licence": dataset.licence,
        "sha256": dataset.digests(),
    }


def build_dataset(registered: Any) -> Any:
    """A registered dataset, built with its defaults."""
    from icbench.plugins.component import Selection

    return Selection(registered, registered.component.complete({})).build()


def _table(datasets: list[dict[str, Any]]) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table("dataset", "what it is", "where", "licence", "SHA-256 of the arrays", box=SIMPLE_HEAD, pad_edge=False)
    for dataset in datasets:
        digests = "\n".join(f"{name} {digest[:16]}…" for name, digest in dataset["sha256"].items())
        cells = (dataset["name"], dataset["summary"], dataset["status"], dataset["licence"], digests or "not known")
        table.add_row(*map(escape, cells))
    return table
