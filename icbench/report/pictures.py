"""Pictures of results, as PNG files."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from icbench.outputs import write_output
from icbench.report.grid import printable

if TYPE_CHECKING:
    from icbench.illustration import Reconstructions
    from icbench.kinds.dataset import Split
    from icbench.ranking.comparison import Comparison
    from icbench.ranking.rows import Row

COLUMNS = 20
MOST = 60
CELL, GAP, MARGIN = 56, 6, 14
TALL = CELL + 42
PAPER, INK, FAINT, RIGHT, WRONG = (255, 255, 255), (32, 32, 32), (110, 110, 110), (16, 122, 72), (196, 30, 58)


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
    _save(picture, file)


def draw_samples(images: NDArray[np.float32], file: Path) -> None:
    """A generator's images, one row for each class and one column for each noise.

    Args:
        images: (K, N, C, H, W) in [0, 1].
        file: the PNG to write.

    Raises:
        OutputError: the file cannot be written.
    """
    classes, columns = images.shape[:2]
    side = CELL + GAP
    picture = Image.new("RGB", (2 * MARGIN + 24 + columns * side, 2 * MARGIN + classes * side), PAPER)
    pen = ImageDraw.Draw(picture)
    for label in range(classes):
        top = MARGIN + label * side
        pen.text((MARGIN + 6, top + CELL / 2), str(label), FAINT, font=_font(14), anchor="lm")
        for column in range(columns):
            picture.paste(_tile(images[label, column]), (MARGIN + 24 + column * side, top))
    _save(picture, file)


def draw_differences(comparison: "Comparison", split: "Split", file: Path) -> None:
    """The first images that only one of two entries has right, one band for each, with label and position.

    Args:
        comparison: of A and B.
        split: the images of its track.
        file: the PNG to write.

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
        _draw_differing(picture, title, index, other, split, MARGIN + sum(heights[:number]))
    _save(picture, file)


def _draw_differing(
    picture: Image.Image, title: str, index: NDArray[np.int64], other: "Row", split: "Split", top: int
) -> None:
    """A band of images, with what the entry that is wrong takes each for beneath it."""
    pen = ImageDraw.Draw(picture)
    shown = index[:MOST]
    more = f" (the first {MOST} of {len(index)})" if len(index) > MOST else f" ({len(index)})"
    pen.text((MARGIN, top), printable(title) + more, INK, font=_font(14))
    predictions = np.stack([record.images(["prediction"])["prediction"] for record in other.records])
    for place, image in enumerate(shown):
        left = MARGIN + place % COLUMNS * (CELL + GAP)
        upper = top + 24 + place // COLUMNS * TALL
        picture.paste(_tile(split.images[image].astype(np.float32) / np.float32(255)), (left, upper))
        truth = int(split.labels[image])
        middle, said = left + CELL / 2, f"{truth} not {_usual_error(predictions[:, image], truth)}"
        pen.text((middle, upper + CELL + 4), said, INK, font=_font(13), anchor="mt")
        pen.text((middle, upper + CELL + 20), f"#{image}", FAINT, font=_font(11), anchor="mt")


def _usual_error(predictions: NDArray[np.integer], truth: int) -> str:
    """What most of the seeds that are wrong take an image for."""
    values, counts = np.unique(predictions[predictions != truth], return_counts=True)
    usual = int(values[counts.argmax()])
    return "?" if usual < 0 else str(usual)


def _save(picture: Image.Image, file: Path) -> None:
    stream = io.BytesIO()
    picture.save(stream, Image.registered_extensions()[file.suffix.lower()])
    write_output(file, stream.getvalue())


def _draw_band(picture: Image.Image, entry: "Reconstructions", top: int) -> None:
    pen = ImageDraw.Draw(picture)
    pen.text((MARGIN, top), printable(f"{entry.label}: targets above, reconstructions below"), INK, font=_font(14))
    for column in range(len(entry.truth)):
        left = MARGIN + column * (CELL + GAP)
        picture.paste(_tile(entry.targets[column]), (left, top + 22))
        picture.paste(_tile(entry.images[column]), (left, top + 22 + CELL + 2))
        right = entry.truth[column] == entry.prediction[column]
        where = (left + CELL / 2, top + 22 + 2 * CELL + 6)
        pen.text(where, _verdict(entry, column), RIGHT if right else WRONG, font=_font(14), anchor="mt")


def _verdict(entry: "Reconstructions", column: int) -> str:
    """The prediction, and what it should have been when it is wrong."""
    truth, prediction = int(entry.truth[column]), int(entry.prediction[column])
    shown = "?" if prediction < 0 else str(prediction)
    return shown if truth == prediction else f"{shown} not {truth}"


def _tile(image: NDArray[np.float32]) -> Image.Image:
    """An image (C, H, W) in [0, 1] as a square of the cell's size, dark on light as digits are printed."""
    pixels = (255 * (1 - image.clip(0, 1))).astype(np.uint8)
    tile = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    return tile.convert("RGB").resize((CELL, CELL), Image.Resampling.BICUBIC)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
