"""`icbench publish`: finished records in a small form, for others to read and check."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from icbench.cli.main import FAILED
from icbench.cli.options import Place, json_option
from icbench.cli.output import say

if TYPE_CHECKING:
    from icbench.records.publication import Published


@click.command()
@click.argument("folders", nargs=-1, type=Place(), metavar="[DIR]...")
@click.option("--to", type=Place(), required=True, metavar="DIR", help="The folder to write the records into.")
@click.option("--scores", is_flag=True, help="Keep the class scores too, which makes records four times as large.")
@json_option
def command(folders: tuple[Path, ...], to: Path, scores: bool, as_json: bool) -> int:
    """Write the finished records in results folders (default: icbench-results) in a small form, to be published.

    A published record has labels, predictions, distances, energies and costs; figures of single images are in half
    precision, and class scores and latents are left out. `leaderboard`, `report`, `compare`, `show` and `verify` read
    it like any other. Ten thousand images take about 50 kB. A record that is there already stays as it is; one that is
    not finished or was edited by hand is left out, and the exit code is 1.

    DIR may also be the folder of one record.

    \b
      icbench publish --to results/mine
      icbench publish icbench-results/RUN --to results/mine && icbench verify results/mine/RUN
    """
    from icbench.ranking import collect
    from icbench.records.publication import publish_record, why_not
    from icbench.records.results_folder import DEFAULT_FOLDER

    found = collect(folders or [Path(DEFAULT_FOLDER)])
    records = sorted(found.records, key=lambda record: record.path)
    reasons = {record.path: why_not(record) for record in records}
    published = [publish_record(record, to, scores) for record in records if not reasons[record.path]]
    failed = [*found.problems, *(f"{reason}; it is left out" for reason in reasons.values() if reason)]
    if as_json:
        from icbench.report.json_output import envelope

        click.echo(envelope({"records": [_data(one) for one in published]}, found.notes, failed, ok=not failed))
    else:
        _print(published)
    say(found.notes, "yellow")
    say(failed, "red")
    return FAILED if failed else 0


def _data(one: "Published") -> dict[str, object]:
    return {"id": one.record.metadata.id, "path": str(one.record.path), "bytes": one.size, "made": one.made}


def _print(published: "list[Published]") -> None:
    for one in published:
        size = f"{one.size / 1000:,.0f} kB" if one.made else "is there already"
        click.echo(f"{one.record.path}  {size}")
    if not published:
        say(["there are no finished records here; make some with `icbench run`"])
