"""What records, leaderboards and inversions are in a notebook: tables, data frames and figures."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from icbench.engine.result import PER_IMAGE
from icbench.errors import UsageError
from icbench.kinds.names import class_name
from icbench.report.table import Column, Footnote, Grid, Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from icbench.ranking import Leaderboard
    from icbench.records import Arrays, Record
    from icbench.running.inversion import Inversion

COLUMNS = 10
"""How many images a figure has in a row."""
MOST_ROWS = 20
"""How many images a table of an inversion has."""
TEXTS = ("dataset", "split", "section", "entry", "tier", "suites", "flags")
COUNTS = ("images", "seeds", "images_done", "rank_first", "rank_last", "nfe", "parameters")
FACTS = ("pareto", "comparable_speed")
"""What the columns of a leaderboard hold that are no numbers with a fraction."""


def record_html(record: "Record") -> str:
    """What came out of a run and what was run, as a table of names and values."""
    from icbench.report.run import configuration, run_figures

    columns = [Column("", 0, words=13), Column("", 0, words=60)]
    sections = [Section([list(pair) for pair in pairs]) for pairs in (run_figures(record), configuration(record))]
    return _html([Grid(record.label, columns, sections)])


def leaderboard_html(board: "Leaderboard") -> str:
    """The table of each track, and beneath what could not be used."""
    from icbench.report.leaderboard import track_grids

    grids = track_grids(board)
    return _html(grids, [*([] if grids else ["There is no record."]), *board.problems, *board.notes])


def inversion_html(inversion: "Inversion") -> str:
    """The first images with their best two classes, distance and energy."""
    headings = ["image", "class", "its score", "next class", "its score", "distance", "energy"]
    count = len(inversion.prediction)
    rows = [_inverted_row(inversion, row) for row in range(min(count, MOST_ROWS))]
    notes = [Footnote(f"the first {MOST_ROWS:,} of {count:,} images")] if count > MOST_ROWS else []
    return _html([Grid(inversion.label, [Column(heading, 0) for heading in headings], [Section(rows)], notes)])


def _inverted_row(inversion: "Inversion", row: int) -> list[str]:
    scores = inversion.class_scores[row]
    best = [int(label) for label in np.argsort(-scores, kind="stable")[:2]] if inversion.prediction[row] >= 0 else []
    classes = [text for label in best for text in (class_name(label, inversion.class_names), f"{scores[label]:.4g}")]
    figures = [f"{values[row]:.5f}" for values in (inversion.distance, inversion.energy)]
    return [str(inversion.index[row]), *classes, *["–"] * (4 - len(classes)), *figures]


def _html(grids: list[Grid], lines: list[str] | None = None) -> str:
    from icbench.report.document import render

    return render("notebook.html", grids=grids, lines=lines or [])


def record_frame(record: "Record") -> "DataFrame":
    """A run's images, one a row: what `Record.images` has, and whether each is classified correctly."""
    arrays = record.images()
    correct = arrays["prediction"] == arrays["label"]
    return _images_frame({"label": arrays["label"], "prediction": arrays["prediction"], "correct": correct, **arrays})


def leaderboard_frame(board: "Leaderboard") -> "DataFrame":
    """A leaderboard's entries, one a row, with the columns of `icbench leaderboard --format csv`."""
    from icbench.report.leaderboard import CSV_FIELDS, leaderboard_rows

    frame = _pandas().DataFrame(list(leaderboard_rows(board)), columns=CSV_FIELDS)
    figures = [name for name in CSV_FIELDS if name not in (*TEXTS, *COUNTS, *FACTS)]
    whole, known = dict.fromkeys(COUNTS, "Int64"), dict.fromkeys(FACTS, "boolean")
    return frame.astype({**whole, **known, **dict.fromkeys(figures, float)})


def inversion_frame(inversion: "Inversion") -> "DataFrame":
    """Inverted images, one a row."""
    return _images_frame({name: getattr(inversion, name) for name in PER_IMAGE})


def _images_frame(arrays: "Arrays") -> "DataFrame":
    """Arrays (N, …) as a frame of N rows; each entry of a vector has a column, as `class_scores_0`."""
    columns: dict[str, NDArray[Any]] = {}
    for name, values in arrays.items():
        columns |= {name: values} if values.ndim == 1 else {f"{name}_{n}": part for n, part in enumerate(values.T)}
    return _pandas().DataFrame(columns).set_index("index").rename_axis("image")


def _pandas() -> Any:
    """The package.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise UsageError("data frames need pandas, which is not here", "pip install 'icbench[pandas]'") from error
    return pandas


def inversion_figure(inversion: "Inversion", count: int) -> "Figure":
    """Each of the first images with what was made of it and the scores of all classes."""
    from icbench.report.inversion_figure import draw_inversion

    return draw_inversion(inversion, count)


def record_figure(record: "Record", count: int, device: str, data_dir: Path | None, weights: Path | None) -> "Figure":
    """The first images of a run above what it made of them.

    Raises:
        UsageError: it is not of one inversion, or what made it is not here any more.
    """
    from icbench.plugins.manager import plugin_manager
    from icbench.ranking.rows import Track
    from icbench.report.charts import drawing
    from icbench.report.pictures import reconstructions_figure
    from icbench.running.options import Options
    from icbench.running.reconstructions import reconstructions
    from icbench.running.replay import entry_of, split_of

    if not record.metadata.entry.inverts_once:
        raise UsageError(
            f"{record.label} is no inversion of one generator, which could be drawn", "Choose the run of one."
        )
    manager = plugin_manager()
    entry = entry_of(manager, record, weights)
    # Refuses other images than those of the record.
    split_of(manager, Track.of(record), data_dir)
    shown = reconstructions(entry, record, Options(device=device, data_dir=data_dir), count)
    with drawing():
        return reconstructions_figure([shown], COLUMNS)
