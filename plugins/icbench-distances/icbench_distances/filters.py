"""Separable linear filters as matrices.

On images of a few dozen pixels a side, two matrix products are some forty times as fast on a CPU as two convolutions,
and every filter here is one: smoothing, slopes, windows, pooling. What lies outside an image is black.
"""

from collections.abc import Callable
from functools import lru_cache
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Taps = tuple[float, ...]
Matrix = NDArray[np.float64]

SOBEL_SMOOTHING: Taps = (0.25, 0.5, 0.25)
SOBEL_SLOPE: Taps = (-0.5, 0.0, 0.5)
"""Scaled so that a ramp of one grey level per pixel has slope 1."""


def separable(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """`rows @ image @ columns.T` for every channel of every image.

    Args:
        images: (B, C, H, W).
        rows: (R, H), applied along the height.
        columns: (S, W), applied along the width.

    Returns:
        (B, C, R, S).
    """
    across = (images @ columns.mT).mT.contiguous()
    return (across @ rows.mT).mT


def apply_taps(images: Tensor, vertical: Taps, horizontal: Taps, pad: int = 0) -> Tensor:
    """Images correlated with the taps along each axis, black outside.

    Args:
        images: (B, C, H, W).
        vertical, horizontal: an odd number of taps each, centred.
        pad: pixels by which the result is larger than the images on every side; negative for smaller.

    Returns:
        (B, C, H + 2 pad, W + 2 pad).
    """
    height, width = images.shape[-2:]
    rows = constant(images, band, height, vertical, pad)
    return separable(images, rows, constant(images, band, width, horizontal, pad))


def sobel(images: Tensor, pad: int = 0) -> Tensor:
    """The slopes of images (B, C, H, W), vertical channels before horizontal: (B, 2 C, H + 2 pad, W + 2 pad)."""
    vertical = apply_taps(images, SOBEL_SLOPE, SOBEL_SMOOTHING, pad)
    return torch.cat([vertical, apply_taps(images, SOBEL_SMOOTHING, SOBEL_SLOPE, pad)], dim=1)


def constant(like: Tensor, build: Callable[..., Matrix], *arguments: object) -> Tensor:
    """`build(*arguments)`, built once per device and type, as a tensor beside `like`."""
    return _constant(build, arguments, like.device, like.dtype)


@lru_cache(maxsize=256)
def _constant(
    build: Callable[..., Matrix], arguments: tuple[object, ...], device: torch.device, dtype: torch.dtype
) -> Tensor:
    # A tensor made in inference mode could not take part in a later backward pass.
    with torch.inference_mode(False):
        return torch.from_numpy(build(*arguments)).to(device, dtype)


def band(size: int, taps: Taps, pad: int = 0) -> Matrix:
    """The matrix (size + 2 pad, size) that correlates a line of `size` pixels with centred taps."""
    reach = len(taps) // 2
    offset = np.arange(size)[None, :] - np.arange(-pad, size + pad)[:, None]
    inside = np.abs(offset) <= reach
    return np.where(inside, np.array(taps)[np.clip(offset + reach, 0, len(taps) - 1)], 0.0)


def halving(size: int) -> Matrix:
    """The matrix (size // 2, size) that averages neighbouring pairs; a last pixel without a neighbour is dropped."""
    matrix = np.zeros((size // 2, size))
    for pair in range(size // 2):
        matrix[pair, 2 * pair : 2 * pair + 2] = 0.5
    return matrix


def gaussian(sigma: float, reach: int | None = None) -> Taps:
    """Taps of a Gaussian, of sum 1, out to `reach` pixels (default: five sigma)."""
    offset = np.arange(-_reach(sigma, reach), _reach(sigma, reach) + 1)
    weight = np.exp(-((offset / sigma) ** 2) / 2)
    return tuple((weight / weight.sum()).tolist())


def gaussian_slope(sigma: float) -> Taps:
    """Taps of a Gaussian's derivative: the slope of the smoothed line."""
    offset = np.arange(-_reach(sigma), _reach(sigma) + 1)
    return tuple((offset / sigma**2 * np.array(gaussian(sigma))).tolist())


def _reach(sigma: float, reach: int | None = None) -> int:
    return ceil(5 * sigma) if reach is None else reach
