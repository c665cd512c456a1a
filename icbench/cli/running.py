"""Runs as a verb makes them: collected until they are done or the user stops them."""

import shlex
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, TypeVar

from icbench.cli.output import messages, say

if TYPE_CHECKING:
    from icbench.records import Record
    from icbench.report.parallel_progress import ParallelProgress
    from icbench.report.progress import RunProgress


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


def say_how_to_go_on() -> None:
    """Print the command that goes on where this one was interrupted."""
    say([f"interrupted; go on with: {shlex.join(['icbench', *sys.argv[1:]])}"])
