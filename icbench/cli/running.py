"""Runs as a verb makes them or plans them: collected until they are done, or the user or the time stops them."""

import shlex
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from icbench.cli.main import FAILED
from icbench.cli.output import data, messages, say

if TYPE_CHECKING:
    from icbench.records import Record
    from icbench.report.parallel_progress import ParallelProgress
    from icbench.report.progress import RunProgress
    from icbench.running.deadline import Deadline
    from icbench.running.execute import Runnable


class Recorded(Protocol):
    """Something with the record of a run."""

    @property
    def record(self) -> "Record":
        """The record that it left."""
        ...


AnyRun = TypeVar("AnyRun", bound=Recorded)


def show_progress(executor: str, quiet: bool) -> "RunProgress | ParallelProgress":
    """What shows the runs of a verb on stderr.

    Raises:
        UsageError: there is no such executor.
    """
    from icbench.report.parallel_progress import ParallelProgress
    from icbench.report.progress import RunProgress
    from icbench.running.execute import is_in_process, select_executor

    kind = RunProgress if is_in_process(select_executor(executor)) else ParallelProgress
    return kind(messages(), quiet)


def collect(runs: Iterable[AnyRun]) -> tuple[list[AnyRun], bool]:
    """The runs that were made, and whether the user stopped them, in which case the last may be missing.

    Raises:
        KeyboardInterrupt: they were stopped before there was anything to show.
    """
    found: list[AnyRun] = []
    try:
        found.extend(runs)
    except KeyboardInterrupt:
        if not found:
            raise
        return found, True
    return found, bool(found) and found[-1].record.status == "interrupted"


def say_how_to_go_on(deadline: "Deadline", quiet: bool = False) -> None:
    """Print the command that goes on where this one was stopped, and by whom."""
    what = "stopped by --max-hours" if deadline.has_stopped else "interrupted"
    if not quiet:
        say([f"{what}; go on with: {shlex.join(['icbench', *sys.argv[1:]])}"])


def show_plan(jobs: "Sequence[Runnable]", given: dict[str, Any]) -> int:
    """Print what jobs would run, and return the exit code: 1 if something of it cannot be run."""
    from icbench.report.display import Display
    from icbench.report.plan import plan_data, plan_grids, plan_line
    from icbench.running.planning import plan_grid

    with Display(messages(), given["quiet"]) as progress:
        cells = list(plan_grid(jobs, progress))
    impossible = sorted({f"{cell.entry.label}: {cell.note}" for cell in cells if cell.state == "impossible"})
    if given["as_json"]:
        from icbench.report.json_output import envelope

        click.echo(envelope(plan_data(cells), progress.warnings, impossible, ok=not impossible))
    else:
        from icbench.report.table import terminal_tables

        console = data()
        console.print(terminal_tables(plan_grids(cells), console.width), highlight=False)
        console.print(plan_line(cells), highlight=False, markup=False)
    say([] if given["as_json"] or given["quiet"] else ["nothing was run; leave out --plan, or say run, to run it"])
    return FAILED if impossible else 0
