"""Small pictures for a page: single ones, and many in one file, shown in parts."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from icbench.kinds.dataset import Split
from icbench.report.embedding import data_url
from icbench.running.image_grid import as_drawn

SIDE = 32
"""The most pixels of a side in a sheet; larger images are made smaller."""
ACROSS = 64
"""How many pictures stand beside each other in a sheet."""
GREYS = 16
QUALITY = 60


@dataclass(frozen=True)
class Sheet:
    """Many images in one picture, row by row.

    Args:
        url: the picture.
        index: the images' positions in their split.
        across, down: how many there are beside and below each other.
    """

    url: str
    index: NDArray[np.int64]
    across: int
    down: int


def picture_url(image: NDArray[np.float32], light_on_dark: bool) -> str:
    """An image (C, H, W) in [0, 1] as a PNG; what is light on dark as it would be printed."""
    stream = io.BytesIO()
    _picture(image, light_on_dark).save(stream, "PNG", optimize=True)
    return data_url(stream.getvalue(), "image/png")


def sheet_of(split: Split, index: NDArray[np.int64], light_on_dark: bool) -> Sheet:
    """The images in `index` on one sheet: greys as a PNG of 16 levels, colours as a JPEG."""
    tiles = [_tile(split, place, light_on_dark) for place in index]
    across = max(1, min(ACROSS, len(tiles)))
    down = max(1, -(-len(tiles) // across))
    width, height = tiles[0].size if tiles else (1, 1)
    sheet = Image.new(tiles[0].mode if tiles else "L", (across * width, down * height))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % across * width, number // across * height))
    return Sheet(_sheet_url(sheet), index, across, down)


def _tile(split: Split, place: int, light_on_dark: bool) -> Image.Image:
    picture = _picture(split.images[place].astype(np.float32) / np.float32(255), light_on_dark)
    # All of a split are of one size.
    scale = min(1.0, SIDE / max(picture.size))
    width, height = (max(1, round(scale * side)) for side in picture.size)
    return picture if scale == 1 else picture.resize((width, height), Image.Resampling.BICUBIC)


def _picture(image: NDArray[np.float32], light_on_dark: bool) -> Image.Image:
    levels = np.nan_to_num(as_drawn(image, light_on_dark))
    return Image.fromarray((255 * levels).round().astype(np.uint8))


def _sheet_url(sheet: Image.Image) -> str:
    stream = io.BytesIO()
    if sheet.mode == "L":
        step = 255 // (GREYS - 1)
        levels = sheet.point([round(level / step) for level in range(256)])
        levels.putpalette([value for grey in range(GREYS) for value in (grey * step,) * 3])
        levels.save(stream, "PNG", optimize=True, bits=4)
        return data_url(stream.getvalue(), "image/png")
    sheet.save(stream, "JPEG", quality=QUALITY)
    return data_url(stream.getvalue(), "image/jpeg")
