"""Pictures of results, as PNG files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from icbench.report.table import printable
from icbench.running.image_grid import CELL, FAINT, GAP, INK, MARGIN, PAPER, font, save_picture, tile

if TYPE_CHECKING:
    from icbench.kinds.dataset import Split
    from icbench.ranking.comparison import Comparison
    from icbench.ranking.rows import Row
    from icbench.running.reconstructions import Reconstructions

COLUMNS = 20
MOST = 60
TALL = CELL + 42
RIGHT, WRONG = (16, 122, 72), (196, 30, 58)


def draw_reconstructions(entries: "Sequence[Reconstructions]", file: Path) -> None:
    """Targets above their reconstructions, with the predicted class beneath each: green if right, red if wrong.

    Args:
        entries: one band of two rows each.
        file: the PNG to write.

    Raises:
        OutputError: the file cannot be written.
    """
    columns = max(len(entry.truth) for entry in entries)
    band = 2 * CELL + GAP + 54
    size = (2 * MARGIN + columns * (CELL + GAP) - GAP, MARGIN + len(entries) * band)
    picture = Image.new("RGB", size, PAPER)
    for number, entry in enumerate(entries):
        _draw_band(picture, entry, MARGIN + number * band)
    save_picture(picture, file)


def draw_differences(comparison: "Comparison", split: "Split", file: Path, light_on_dark: bool = False) -> None:
    """The first images that only one of two entries has right, one band for each, with label and position.

    Args:
        comparison: of A and B.
        split: the images of its track.
        file: the PNG to write.
        light_on_dark: as the dataset's; such images are drawn dark on light.

    Raises:
        OutputError: the file cannot be written.
    """
    bands = [
        (f"only A right: {comparison.first.label}", comparison.only_first, comparison.second),
        (f"only B right: {comparison.second.label}", comparison.only_second, comparison.first),
    ]
    heights = [26 + -(-min(len(index), MOST) // COLUMNS) * TALL for _, index, _ in bands]
    width = 2 * MARGIN + COLUMNS * (CELL + GAP) - GAP
    picture = Image.new("RGB", (width, MARGIN + sum(heights)), PAPER)
    for number, (title, index, other) in enumerate(bands):
        tiles = _Tiles(split, light_on_dark)
        _draw_differing(picture, title, index, other, tiles, MARGIN + sum(heights[:number]))
    save_picture(picture, file)


def _draw_differing(
    picture: Image.Image, title: str, index: NDArray[np.int64], other: "Row", tiles: "_Tiles", top: int
) -> None:
    """A band of images, with what the entry that is wrong takes each for beneath it."""
    pen = ImageDraw.Draw(picture)
    shown = index[:MOST]
    more = f" (the first {MOST} of {len(index)})" if len(index) > MOST else f" ({len(index)})"
    pen.text((MARGIN, top), printable(title) + more, INK, font=font(14))
    predictions = np.stack([record.images(["prediction"])["prediction"] for record in other.records])
    for place, image in enumerate(shown):
        left = MARGIN + place % COLUMNS * (CELL + GAP)
        upper = top + 24 + place // COLUMNS * TALL
        picture.paste(tiles[image], (left, upper))
        truth = int(tiles.split.labels[image])
        middle, said = left + CELL / 2, f"{truth} not {_usual_error(predictions[:, image], truth)}"
        pen.text((middle, upper + CELL + 4), said, INK, font=font(13), anchor="mt")
        pen.text((middle, upper + CELL + 20), f"#{image}", FAINT, font=font(11), anchor="mt")


@dataclass(frozen=True)
class _Tiles:
    """A split's images as they are drawn."""

    split: "Split"
    light_on_dark: bool

    def __getitem__(self, image: int) -> Image.Image:
        return tile(self.split.images[image].astype(np.float32) / np.float32(255), self.light_on_dark)


def _usual_error(predictions: NDArray[np.integer], truth: int) -> str:
    """What most of the seeds that are wrong take an image for."""
    values, counts = np.unique(predictions[predictions != truth], return_counts=True)
    usual = int(values[counts.argmax()])
    return "?" if usual < 0 else str(usual)


def _draw_band(picture: Image.Image, entry: "Reconstructions", top: int) -> None:
    pen = ImageDraw.Draw(picture)
    pen.text((MARGIN, top), printable(f"{entry.label}: targets above, reconstructions below"), INK, font=font(14))
    for column in range(len(entry.truth)):
        left = MARGIN + column * (CELL + GAP)
        picture.paste(tile(entry.targets[column], entry.light_on_dark), (left, top + 22))
        picture.paste(tile(entry.images[column], entry.light_on_dark), (left, top + 22 + CELL + 2))
        right = entry.truth[column] == entry.prediction[column]
        where = (left + CELL / 2, top + 22 + 2 * CELL + 6)
        pen.text(where, verdict(entry, column), RIGHT if right else WRONG, font=font(14), anchor="mt")


def verdict(entry: "Reconstructions", column: int) -> str:
    """The prediction, and what it should have been when it is wrong."""
    truth, prediction = int(entry.truth[column]), int(entry.prediction[column])
    shown = "?" if prediction < 0 else str(prediction)
    return shown if truth == prediction else f"{shown} not {truth}"
