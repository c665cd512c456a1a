"""`icbench compare`: two entries on the same images."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from icbench.cli.main import FAILED
from icbench.cli.options import data_dir_option, figure_option, json_option, results_option
from icbench.cli.output import data, make_file, say

if TYPE_CHECKING:
    from icbench.ranking.comparison import Comparison


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@results_option
@figure_option("Draw images that only one of them has right")
@data_dir_option
@json_option
def command(first: str, second: str, results: Path, figure: Path | None, data_dir: Path | None, as_json: bool) -> int:
    """Compare two entries image by image: McNemar's table, the difference with its interval, and where they differ.

    A and B are folders of records, or name runs in the results folder as for `icbench show`; then all seeds count.

    \b
      icbench compare cgan-mse-adam-joint cgan-mse-adam-exhaustive
      icbench compare mine/RUN theirs/RUN --figure differences.png
    """
    from icbench.ranking.comparison import compare_rows
    from icbench.ranking.lookup import Lookup

    lookup = Lookup(results)
    track, rows = lookup.rows([first, second])
    comparison = compare_rows(track, *rows)
    lacking = make_file("picture", figure, lambda: _draw(comparison, figure, data_dir)) if figure else []
    if as_json:
        from icbench.report.comparison import comparison_data
        from icbench.report.json_output import envelope

        click.echo(envelope(comparison_data(comparison), lookup.problems, lacking, ok=not lacking))
    else:
        _print(comparison)
    say(lookup.problems, "yellow")
    say(lacking, "red")
    return FAILED if lacking else 0


def _print(comparison: "Comparison") -> None:
    from icbench.report.comparison import comparison_grids, comparison_lines
    from icbench.report.table import terminal_tables

    console = data()
    console.print(terminal_tables(comparison_grids(comparison), console.width), "", highlight=False)
    for line in comparison_lines(comparison):
        console.print(line, highlight=False, markup=False, emoji=False)


def _draw(comparison: "Comparison", file: Path, data_dir: Path | None) -> None:
    from icbench.plugins.manager import plugin_manager
    from icbench.report.pictures import draw_differences
    from icbench.running.replay import split_of

    manager, track = plugin_manager(), comparison.track
    polarity = manager.select("dataset", track.dataset).build().light_on_dark
    draw_differences(comparison, split_of(manager, track, data_dir), file, polarity)
