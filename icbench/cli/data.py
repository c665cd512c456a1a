"""`icbench data`: the datasets, where they are and under which licence; one fetched, or shown with its images."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from icbench.cli.main import FAILED
from icbench.cli.options import data_dir_option, figure_option, json_option, plugin_file_option
from icbench.cli.output import data, make_file, messages, say, show
from icbench.plugins.isolation import isolate

if TYPE_CHECKING:
    from icbench.kinds.dataset import Split
    from icbench.plugins.component import Selection
    from icbench.running.datasets import Source


@click.group(invoke_without_command=True)
@data_dir_option
@plugin_file_option
@json_option
@click.pass_context
def command(ctx: click.Context, data_dir: Path | None, as_json: bool) -> None:
    """List the datasets: which are here, which can be fetched, their digests and licences."""
    if ctx.invoked_subcommand:
        return
    from icbench.running.datasets import data_folder

    folder = data_folder(data_dir)
    datasets = _datasets(folder)
    if as_json:
        from icbench.report.json_output import envelope

        click.echo(envelope({"folder": str(folder), "datasets": datasets}))
    else:
        show(_table(datasets))
        show(f"Fetched data is kept in {folder}; --data-dir or ICBENCH_DATA changes that.")


@command.command()
@click.argument("dataset", metavar="NAME")
@data_dir_option
@plugin_file_option
@json_option
def fetch(dataset: str, data_dir: Path | None, as_json: bool) -> None:
    """Fetch dataset NAME, such as cifar10 or emnist:part=letters, and check it; what is here is only checked.

    Nothing of a download that is damaged or not the published one is kept.
    """
    from icbench.report.dataset import described_splits

    selection, source = _find(dataset, data_dir)
    splits = _load(source)
    status = source.dataset.status(source.folder)
    if as_json:
        from icbench.report.json_output import envelope

        content = {"name": selection.label, "folder": str(source.folder), "status": status}
        click.echo(envelope({**content, "splits": described_splits(splits, source.dataset.num_classes)}))
        return
    counts = ", ".join(f"{len(split):,} {name}" for name, split in splits.items())
    say([f"{selection.label} is {status}: {counts} images"])


@command.command("show")
@click.argument("dataset", metavar="NAME")
@figure_option("Draw images of each class")
@data_dir_option
@plugin_file_option
@json_option
def show_dataset(dataset: str, figure: Path | None, data_dir: Path | None, as_json: bool) -> int:
    """Show dataset NAME: its images, how many there are of each class, digests, licence and source."""
    from icbench.report.dataset import dataset_data, dataset_report, draw_samples

    selection, source = _find(dataset, data_dir)
    _require_here(selection, source)
    splits = _load(source)
    made = source.dataset
    lacking = make_file("picture", figure, lambda: draw_samples(made, splits["train"], figure)) if figure else []
    content = (selection.label, selection.registered.component.summary, made, source.folder, splits)
    if as_json:
        from icbench.report.json_output import envelope

        click.echo(envelope(dataset_data(*content), [], lacking, ok=not lacking))
    else:
        console = data()
        console.print(dataset_report(*content, console), highlight=False)
    say(lacking, "red")
    return FAILED if lacking else 0


def _find(spec: str, data_dir: Path | None) -> "tuple[Selection, Source]":
    from icbench.plugins.manager import plugin_manager
    from icbench.running.datasets import Source, data_folder

    selection = plugin_manager().select("dataset", spec)
    return selection, Source(selection.build(), data_folder(data_dir), selection.label)


def _require_here(selection: "Selection", source: "Source") -> None:
    """Refuse a dataset that would have to be fetched, which is to be asked for.

    Raises:
        UsageError: it would.
    """
    from icbench.errors import UsageError

    fetched = "fetched" in selection.registered.component.traits
    with isolate():
        here = source.dataset.is_here(source.folder)
    if fetched and not here:
        raise UsageError(f"{selection.label} is not here", f"Fetch it: icbench data fetch {selection.label}")


def _load(source: "Source") -> "dict[str, Split]":
    from icbench.kinds.dataset import SPLITS
    from icbench.report.display import Display

    with Display(messages()) as display, display.working(f"loading {source.label}"):
        return {name: source.split(name) for name in SPLITS}


def _datasets(folder: Path) -> list[dict[str, Any]]:
    from icbench.plugins.manager import plugin_manager

    return [_dataset(registered, folder) for registered in plugin_manager().components("dataset")]


@isolate()
def _dataset(registered: Any, folder: Path) -> dict[str, Any]:
    from icbench.errors import MissingDataError
    from icbench.plugins.component import Selection

    known = {"name": registered.name, "dist": registered.dist, "summary": registered.component.summary}
    try:
        dataset = Selection(registered, registered.component.complete({})).build()
    except MissingDataError as error:
        return {**known, "status": error.hint, "licence": "", "source": "", "citation": "", "sha256": {}}
    return {
        **known,
        "status": dataset.status(folder),
        "licence": dataset.licence,
        "source": dataset.source,
        "citation": dataset.citation,
        "sha256": dataset.digests(),
    }


def _table(datasets: list[dict[str, Any]]) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table("dataset", "what it is", "where", "licence", "SHA-256 of the arrays", box=SIMPLE_HEAD, pad_edge=False)
    for dataset in datasets:
        digests = "\n".join(f"{name} {digest[:16]}…" for name, digest in dataset["sha256"].items())
        cells = (dataset["name"], dataset["summary"], dataset["status"], dataset["licence"] or "–", digests or "–")
        table.add_row(*map(escape, cells))
    return table
