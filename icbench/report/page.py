"""A suite's outcome as one HTML page that needs no other file: tables, charts, pictures, and what follows."""

import base64
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from icbench.ranking import Collection, rank
from icbench.report.charts import draw_class_paths, draw_suite
from icbench.report.conclusions import conclusions
from icbench.report.overview import overview
from icbench.report.overview_page import render_overview
from icbench.report.pictures import draw_reconstructions
from icbench.report.suites import suite_grids, suite_heading
from icbench.running.image_grid import image_grid, save_picture
from icbench.storage import write_output
from icbench.suites import ShownEntry, SuiteOutcome


@dataclass(frozen=True)
class _Figure:
    """A PNG in base64 with what is said beneath it."""

    content: str
    caption: str


def write_page(outcome: SuiteOutcome, shown: ShownEntry | None, file: Path) -> None:
    """Write the page of what was run of a suite.

    Args:
        outcome: what was run.
        shown: the entry that its pictures are of, if any.
        file: the page to write.

    Raises:
        OutputError: it cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder) / "picture.png"
        figures = [_Figure(_base64(scratch), caption) for caption in _draw(outcome, shown, scratch)]
    suite = outcome.suite
    collection = Collection(outcome.records, [], [])
    page = render_overview(
        "page.html",
        overview(rank(collection), outcome.records, {}),
        title=suite_heading(outcome),
        suite=suite,
        source=", ".join(filter(None, (suite.author, str(suite.year or "")))) or suite.title,
        conclusions=conclusions(outcome),
        grids=suite_grids(outcome),
        figures=figures,
        ran=_where_it_ran(outcome),
    )
    write_output(file, page.encode())


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def _draw(outcome: SuiteOutcome, shown: ShownEntry | None, scratch: Path) -> Iterator[str]:
    """Draw one picture after the other into the same file, and yield the caption of each."""
    if any(cell.row for experiment in outcome.experiments for cell in experiment.cells):
        draw_suite(outcome, scratch)
        yield "Accuracies here with their 95 % intervals, and as published."
    if not shown:
        return
    save_picture(image_grid(shown.samples, shown.light_on_dark, shown.reconstructions.class_names), scratch)
    yield f"Samples of {shown.generator}: a row for each class, a column for each noise."
    draw_reconstructions([shown.reconstructions], scratch)
    yield f"The first images and their reconstructions by {shown.label}."
    if shown.paths:
        draw_class_paths(shown.paths, scratch)
        text = "The class vector over the steps; blue is the true class, orange the one it was taken for."
        yield f"{text} {shown.label}."


def _where_it_ran(outcome: SuiteOutcome) -> str:
    """What ran where, from the records; empty without any."""
    if not outcome.records:
        return ""
    metadata = outcome.records[0].metadata
    environment = metadata.environment
    seconds = sum(record.metrics.seconds for record in outcome.records)
    cores = "?" if environment.cores is None else environment.cores
    machine = f"{environment.cpu}, {cores} cores, {metadata.device}"
    versions = ", ".join(f"{name} {version}" for name, version in environment.libraries.items())
    runs = f"{len(outcome.records)} runs, {seconds / 60:,.1f} minutes of inversion"
    return f"{runs}: {machine}{f'; {versions}' if versions else ''}."
