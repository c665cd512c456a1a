"""Density and coverage: how many samples lie among real images, and how many real images have samples beside them."""

import numpy as np
from numpy.typing import NDArray

CHUNK = 500
"""Rows whose distances to all others are held at once."""


def density_and_coverage(
    real: NDArray[np.floating], samples: NDArray[np.floating], neighbours: int
) -> tuple[float, float]:
    """How far two sets of features agree, by balls around each real one (Naeem et al. 2020, equations 3 and 4).

    A real feature's ball reaches to its k-th nearest neighbour among the real ones, and its surface belongs to it.

    Args:
        real: (N, D) features.
        samples: (M, D) features; what is not finite is in no ball.
        neighbours: k, of 1 to N - 1.

    Returns:
        density, the mean number of balls a sample is in over k, 0 or more and about 1 for equal distributions; and
        coverage, the share of the balls that have a sample in them, 1 - (1/2)^k or about that for equal distributions.
    """
    radii = _radii(real, neighbours)
    inside = np.concatenate(
        [(_squared_distances(real[rows], samples) <= radii[rows, None]).sum(axis=1) for rows in _chunks(len(real))]
    )
    return float(inside.sum() / (neighbours * len(samples))), float((inside > 0).mean())


def _radii(real: NDArray[np.floating], neighbours: int) -> NDArray[np.floating]:
    """(N,) squared distances to the k-th nearest neighbour; the nearest of all is the feature itself."""
    parts = [
        np.partition(_squared_distances(real[rows], real), neighbours, axis=1)[:, neighbours]
        for rows in _chunks(len(real))
    ]
    radii: NDArray[np.floating] = np.concatenate(parts)
    return radii


def _chunks(count: int) -> list[slice]:
    return [slice(first, first + CHUNK) for first in range(0, count, CHUNK)]


def _squared_distances(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N, M), in double precision, so that equal features are at a distance of nearly 0."""
    one, other = first.astype(np.float64), second.astype(np.float64)
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)
    found: NDArray[np.float64] = (squares - 2 * one @ other.T).clip(0)
    return found
