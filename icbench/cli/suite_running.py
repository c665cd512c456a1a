"""What `icbench suite run` and `icbench reproduce` have in common: the options, the run, and what is printed."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from icbench.cli.main import FAILED, INTERRUPTED
from icbench.cli.options import (
    OutputFile,
    data_dir_option,
    device_option,
    executor_option,
    figure_option,
    json_option,
    max_hours_option,
    plan_option,
    plugin_file_option,
    quiet_option,
    results_option,
)
from icbench.cli.output import data, make_file, say
from icbench.cli.running import collect, say_how_to_go_on, show_plan, show_progress

if TYPE_CHECKING:
    from icbench.kinds.suite import Cell, Suite
    from icbench.plugins.manager import PluginManager
    from icbench.records import Record
    from icbench.running.options import Options
    from icbench.suites import SelectedExperiments, SuiteOutcome

Function = TypeVar("Function", bound=Callable[..., Any])

OPTIONS = (
    click.option("--limit", type=click.IntRange(min=1), help="Only the first N images.  [default: as declared]"),
    click.option("--seeds", type=click.IntRange(min=1), metavar="K", help="At most K seeds of each entry."),
    click.option("--batch-size", type=click.IntRange(min=1), help="Hypotheses inverted together.  [default: measured]"),
    device_option,
    executor_option,
    results_option,
    data_dir_option,
    figure_option("Draw the tables as a chart"),
    click.option("--page", type=OutputFile(), metavar="HTML", help="Write tables and pictures as one page."),
    max_hours_option,
    plan_option,
    plugin_file_option,
    json_option,
    quiet_option,
)


def running_options(function: Function) -> Function:
    """Add the options of a verb that runs a suite."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def find_suite(manager: "PluginManager", name: str) -> "Suite":
    """The suite of a name.

    Raises:
        UsageError: there is none, or its file is not sound.
        PluginError: it is in a plugin that cannot be used.
    """
    suite: Suite = manager.select("suite", name).build()
    return suite


def run_suite(manager: "PluginManager", name: str, part: "SelectedExperiments", given: dict[str, Any]) -> int:
    """Run what was chosen of suite `name`, print its tables, and return the exit code."""
    from icbench.compute.allocator import keep_freed_memory
    from icbench.suites import evaluate_suite, plan_jobs, run_jobs

    keep_freed_memory()
    options = replace(_options(given), suite=manager.select("suite", name).name)
    jobs = plan_jobs(manager, part.suite, part.cells(), options, given["seeds"])
    if given["plan"]:
        return show_plan(jobs, given)
    with show_progress(given["executor"], given["quiet"]) as progress:
        runs, interrupted = collect(run_jobs(jobs, progress))
    records: dict[Cell, list[Record]] = defaultdict(list)
    for run in runs:
        for cell in run.cells:
            records[cell].append(run.record)
    outcome = evaluate_suite(part, records, {cell: len(seeds) for job in jobs for cell, seeds in job.cells.items()})
    lacking = _draw(manager, outcome, given)
    print_outcome(outcome, progress.warnings, lacking, given["as_json"])
    if interrupted:
        say_how_to_go_on(options.deadline)
        return INTERRUPTED
    return FAILED if outcome.failures or lacking else 0


def _options(given: dict[str, Any]) -> "Options":
    from icbench.running.deadline import Deadline
    from icbench.running.options import Options

    names = ("limit", "batch_size", "device", "executor", "results", "data_dir")
    return Options(**{name: given[name] for name in names}, deadline=Deadline(given["max_hours"]))


def print_outcome(outcome: "SuiteOutcome", warnings: list[str], lacking: list[str], as_json: bool) -> None:
    """Print a suite's tables, or all of its outcome as one JSON document, and what failed."""
    failures = outcome.failures + lacking
    if as_json:
        from icbench.report.json_output import envelope
        from icbench.report.suites import suite_data

        click.echo(envelope(suite_data(outcome), warnings, failures, ok=not failures))
        return
    from icbench.report.suites import suite_grids, suite_heading
    from icbench.report.table import terminal_tables

    console = data()
    console.print(suite_heading(outcome), "", style="bold", highlight=False, markup=False)
    console.print(terminal_tables(suite_grids(outcome), console.width), highlight=False)
    say(failures, "red")


def draw_chart(outcome: "SuiteOutcome", figure: Path | None) -> list[str]:
    """Draw the tables if that was asked for; returns what failed."""
    if not figure:
        return []
    from icbench.report.charts import draw_suite

    return make_file("picture", figure, lambda: draw_suite(outcome, figure))


def _draw(manager: "PluginManager", outcome: "SuiteOutcome", given: dict[str, Any]) -> list[str]:
    """Make the chart and the page that were asked for; returns what failed."""
    page, lacking = given["page"], draw_chart(outcome, given["figure"])
    if page:
        from icbench.report.page import write_page
        from icbench.suites import shown_entry

        lacking += make_file(
            "page", page, lambda: write_page(outcome, shown_entry(manager, outcome, _options(given)), page)
        )
    return lacking
