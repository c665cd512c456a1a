"""Pictures of inversions of one's own images: a strip as PNG, a film as GIF."""

import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from icbench.report.class_names import MOST_LETTERS
from icbench.report.film import bar_lengths, cut
from icbench.report.inverted_images import Answer
from icbench.report.table import printable
from icbench.running.image_grid import FAINT, GAP, INK, MARGIN, PAPER, font, save_picture, tile
from icbench.storage import write_output

if TYPE_CHECKING:
    from icbench.engine.snapshots import Snapshot

SIDE = 84
CAPTION, HEADING, BETWEEN = 22, 26, 22
TALL = SIDE + CAPTION + 10
MOST_CLASSES = 12
"""How many classes a row of the strip has."""
LINE = "\n"
LARGE = 196
"""The side of the film's two pictures."""
BARS, CURVE = 200, 64
FRAME_MS, LAST_MS = 90, 2500
RING = (16, 122, 72)
GREY_BAR = (150, 160, 175)

Tile = tuple[NDArray[np.float32] | Image.Image, str, bool]
"""A picture, what stands beneath it, and whether it has a frame."""


def draw_strip(
    answers: Sequence[Answer], targets: NDArray[np.float32], stages: set[int], light_on_dark: bool, file: Path
) -> None:
    """For each image what was given, the target and the stages of its inversion, and beneath the best of each class.

    Args:
        answers: of N images.
        targets: (N, C, H, W) in [0, 1].
        stages: the steps whose snapshots are shown.
        light_on_dark: as the dataset's; such images are drawn dark on light.
        file: the PNG to write.

    Raises:
        OutputError: the file cannot be written.
    """
    bands = [_bands(answer, target, stages) for answer, target in zip(answers, targets, strict=True)]
    columns = max(len(row) for rows in bands for row in rows)
    height = MARGIN + sum(HEADING + TALL * len(rows) + BETWEEN + GAP for rows in bands)
    picture = Image.new("RGB", (2 * MARGIN + columns * (SIDE + GAP) - GAP, height), PAPER)
    pen = ImageDraw.Draw(picture)
    top = MARGIN
    for answer, rows in zip(answers, bands, strict=True):
        pen.text((MARGIN, top), printable(_heading(answer)), INK, font=font(15))
        top += HEADING
        for number, row in enumerate(rows):
            if number == 1:
                pen.text((MARGIN, top), "the best of each class, and its energy", FAINT, font=font(13))
                top += BETWEEN
            _draw_row(picture, row, top, light_on_dark)
            top += TALL
        top += GAP
    save_picture(picture, file)


def _heading(answer: Answer) -> str:
    """What was found, and whether even that is unlike the images that the generator knows."""
    said = f"{Path(answer.name).name}: class {answer.prediction}"
    return f"{said}, but it does not look like {answer.usual.dataset}" if answer.usual and answer.is_unusual else said


def _bands(answer: Answer, target: NDArray[np.float32], stages: set[int]) -> list[list[Tile]]:
    """The rows of tiles of one image."""
    given: list[Tile] = [(_thumbnail(answer), "given", False)] if answer.target else []
    seen = [(one.images[0], f"step {one.step}", False) for one in answer.inverted.snapshots if one.step in stages]
    bests = answer.inverted.bests
    classes: list[Tile] = [
        (
            bests.images[0, label],
            f"{_call(answer, label)}{LINE if answer.class_names else ': '}{bests.energy[0, label]:.4f}",
            label == answer.inverted.prediction,
        )
        for label in answer.inverted.ranking
    ]
    chunks = [classes[begin : begin + MOST_CLASSES] for begin in range(0, len(classes), MOST_CLASSES)]
    return [[*given, (target, "target", False), *seen], *chunks]


def _call(answer: Answer, label: int) -> str:
    return cut(answer.call(label), MOST_LETTERS)


def _thumbnail(answer: Answer) -> Image.Image:
    """What was given, in a square."""
    assert answer.target
    levels = (255 * answer.target.picture.levels.clip(0, 1)).round().astype(np.uint8)
    whole = Image.fromarray(levels[:, :, 0] if levels.shape[2] == 1 else levels).convert("RGB")
    scale = SIDE / max(whole.size)
    whole = whole.resize((max(1, round(whole.width * scale)), max(1, round(whole.height * scale))))
    square = Image.new("RGB", (SIDE, SIDE), PAPER)
    square.paste(whole, ((SIDE - whole.width) // 2, (SIDE - whole.height) // 2))
    return square


def _draw_row(picture: Image.Image, row: Sequence[Tile], top: int, light_on_dark: bool) -> None:
    pen = ImageDraw.Draw(picture)
    for column, (image, said, framed) in enumerate(row):
        left = MARGIN + column * (SIDE + GAP)
        drawn = image if isinstance(image, Image.Image) else tile(image, light_on_dark, SIDE)
        picture.paste(drawn, (left, top))
        outline, width = (RING, 3) if framed else ((214, 218, 224), 1)
        pen.rectangle((left - 1, top - 1, left + SIDE, top + SIDE), outline=outline, width=width)
        colour = RING if framed else FAINT
        for number, line in enumerate(said.split(LINE)):
            pen.text((left + SIDE / 2, top + SIDE + 5 + 13 * number), line, colour, font=font(12), anchor="mt")


def draw_film(answer: Answer, target: NDArray[np.float32], light_on_dark: bool, file: Path) -> None:
    """The inversion of one image as a GIF that is played over and over.

    Args:
        answer: with its snapshots.
        target: (C, H, W) in [0, 1].
        light_on_dark: as the dataset's.
        file: to write.

    Raises:
        OutputError: the file cannot be written.
    """
    snapshots = answer.inverted.snapshots
    distances = [float(one.distance[0]) for one in snapshots]
    frames = [
        _frame(answer, target, one, distances[: number + 1], distances, light_on_dark)
        for number, one in enumerate(snapshots)
    ]
    palette = [frame.quantize(32, dither=Image.Dither.NONE) for frame in frames]
    stream = io.BytesIO()
    times = [FRAME_MS] * (len(frames) - 1) + [LAST_MS]
    palette[0].save(stream, "GIF", save_all=True, append_images=palette[1:], duration=times, loop=0)
    write_output(file, stream.getvalue())


def _frame(
    answer: Answer,
    target: NDArray[np.float32],
    snapshot: "Snapshot",
    past: Sequence[float],
    distances: Sequence[float],
    light_on_dark: bool,
) -> Image.Image:
    width = 2 * MARGIN + 2 * (LARGE + 2 * GAP) + BARS
    picture = Image.new("RGB", (width, 2 * MARGIN + HEADING + LARGE + CURVE + 2 * GAP), PAPER)
    pen = ImageDraw.Draw(picture)
    top = MARGIN + HEADING
    for column, (said, image) in enumerate((("target", target), ("reconstruction", snapshot.images[0]))):
        left = MARGIN + column * (LARGE + 2 * GAP)
        pen.text((left, MARGIN), said, FAINT, font=font(14))
        picture.paste(tile(image, light_on_dark, LARGE), (left, top))
        pen.rectangle((left - 1, top - 1, left + LARGE, top + LARGE), outline=(214, 218, 224))
    left = MARGIN + 2 * (LARGE + 2 * GAP)
    said = f"step {snapshot.step} of {snapshot.steps}"
    pen.text((left + BARS, MARGIN), said, FAINT, font=font(14), anchor="ra")
    _draw_bars(pen, answer, snapshot.class_scores[0], left, top)
    _draw_curve(pen, past, distances, (MARGIN, top + LARGE + 2 * GAP, width - MARGIN, top + LARGE + CURVE))
    return picture


def _draw_bars(pen: ImageDraw.ImageDraw, answer: Answer, scores: NDArray[np.float32], left: int, top: int) -> None:
    shares = bar_lengths(scores)
    shown = sorted(np.argsort(-shares, kind="stable")[:MOST_CLASSES].tolist())
    best, high = int(shares.argmax()), LARGE / len(shown)
    said = [_call(answer, label) for label in shown]
    room = max(14, *(font(14).getlength(text) for text in said))
    for place, label in enumerate(shown):
        middle = top + (place + 0.5) * high
        colour = RING if label == best else FAINT
        pen.text((left + room, middle), said[place], colour, font=font(14), anchor="rm")
        length = max(1.0, float(shares[label]) * (BARS - room - 8))
        fill = RING if label == best else GREY_BAR
        pen.rectangle(
            (left + room + 8, middle - high / 2 + 2, left + room + 8 + length, middle + high / 2 - 2), fill=fill
        )


def _draw_curve(
    pen: ImageDraw.ImageDraw, past: Sequence[float], distances: Sequence[float], box: tuple[int, int, int, int]
) -> None:
    """The distances so far, on a logarithmic scale that all fit into; the last in words."""
    left, top, right, bottom = box
    logs = np.log10(np.maximum(np.nan_to_num(np.array(distances), nan=1e-9, posinf=1e9), 1e-9))
    low, span = logs.min(), max(float(np.ptp(logs)), 1e-6)
    step = (right - left) / max(1, len(distances) - 1)
    places = [
        (left + number * step, bottom - (bottom - top) * (one - low) / span) for number, one in enumerate(logs.tolist())
    ]
    for start, end in pairwise(places[: len(past)]):
        pen.line((*start, *end), fill=INK, width=2)
    pen.text((right, top), f"distance {past[-1]:.5f}", FAINT, font=font(14), anchor="ra")
