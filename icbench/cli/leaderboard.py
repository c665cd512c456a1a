"""`icbench leaderboard`: entries ranked within their tracks, from the records in any number of folders."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from icbench.cli.main import FAILED
from icbench.cli.options import Place, Share, json_option
from icbench.cli.output import data, say

if TYPE_CHECKING:
    from icbench.ranking.gate import GateResult
    from icbench.ranking.leaderboard import Leaderboard

FORMATS = ("table", "json", "csv", "markdown", "latex", "html")


@click.command()
@click.argument("folders", nargs=-1, type=Place(), metavar="[DIR]...")
@click.option(
    "--by",
    type=click.Choice(["accuracy", "nfe", "speed", "distance"]),
    default="accuracy",
    show_default=True,
    help="Order of the rows; ranks are by accuracy.",
)
@click.option("--budget", type=click.IntRange(min=0), metavar="N", help="Rank only entries with an NFE of at most N.")
@click.option(
    "--suite",
    metavar="NAME",
    help="Only the runs that were made for this suite, or `none`: only those made for no suite.",
)
@click.option("--reference", is_flag=True, help="Show published accuracies beneath, set apart.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="How it is printed.  [default: table]")
@json_option
@click.option("--strict", is_flag=True, help="Exit with 1 if a record could not be read.")
@click.option(
    "--gate",
    "baseline",
    type=Place(),
    metavar="JSON",
    help="Exit with 1 if an entry of this earlier --json output has become worse.",
)
@click.option(
    "--margin",
    type=Share(),
    default=0.005,
    show_default=True,
    help="The loss of accuracy that the gate accepts.",
)
def command(**given: Any) -> int:
    """Rank the entries in results folders (default: icbench-results).

    Only runs on the same images share a table. On a screen the table of the most images comes last; in JSON and the
    other formats it comes first within its dataset and split. A run belongs to the suite that it was first made for, or
    is your own. Entries that cannot be told apart have a range of ranks.

    In a narrow terminal columns are left out, in this order: tier, size, distance, interval of the difference,
    images/s, NFE, suite, deviation over seeds, p, difference to the best, interval. The other formats have them all.

    \b
      icbench leaderboard
      icbench leaderboard mine theirs --reference --format markdown
      icbench leaderboard --json > baseline.json; icbench leaderboard --gate baseline.json
    """
    _check_form(given)
    from icbench.ranking import collect, rank
    from icbench.ranking.collection import of_suite
    from icbench.ranking.gate import gate
    from icbench.records.results_folder import DEFAULT_FOLDER

    found = collect(given["folders"] or [Path(DEFAULT_FOLDER)])
    if given["suite"] is not None:
        found = of_suite(found, given["suite"])
    board = rank(found, given["by"], given["budget"])
    results = gate(board, given["baseline"], given["margin"]) if given["baseline"] else []
    lost = [f"the gate is not met: {result.label} is {result.verdict}" for result in results if not result.passed]
    failed = lost + (board.problems if given["strict"] else [])
    _print(board, results, failed, given)
    say([*board.problems, *board.notes], "yellow")
    say(lost, "bold red")
    if not board.tracks:
        say(["there are no records here; make some with `icbench run`"])
    return FAILED if failed else 0


def _check_form(given: dict[str, Any]) -> None:
    """Decide what is printed; `--json` says the same as `--format json`."""
    if given["as_json"] and given["form"] not in (None, "json"):
        raise click.UsageError(f"--json and --format {given['form']} exclude each other")
    given["form"] = "json" if given["as_json"] else given["form"] or "table"


def _print(board: "Leaderboard", results: "list[GateResult]", failed: list[str], given: dict[str, Any]) -> None:
    form = given["form"]
    if form == "json":
        click.echo(_document(board, results, failed, given))
    elif form == "csv":
        from icbench.report.leaderboard import leaderboard_csv

        click.echo(leaderboard_csv(board, given["reference"]), nl=False)
    else:
        _print_tables(board, results, form, given)


def _document(board: "Leaderboard", results: "list[GateResult]", failed: list[str], given: dict[str, Any]) -> str:
    from icbench.ranking.gate import as_data
    from icbench.report.json_output import envelope
    from icbench.report.leaderboard import leaderboard_data

    content = leaderboard_data(board, given["reference"])
    if given["baseline"]:
        content["gate"] = as_data(results)
    return envelope(content, [*board.problems, *board.notes], failed, ok=not failed)


def _print_tables(board: "Leaderboard", results: "list[GateResult]", form: str, given: dict[str, Any]) -> None:
    from icbench.report.leaderboard import gate_grid, track_grids
    from icbench.report.table import latex_table, markdown_table, terminal_tables

    if form == "table":
        # On a screen the last is what is seen.
        board = replace(board, tracks=sorted(board.tracks, key=lambda ranked: ranked.track.images))
    grids = track_grids(board, given["reference"])
    if given["baseline"]:
        grids.append(gate_grid(results, given["margin"]))
    if form == "table":
        console = data()
        console.print(terminal_tables(grids, console.width), highlight=False)
    elif form == "html" and grids:
        from icbench.report.document import html_document

        click.echo(html_document("icbench leaderboard", grids), nl=False)
    writers = {"markdown": markdown_table, "latex": latex_table}
    for grid in grids if form in writers else []:
        click.echo(writers[form](grid))
