"""`icbench suite`: declared sets of entries, listed, shown and run."""

from pathlib import Path
from typing import Any

import click

from icbench.cli.main import FAILED
from icbench.cli.options import Place, figure_option, json_option, plugin_file_option
from icbench.cli.output import data, say, show
from icbench.cli.suite_running import draw_chart, find_suite, print_outcome, run_suite, running_options


@click.group()
def command() -> None:
    """List, show or run suites: declared sets of entries, one table for each experiment."""


@command.command("list")
@plugin_file_option
@json_option
def list_suites(as_json: bool) -> None:
    """List the suites and where they come from."""
    from icbench.plugins.manager import plugin_manager
    from icbench.report.table import Column, Grid, Section, printable, terminal_table

    suites = plugin_manager().components("suite")
    if as_json:
        from icbench.report.json_output import envelope

        content = [{"name": one.name, "dist": one.dist, "summary": one.component.summary} for one in suites]
        click.echo(envelope({"suites": content}))
        return
    rows = [[one.name, one.dist, printable(one.component.summary)] for one in suites]
    columns = [Column("suite", 0), Column("from", 1), Column("about", 0, words=40)]
    show(terminal_table(Grid("suites", columns, [Section(rows)]), data().width))


@command.command("show")
@click.argument("name")
@plugin_file_option
@json_option
def show_suite(name: str, as_json: bool) -> None:
    """Show the entries of suite NAME and what was published for them."""
    from icbench.plugins.manager import plugin_manager
    from icbench.report.suites import declared_data, suite_grid
    from icbench.report.table import terminal_table

    suite = find_suite(plugin_manager(), name)
    if as_json:
        from icbench.report.json_output import envelope

        click.echo(envelope(declared_data(name, suite)))
        return
    show(terminal_table(suite_grid(name, suite), data().width))


@command.command("table")
@click.argument("name")
@click.argument("folders", nargs=-1, type=Place(), metavar="[DIR]...")
@click.option(
    "--experiment",
    "experiments",
    multiple=True,
    metavar="NAME",
    help="Only this experiment; repeatable.  [default: all that are not optional]",
)
@figure_option("Draw the tables as a chart")
@plugin_file_option
@json_option
def table(
    name: str, folders: tuple[Path, ...], experiments: tuple[str, ...], figure: Path | None, as_json: bool
) -> int:
    """Print the tables of suite NAME from the records in results folders (default: icbench-results).

    Nothing is run. Records count that are of the suite's entries, seeds and images, whatever code they were made with.

    \b
      icbench suite table hobbhahn2020 results/hobbhahn2020
      icbench suite table hobbhahn2020 results/hobbhahn2020 --figure post.png
    """
    from icbench.plugins.manager import plugin_manager
    from icbench.ranking import collect
    from icbench.records.results_folder import DEFAULT_FOLDER
    from icbench.suites import evaluate_suite, records_of_cells, select_experiments

    manager = plugin_manager()
    part = select_experiments(find_suite(manager, name), experiments)
    found = collect(folders or [Path(DEFAULT_FOLDER)])
    cells = list(part.cells())
    records = records_of_cells(manager, part.suite, cells, found.records)
    outcome = evaluate_suite(part, records, {cell: cell.seeds for cell in cells})
    lacking = draw_chart(outcome, figure)
    print_outcome(outcome, [*found.problems, *found.notes], lacking, as_json)
    if not as_json:
        say([*found.problems, *found.notes], "yellow")
    return FAILED if outcome.failures or lacking else 0


@command.command("run")
@click.argument("name")
@click.option(
    "--experiment",
    "experiments",
    multiple=True,
    metavar="NAME",
    help="Only this experiment; repeatable.  [default: all that are not optional]",
)
@running_options
def run(name: str, experiments: tuple[str, ...], **given: Any) -> int:
    """Run suite NAME; what was run before is taken from its record."""
    from icbench.plugins.manager import plugin_manager
    from icbench.suites import select_experiments

    manager = plugin_manager()
    return run_suite(manager, name, select_experiments(find_suite(manager, name), experiments), given)
