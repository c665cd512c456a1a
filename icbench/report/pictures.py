"""Pictures of results, as files: images side by side with a line beneath each. Drawing one imports matplotlib."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from icbench.report.charts import INK, PALE, RIGHT, WRONG, drawing, save_figure
from icbench.report.class_names import call_by_number
from icbench.report.table import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from icbench.kinds.dataset import Split
    from icbench.ranking.comparison import Comparison
    from icbench.ranking.rows import Row
    from icbench.report.sheet import Sheet
    from icbench.running.reconstructions import Reconstructions

COLUMNS = 20
MOST = 60
CELL, GAP, MARGIN = 56, 6, 14
"""The side of an image, the space between two, and that around all, in hundredths of an inch."""
LETTER = 7
"""About how wide a letter of a legend is, in hundredths of an inch."""
TITLE, CAPTION, NUMBER, BETWEEN = 22, 16, 14, 16
"""The heights of a title, of a line beneath an image, of its position, and of what separates two bands."""


def draw_reconstructions(entries: "Sequence[Reconstructions]", file: Path) -> None:
    """Targets above their reconstructions, with the predicted class beneath each, and if it is wrong the true one.

    Args:
        entries: one band each.
        file: to write, in the format that its suffix says.

    Raises:
        OutputError: the file cannot be written.
    """
    with drawing():
        save_figure(reconstructions_figure(entries), file)


def reconstructions_figure(entries: "Sequence[Reconstructions]", columns: int = COLUMNS) -> "Figure":
    """The same as a figure, of so many images in a row."""
    from icbench.report.sheet import Sheet

    bands = [_rows_of(entry, columns) for entry in entries]
    titles = [printable(f"{entry.label}: targets above, reconstructions below") for entry in entries]
    tall = 2 * CELL + GAP + CAPTION + BETWEEN
    columns = max(len(row) for rows in bands for row in rows)
    legends = [_legend([*entry.truth, *entry.prediction], entry.class_names, _width(columns)) for entry in entries]
    heights = [TITLE + CAPTION * len(legend) for legend in legends]
    sheet = Sheet(_width(columns), MARGIN + sum(heights) + sum(tall * len(rows) for rows in bands))
    top = MARGIN
    for entry, rows, title, legend, height in zip(entries, bands, titles, legends, heights, strict=True):
        sheet.write(MARGIN, top, title, INK)
        _write_legend(sheet, legend, top + TITLE - 4)
        for number, row in enumerate(rows):
            _draw_pairs(sheet, entry, row, top + height + number * tall)
        top += height + tall * len(rows)
    return sheet.finish(MARGIN)


def draw_differences(comparison: "Comparison", split: "Split", file: Path, light_on_dark: bool = False) -> None:
    """The first images that only one of two entries has right, one band for each, with label and position.

    Args:
        comparison: of A and B.
        split: the images of its track.
        file: to write, in the format that its suffix says.
        light_on_dark: as the dataset's; such images are drawn dark on light.

    Raises:
        OutputError: the file cannot be written.
    """
    from icbench.report.sheet import Sheet

    bands = [(comparison.only_first, comparison.second), (comparison.only_second, comparison.first)]
    titles = [
        f"only {name} right: {printable(row.label)}{_count(index)}"
        for name, row, (index, _) in zip("AB", (comparison.first, comparison.second), bands, strict=True)
    ]
    tall = CELL + CAPTION + NUMBER + BETWEEN // 2
    heights = [TITLE + BETWEEN // 2 + -(-min(len(index), MOST) // COLUMNS) * tall for index, _ in bands]
    names = comparison.first.class_names
    legend = _legend(range(len(names)), names, _width(COLUMNS))
    begun = MARGIN + CAPTION * len(legend)
    with drawing():
        sheet = Sheet(_width(COLUMNS), begun + sum(heights))
        _write_legend(sheet, legend, MARGIN)
        for number, (index, other) in enumerate(bands):
            top = begun + sum(heights[:number])
            sheet.write(MARGIN, top, titles[number], INK)
            for begin in range(0, min(len(index), MOST), COLUMNS):
                row = index[begin : min(begin + COLUMNS, MOST)]
                _draw_differing(sheet, row, other, split, light_on_dark, top + TITLE + begin // COLUMNS * tall)
        save_figure(sheet.finish(MARGIN), file)


def verdict(entry: "Reconstructions", number: int) -> str:
    """The prediction, and what it should have been when it is wrong."""
    truth, prediction = int(entry.truth[number]), int(entry.prediction[number])
    shown = "?" if prediction < 0 else str(prediction)
    return shown if truth == prediction else f"{shown} not {truth}"


def _legend(classes: Sequence[int], names: Sequence[str], width: int) -> list[str]:
    """Lines that say what the numbers beneath images stand for; none where classes have no names."""
    shown = sorted({int(number) for number in classes if number >= 0}) if names else []
    text = " · ".join(call_by_number(number, names) for number in shown)
    return textwrap.wrap(text, max(20, width // LETTER))


def _write_legend(sheet: "Sheet", lines: Sequence[str], top: int) -> None:
    for number, line in enumerate(lines):
        sheet.write(MARGIN, top + number * CAPTION, line, PALE, size=11)


def _count(index: NDArray[np.int64]) -> str:
    return f" (the first {MOST} of {len(index)})" if len(index) > MOST else f" ({len(index)})"


def _width(columns: int) -> int:
    return 2 * MARGIN + columns * (CELL + GAP) - GAP


def _left(column: int) -> int:
    return MARGIN + column * (CELL + GAP)


def _rows_of(entry: "Reconstructions", columns: int) -> list[range]:
    """The numbers of the images in each row; an entry without images has a row without any."""
    count = len(entry.truth)
    return [range(begin, min(begin + columns, count)) for begin in range(0, max(1, count), columns)]


def _draw_pairs(sheet: "Sheet", entry: "Reconstructions", row: range, top: int) -> None:
    for column, number in enumerate(row):
        left = _left(column)
        sheet.draw(entry.targets[number], left, top, CELL, entry.light_on_dark)
        sheet.draw(entry.images[number], left, top + CELL + GAP, CELL, entry.light_on_dark)
        colour = RIGHT if entry.truth[number] == entry.prediction[number] else WRONG
        sheet.write(left + CELL / 2, top + 2 * CELL + GAP + 4, verdict(entry, number), colour, centred=True)


def _draw_differing(
    sheet: "Sheet", row: NDArray[np.int64], other: "Row", split: "Split", light_on_dark: bool, top: int
) -> None:
    """Images with what the entry that is wrong takes each for beneath it."""
    predictions = np.stack([record.images(["prediction"])["prediction"] for record in other.records])
    for column, image in enumerate(row):
        left, truth = _left(column), int(split.labels[image])
        sheet.draw(split.images[image].astype(np.float32) / np.float32(255), left, top, CELL, light_on_dark)
        said = f"{truth} not {_usual_error(predictions[:, image], truth)}"
        sheet.write(left + CELL / 2, top + CELL + 4, said, INK, centred=True)
        sheet.write(left + CELL / 2, top + CELL + 4 + CAPTION, f"#{image}", PALE, size=11, centred=True)


def _usual_error(predictions: NDArray[np.integer], truth: int) -> str:
    """What most of the seeds that are wrong take an image for."""
    values, counts = np.unique(predictions[predictions != truth], return_counts=True)
    usual = int(values[counts.argmax()])
    return "?" if usual < 0 else str(usual)
