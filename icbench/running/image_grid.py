"""Images side by side, as a dataset's are printed."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from icbench.kinds.names import class_name
from icbench.storage import write_output

CELL, GAP, MARGIN = 56, 6, 14
BESIDE = 24
COLOURS = 3
PAPER, INK, FAINT = (255, 255, 255), (32, 32, 32), (110, 110, 110)


def image_grid(images: NDArray[np.float32], light_on_dark: bool, names: Sequence[str] = ()) -> Image.Image:
    """Images (K, N, C, H, W) in [0, 1], a row with its name or number for each of the first axis.

    Args:
        images: such as a generator's, of each class and noise.
        light_on_dark: as the dataset's; such images are drawn dark on light.
        names: what the classes are called, if they have names.
    """
    rows, columns = images.shape[:2]
    side, said = CELL + GAP, [class_name(row, names) for row in range(rows)]
    beside = max(BESIDE, *(round(font(14).getlength(text)) + 12 for text in said))
    picture = Image.new("RGB", (2 * MARGIN + beside + columns * side, 2 * MARGIN + rows * side), PAPER)
    pen = ImageDraw.Draw(picture)
    for row in range(rows):
        top = MARGIN + row * side
        pen.text((MARGIN + 6, top + CELL / 2), said[row], FAINT, font=font(14), anchor="lm")
        for column in range(columns):
            picture.paste(tile(images[row, column], light_on_dark), (MARGIN + beside + column * side, top))
    return picture


def save_picture(picture: Image.Image, file: Path) -> None:
    """Write a picture in the format that the file's name ends with.

    Raises:
        OutputError: the file cannot be written.
    """
    stream = io.BytesIO()
    picture.save(stream, Image.registered_extensions()[file.suffix.lower()])
    write_output(file, stream.getvalue())


def tile(image: NDArray[np.float32], light_on_dark: bool, side: int = CELL) -> Image.Image:
    """An image (C, H, W) in [0, 1] in a square of a side; what is light on dark as it would be printed."""
    shown = as_drawn(image, light_on_dark)
    drawn = Image.fromarray((255 * shown).round().astype(np.uint8)).convert("RGB")
    longest = max(drawn.size)
    width, height = (max(1, round(side * length / longest)) for length in drawn.size)
    square = Image.new("RGB", (side, side), PAPER)
    square.paste(drawn.resize((width, height), Image.Resampling.BICUBIC), ((side - width) // 2, (side - height) // 2))
    return square


def as_drawn(image: NDArray[np.float32], light_on_dark: bool) -> NDArray[np.float32]:
    """An image (C, H, W) as (H, W) grey levels or (H, W, 3) colours in [0, 1]; other channels are averaged."""
    levels = image.clip(0, 1).transpose(1, 2, 0)
    levels = levels if levels.shape[2] == COLOURS else levels.mean(axis=2)
    return 1 - levels if light_on_dark else levels


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """What is written in pictures."""
    return ImageFont.load_default(size)
