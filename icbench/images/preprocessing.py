"""What brings a picture to the form of the images that a generator was trained on, and says what it did."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from icbench.errors import UsageError
from icbench.images.reading import Picture

INK_SHARE = 20 / 28
"""How much of an MNIST image its digit's larger side takes (LeCun et al. 1998)."""
LEAST_CONTRAST = 0.02
"""The least difference between ink and paper that is not taken for noise."""
COARSE = 256
"""The longer side from which on pixels are averaged before ink is told from paper."""
BLANK = {
    "auto": "all its pixels are nearly alike",
    "yes": "--invert-colours yes looks for dark ink, and nothing is darker than its border",
    "no": "--invert-colours no looks for light ink, and nothing is lighter than its border",
}
"""Why there is no ink, by which colours are."""
FAINTEST, DARKEST = 0.04, 0.4
"""Where ink begins, as a share of the darkest: between these, above what the paper's own unevenness is."""


@dataclass(frozen=True)
class Preprocessing:
    """How pictures are brought to a form.

    Args:
        method: "mnist", "resize" or "none"; see `preprocess`.
        invert_colours: "yes", "no", or "auto": where light images on dark are known and a picture is dark on light.
        light_on_dark: whether the images known are.
    """

    method: str
    invert_colours: str = "auto"
    light_on_dark: bool = False


@dataclass(frozen=True)
class Target:
    """A picture in the form that a generator knows.

    Args:
        picture: what it is made from.
        pixels: (C, H, W) float32 in [0, 1].
        inverted: whether light and dark were exchanged.
        done: all that was done, a phrase each.
    """

    picture: Picture
    pixels: NDArray[np.float32]
    inverted: bool
    done: tuple[str, ...]


def preprocess(picture: Picture, shape: tuple[int, int, int], how: Preprocessing) -> Target:
    """A picture as a target for a generator that makes images of a shape.

    - mnist: as the images of MNIST were made. The ink is cut out, its larger side scaled to 20 of 28 pixels with grey
      levels for what lies between pixels, and its centre of mass put in the middle; light strokes on black.
    - resize: as large as fits, in the middle, and around it the colour of the picture's border.
    - none: the pixels as they are.

    Raises:
        UsageError: nothing is drawn on it, or without preprocessing it is of another size.
    """
    if shape[0] not in (1, 3):
        raise UsageError(
            f"{picture.name}: a picture has no {shape[0]} channels as the generator's images have",
            "Invert arrays with icbench.invert in Python.",
        )
    return {"mnist": _make_mnist_like, "resize": _resize, "none": _keep}[how.method](picture, shape, how)


def _make_mnist_like(picture: Picture, shape: tuple[int, int, int], how: Preprocessing) -> Target:
    ink = _find_ink(picture, how.invert_colours)
    small = _scale(ink.levels, round(INK_SHARE * min(shape[1:])))
    small = (small / small.max()).astype(np.float32)
    pixels = _centre(small, shape[1], shape[2])
    scaled = f"ink of {ink.size[0]} x {ink.size[1]} pixels scaled to {small.shape[1]} x {small.shape[0]}"
    done = (*picture.done, *_inversion_phrases(ink.dark), scaled, "centred by its mass")
    return Target(picture, np.stack([pixels] * shape[0]), ink.dark, done)


@dataclass(frozen=True)
class _Ink:
    """What is drawn, cut out of its paper: levels (h, w) in [0, 1], whether it is dark, its width and height."""

    levels: NDArray[np.float32]
    dark: bool
    size: tuple[int, int]


def _find_ink(picture: Picture, invert_colours: str) -> _Ink:
    grey, factor = picture.grey, _factor(*picture.grey.shape)
    sheet = _average(grey, factor)
    paper, _ = _border(sheet)
    dark = {"yes": True, "no": False, "auto": bool(paper - sheet.min() > sheet.max() - paper)}[invert_colours]
    ink = _ink_levels(sheet, dark)
    if not ink.any():
        raise UsageError(f"nothing is drawn on {picture.name}: {BLANK[invert_colours]}", "Give another image.")
    box = tuple(slice(factor * side.start, factor * side.stop) for side in _box(ink > 0))
    # What takes a small part of a sheet is looked at more closely.
    high, wide = grey[box].shape
    closer = _factor(high, wide)
    place = tuple(slice(side.start // closer, -(-side.stop // closer)) for side in box)
    near = _ink_levels(_average(grey, closer), dark)[place]
    ink = near if near.any() else ink
    scale = max(picture.size) / max(grey.shape)
    return _Ink(ink[_box(ink > 0)], dark, (round(scale * wide), round(scale * high)))


def _factor(height: int, width: int) -> int:
    return max(1, max(height, width) // COARSE)


def _average(grey: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Levels (h, w) with squares of pixels averaged to one, in which specks and dithering vanish."""
    return grey if factor == 1 else np.asarray(Image.fromarray(grey).reduce(factor))


def _ink_levels(grey: NDArray[np.float32], dark: bool) -> NDArray[np.float32]:
    """How much ink there is (h, w) in [0, 1]; the paper's unevenness is none."""
    paper, unevenness = _border(grey)
    ink = (paper - grey if dark else grey - paper).clip(0)
    most = float(ink.max())
    if most < LEAST_CONTRAST:
        return np.zeros_like(grey)
    least = np.clip(2 * unevenness, FAINTEST * most, DARKEST * most)
    return np.where(ink > least, ink / np.float32(most), np.float32(0))


def _border(grey: NDArray[np.float32]) -> tuple[float, float]:
    """The lightness of what an image is drawn on, and how uneven that is: the median at the border, and around it."""
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = float(np.median(edge))
    return paper, float(np.quantile(np.abs(edge - paper), 0.9))


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The least box around all that is true."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _scale(levels: NDArray[np.float32], longest: int) -> NDArray[np.float32]:
    """Levels (h, w) scaled so that the larger side is `longest`."""
    height, width = levels.shape
    scale = longest / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return _resample(levels[:, :, None], size)[:, :, 0]


def _resample(levels: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Levels (h, w, C) at a width and height; each pixel of a smaller image is the mean of all that lies beneath it."""
    if (levels.shape[1], levels.shape[0]) == size:
        return levels
    way = Image.Resampling.BOX if size[0] < levels.shape[1] else Image.Resampling.BICUBIC
    bands = [Image.fromarray(np.ascontiguousarray(band)) for band in np.moveaxis(levels, 2, 0)]
    return np.stack([np.asarray(band.resize(size, way)) for band in bands], axis=2).clip(0, 1)


def _centre(small: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Levels on black, their centre of mass as near to the middle as whole pixels bring it, nothing cut off.

    MNIST's middle is the pixel of number 14 of 28, counted from 0.
    """
    total = small.sum()
    places = [
        round(whole / 2 - float(np.arange(side) @ small.sum(axis=1 - axis) / total))
        for axis, (whole, side) in enumerate(zip((height, width), small.shape, strict=True))
    ]
    top, left = (
        min(max(place, 0), whole - side)
        for place, whole, side in zip(places, (height, width), small.shape, strict=True)
    )
    canvas = np.zeros((height, width), np.float32)
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def _resize(picture: Picture, shape: tuple[int, int, int], how: Preprocessing) -> Target:
    levels, inverted, turned = _polarise(picture, shape[0], how)
    height, width = levels.shape[:2]
    scale = min(shape[1] / height, shape[2] / width)
    size = min(shape[2], max(1, round(width * scale))), min(shape[1], max(1, round(height * scale)))
    edge = np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])
    canvas = np.empty((*shape[1:], shape[0]), np.float32)
    canvas[:] = np.median(edge, axis=0)
    top, left = (shape[1] - size[1]) // 2, (shape[2] - size[0]) // 2
    canvas[top : top + size[1], left : left + size[0]] = _resample(levels, size)
    said = [] if picture.size == size else [f"scaled to {size[0]} x {size[1]}"]
    said += [] if size == (shape[2], shape[1]) else ["the rest filled with its border's colour"]
    return Target(picture, canvas.transpose(2, 0, 1).copy(), inverted, (*picture.done, *turned, *said))


def _keep(picture: Picture, shape: tuple[int, int, int], how: Preprocessing) -> Target:
    height, width = picture.levels.shape[:2]
    if (height, width) != shape[1:]:
        raise UsageError(
            f"{picture.name} has {width} x {height} pixels, and the generator makes {shape[2]} x {shape[1]}",
            "Say --preprocess resize or mnist.",
        )
    fixed = Preprocessing("none", "yes" if how.invert_colours == "yes" else "no")
    levels, inverted, turned = _polarise(picture, shape[0], fixed)
    return Target(picture, levels.transpose(2, 0, 1).copy(), inverted, (*picture.done, *turned))


def _polarise(picture: Picture, channels: int, how: Preprocessing) -> tuple[NDArray[np.float32], bool, tuple[str, ...]]:
    """Levels (h, w, C), light and dark exchanged if need be; whether they were, and how that is said."""
    levels = picture.grey[:, :, None] if channels == 1 else np.broadcast_to(picture.levels, (*picture.grey.shape, 3))
    light = _border(picture.grey)[0] > 0.5
    inverted = how.invert_colours == "yes" or (how.invert_colours == "auto" and how.light_on_dark and light)
    return (1 - levels if inverted else levels).astype(np.float32), inverted, _inversion_phrases(inverted)


def _inversion_phrases(inverted: bool) -> tuple[str, ...]:
    return ("light and dark exchanged",) if inverted else ()
