"""Images in a terminal: two pixels in each character."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.color import Color
from rich.style import Style
from rich.text import Text

UPPER = "▀"
RAMP = " ░▒▓█"
"""What stands for levels where there are no colours."""


def half_blocks(image: NDArray[np.float32], width: int, coloured: bool = True) -> Text:
    """An image as text of a width in characters: each is two pixels, one above the other.

    Args:
        image: (C, H, W) in [0, 1], light as light; other than three channels are averaged.
        width: of the text; the image is made larger by whole factors only.
        coloured: whether the terminal has colours; else there are five levels, of two pixels together.
    """
    pixels = _at_width(image, width)
    lines = [_line(upper, lower) if coloured else _plain_line(upper, lower) for upper, lower in _pairs(pixels)]
    return Text("\n").join(lines)


def _at_width(image: NDArray[np.float32], width: int) -> NDArray[np.uint8]:
    """The image's bytes (h, w, 3), as wide as it can be, of an even height."""
    levels = image.clip(0, 1)
    levels = levels if len(levels) == 3 else np.repeat(levels.mean(axis=0, keepdims=True), 3, axis=0)
    pixels = (255 * levels).round().astype(np.uint8).transpose(1, 2, 0)
    height, wide = pixels.shape[:2]
    if wide > width:
        size = width, max(1, round(height * width / wide))
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    else:
        pixels = pixels.repeat(width // wide, axis=0).repeat(width // wide, axis=1)
    return np.pad(pixels, ((0, len(pixels) % 2), (0, 0), (0, 0)))


def _pairs(pixels: NDArray[np.uint8]) -> "zip[tuple[NDArray[np.uint8], NDArray[np.uint8]]]":
    return zip(pixels[::2], pixels[1::2], strict=True)


def _line(upper: NDArray[np.uint8], lower: NDArray[np.uint8]) -> Text:
    line = Text()
    for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
        line.append(UPPER, Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below)))
    return line


def _plain_line(upper: NDArray[np.uint8], lower: NDArray[np.uint8]) -> Text:
    means = (upper.mean(axis=1) + lower.mean(axis=1)) / 2
    return Text("".join(RAMP[int(level * (len(RAMP) - 1) / 255 + 0.5)] for level in means))
