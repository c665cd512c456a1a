"""Sliced Wasserstein distance: how far white has to be moved across the image."""

from math import ceil, hypot

import numpy as np
from icbench.kinds.distance import Distance, Features
from torch import Tensor

from icbench_distances.filters import Matrix, constant

FLOOR = 1e-3
"""Mass of a black pixel, so that a black image has a distribution too."""


class SlicedWasserstein(Distance):
    """Mean over directions of the Wasserstein-1 distance between the images' distributions of white over positions.

    Each image is a distribution of mass over its pixels' positions. It is projected on `projections` directions, and on
    each line the distance is the area between the two cumulative distributions (Vallender 1974), in parts of the
    image's longer side; their mean is the sliced distance (Rabin et al. 2012, Bonneel et al. 2015). On a line, a
    pixel's mass is shared between the two nearest of points one pixel apart, which keeps its place in mean and makes
    all projections one matrix product. A distribution has no brightness: `mass_weight` times the difference of the mean
    grey levels is added. Channels are distributions of their own.

    Features: cumulative distributions and mean grey level of the target, (B, C, projections * points) and (B, C).

    Args:
        projections: number of directions, one drawn from each of so many equal parts of the half circle.
        mass_weight: weight of the difference in mean grey level.
        seed: of the directions, which are the same for all images.
    """

    def __init__(self, projections: int = 16, mass_weight: float = 0.1, seed: int = 0) -> None:
        self.projections = projections
        self.mass_weight = mass_weight
        self.seed = seed

    def features(self, target: Tensor) -> tuple[Tensor, Tensor]:
        return self._cumulative(target), target.mean(dim=(2, 3))

    def compare(self, reconstruction: Tensor, features: Features) -> Tensor:
        cumulative, mass = features
        areas = (self._cumulative(reconstruction) - cumulative).abs().sum(dim=2) / self.projections
        mass_difference = (reconstruction.mean(dim=(2, 3)) - mass).abs()
        return (areas / max(reconstruction.shape[-2:]) + self.mass_weight * mass_difference).mean(dim=1)

    def _cumulative(self, images: Tensor) -> Tensor:
        mass = images.flatten(2) + FLOOR
        projection = constant(images, cumulative_projection, *images.shape[-2:], self.projections, self.seed)
        return (mass / mass.sum(dim=2, keepdim=True)) @ projection


def cumulative_projection(height: int, width: int, projections: int, seed: int) -> Matrix:
    """The matrix (H W, projections * points) that takes masses to their cumulative distributions on every line."""
    line = points(height, width)
    places = (np.indices((height, width)).reshape(2, -1).T - [(height - 1) / 2, (width - 1) / 2]) @ directions(
        projections, seed
    )
    shares = (1 - np.abs(places[:, :, None] - line)).clip(0)
    return shares.cumsum(axis=2).reshape(height * width, -1)


def points(height: int, width: int) -> Matrix:
    """The points of a line, one pixel apart, long enough for every direction."""
    reach = ceil(hypot(height - 1, width - 1) / 2)
    return np.arange(-reach, reach + 1, dtype=np.float64)


def directions(projections: int, seed: int) -> Matrix:
    """Unit vectors as columns: (2, projections), each drawn uniformly from its own part of the half circle."""
    part = np.arange(projections) + np.random.default_rng(seed).random(projections)
    angle = np.pi * part / projections
    return np.stack([np.cos(angle), np.sin(angle)])
