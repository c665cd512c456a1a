"""A suite's outcome as one HTML page that needs no other file: tables, charts, pictures, and what follows."""

import base64
import html
import tempfile
from collections.abc import Iterator
from pathlib import Path

from icbench.kinds.suite import Cell
from icbench.plugins.manager import PluginManager
from icbench.records import Record
from icbench.report.charts import draw_class_paths, draw_suite
from icbench.report.conclusions import conclusions
from icbench.report.document import html_document
from icbench.report.pictures import draw_reconstructions, draw_samples
from icbench.report.suites import suite_grids, suite_heading
from icbench.report.table import html_table
from icbench.running.options import Options
from icbench.running.reconstructions import class_vector_paths, reconstructions, samples
from icbench.storage import write_output
from icbench.suites import SuiteOutcome, entry_of

SAMPLES, RECONSTRUCTIONS, PATHS = 12, 16, 6


def write_page(host: PluginManager, outcome: SuiteOutcome, options: Options, file: Path) -> None:
    """Write the page of what was run of a suite.

    Args:
        host: where the components of its pictures are found.
        outcome: what was run.
        options: where records and data are, and on which device pictures are made.
        file: the page to write.

    Raises:
        OutputError: it cannot be written.
    """
    title = suite_heading(outcome)
    parts = [f"<h1>{html.escape(title)}</h1>", *_source(outcome), *_conclusion(outcome), "<h2>Tables</h2>"]
    parts += [f"<div>{html_table(grid)}</div>" for grid in suite_grids(outcome)]
    with tempfile.TemporaryDirectory() as folder:
        parts += ["<h2>Pictures</h2>", *_figures(host, outcome, options, Path(folder) / "picture.png")]
    write_output(file, html_document(title, [*parts, *_made_of(outcome)]).encode())


def _source(outcome: SuiteOutcome) -> Iterator[str]:
    if outcome.suite.url:
        url = html.escape(outcome.suite.url)
        yield f'<p>Published at <a href="{url}">{url}</a>.</p>'


def _conclusion(outcome: SuiteOutcome) -> Iterator[str]:
    suite = outcome.suite
    if suite.conclusion:
        source = html.escape(", ".join(filter(None, (suite.author, str(suite.year or "")))) or suite.title)
        yield "<section><h2>What the source concluded</h2>"
        yield f"<p>From its own figures ({source}), not from those below:</p>"
        yield from (f"<blockquote><p>{html.escape(paragraph)}</p></blockquote>" for paragraph in suite.conclusion)
        yield "</section>"
    found = conclusions(outcome)
    if found:
        yield "<section><h2>What was found here</h2><ul>"
        yield from (f"<li>{html.escape(sentence)}</li>" for sentence in found)
        yield "</ul></section>"


def _figures(host: PluginManager, outcome: SuiteOutcome, options: Options, scratch: Path) -> Iterator[str]:
    if any(cell.row for experiment in outcome.experiments for cell in experiment.cells):
        draw_suite(outcome, scratch)
        yield _figure(scratch, "Accuracies here with their 95 % intervals, and as published.")
    shown = _shown(outcome)
    if not shown:
        return
    cell, record = shown
    entry = entry_of(host, outcome.suite, cell)
    name = html.escape(entry.label)
    draw_samples(samples(entry, SAMPLES, options.device), scratch, entry.dataset.build().light_on_dark)
    yield _figure(scratch, f"Samples of {html.escape(cell.generator)}: a row for each class, a column for each noise.")
    draw_reconstructions([reconstructions(entry, record, options, RECONSTRUCTIONS)], scratch)
    yield _figure(scratch, f"The first images and their reconstructions by {name}.")
    paths = class_vector_paths(entry, record, options, PATHS)
    if paths:
        draw_class_paths(paths, scratch)
        text = "The class vector over the steps; green is the true class, red the one it was taken for."
        yield _figure(scratch, f"{text} {name}.")


def _shown(outcome: SuiteOutcome) -> tuple[Cell, Record] | None:
    """The cell that pictures are made of, with its first record: the declared one, or the first that inverts."""
    rows = [cell for experiment in outcome.experiments for cell in experiment.cells if cell.row]
    wanted = outcome.suite.show
    for cell in sorted(rows, key=lambda cell: wanted is None or cell.cell.specs != wanted.specs):
        if cell.row and not cell.cell.classifier:
            return cell.cell, cell.row.records[0]
    return None


def _figure(picture: Path, caption: str) -> str:
    content = base64.b64encode(picture.read_bytes()).decode()
    image = f'<img alt="{caption}" src="data:image/png;base64,{content}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _made_of(outcome: SuiteOutcome) -> Iterator[str]:
    """What ran where, from the records."""
    if not outcome.records:
        return
    facts = outcome.records[0].facts
    environment = facts["environment"]
    seconds = sum(record.metrics["seconds"] for record in outcome.records)
    machine = html.escape(f"{environment.get('cpu', '?')}, {environment.get('cores', '?')} cores")
    versions = environment.get("libraries", {})
    names = html.escape(", ".join(f"{name} {version}" for name, version in versions.items()))
    yield f"<h2>Where it ran</h2><p>{len(outcome.records)} runs, {seconds / 60:,.1f} minutes of inversion: {machine}, "
    yield f"{html.escape(facts['device'])}{f'; {names}' if names else ''}.</p>"
