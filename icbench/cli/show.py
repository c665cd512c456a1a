"""`icbench show`: one run in full."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from icbench.cli.main import FAILED
from icbench.cli.options import Place, data_dir_option, device_option, json_option, results_option
from icbench.cli.output import data, messages, say
from icbench.errors import IntegrityError

if TYPE_CHECKING:
    from icbench.ranking.lookup import Lookup
    from icbench.records import Record
    from icbench.records.diagnosis import KeptDiagnosis
    from icbench.statistics import Calibration


@click.command()
@click.argument("run", metavar="RUN")
@results_option
@click.option(
    "--diagnose",
    is_flag=True,
    help="Find out why it errs, by inverting a sample of its images again; the result is kept with the record.",
)
@device_option
@data_dir_option
@click.option(
    "--weights",
    type=Place(),
    metavar="FILE",
    help="For --diagnose, the local weights of the run, where they are not in trained/ any more.",
)
@json_option
def command(
    run: str,
    results: Path,
    diagnose: bool,
    device: str,
    data_dir: Path | None,
    weights: Path | None,
    as_json: bool,
) -> int:
    """Show one run: configuration, figures, classes, confusions, calibration, and the diagnosis of its errors.

    Of a product of experts it also says how many images each member was asked about.

    RUN is the folder of a record, or a run in the results folder: `latest`, the beginning of its id, or the beginning
    of the digits that its id ends with.
    """
    from icbench.ranking.lookup import Lookup
    from icbench.ranking.members import asked_members
    from icbench.ranking.per_class import class_figures, confusion_matrix

    if weights and not diagnose:
        raise click.UsageError("--weights is for --diagnose alone")
    lookup = Lookup(results)
    record = lookup.record(run)
    confusion = confusion_matrix(record)
    calibrated, problems = _calibration(record, lookup)
    lacking: list[str] = []
    found = _diagnosis(record, diagnose, device, data_dir, weights, lacking.append)
    content = (record, confusion, class_figures(confusion), calibrated, found, asked_members(record))
    if as_json:
        from icbench.report.json_output import envelope
        from icbench.report.run import run_data

        click.echo(envelope(run_data(*content), problems, lacking, ok=not lacking))
    else:
        from icbench.report.run import run_report

        console = data()
        console.print(run_report(*content, console.width), highlight=False)
    say(problems, "yellow")
    say(lacking, "red")
    return FAILED if lacking else 0


def _calibration(record: "Record", lookup: "Lookup") -> "tuple[Calibration | None, list[str]]":
    """The calibration, and a line for each record that it could not be looked for in."""
    from icbench.ranking.per_class import run_calibration
    from icbench.ranking.rows import omission_line

    others = lookup.beside(record)
    try:
        return run_calibration(record, others.records), others.problems
    except IntegrityError as error:
        return None, [*others.problems, omission_line(error)]


def _diagnosis(
    record: "Record",
    wanted: bool,
    device: str,
    data_dir: Path | None,
    weights: Path | None,
    on_lost: Callable[[str], None],
) -> "KeptDiagnosis | None":
    from icbench.records.diagnosis import read_diagnosis

    if not wanted:
        return read_diagnosis(record)
    from icbench.compute.allocator import keep_freed_memory
    from icbench.plugins.manager import plugin_manager
    from icbench.report.display import Display
    from icbench.running.replay import diagnose_record

    keep_freed_memory()
    with Display(messages()) as display, display.working("diagnosing") as work:
        return diagnose_record(plugin_manager(), record, data_dir, device, work.advance, on_lost, weights)
