"""Nearest neighbour by tangent distance: small transformations of the image are free."""

from math import pi, sqrt

import torch
from torch import Tensor

from icbench_classifiers.neighbours import KNN

TANGENTS = 7
RIDGE = 1e-8
"""The share of a tangent's squared length that is added to it, so that dependent ones can be factorised."""
BLACK = 1e-12
"""What is added to that of all tangents, as those of a black image have no length."""


class TangentNeighbour(KNN):
    """k nearest neighbours by the one-sided tangent distance of Simard, LeCun & Denker (1993).

    The squared distance of an image x from a training image y is the least |x + T a - y|^2 over a, with the seven
    tangent vectors T at x of Simard, LeCun, Denker & Victorri (1998): two translations, scaling, rotation, two
    hyperbolic transformations and thickness. All images are smoothed by a Gaussian, whose derivatives make T exact.

    The tangents are those of the image that is classified, so that one orthonormal basis Q of them serves all training
    images: |x - y|^2 - |Q (x - y)|^2 takes eight matrix products, and no training image has to be left out beforehand.

    Args:
        sigma: standard deviation of the Gaussian in pixels.
        k: how many training images vote, each with weight 1 / distance; all of them, where there are fewer.
    """

    products_per_image = 1 + TANGENTS

    def __init__(self, sigma: float = 1.0, k: int = 1) -> None:
        super().__init__(k)
        self.sigma = sigma

    def embed(self, images: Tensor) -> Tensor:
        return smooth(images, self.sigma).flatten(1)

    def squared_distances(self, images: Tensor) -> Tensor:
        basis = orthonormal(tangent_vectors(images, self.sigma))
        along = (basis.flatten(0, 1) @ self.points.mT).view(len(images), TANGENTS, -1)
        along -= basis @ self.embed(images)[:, :, None]
        return super().squared_distances(images).sub_(along.square_().sum(dim=1))


def smooth(images: Tensor, sigma: float) -> Tensor:
    """Images (B, C, H, W) under a Gaussian of `sigma` pixels, black outside."""
    vertical, horizontal = (gaussian(size, sigma, images) for size in images.shape[-2:])
    return vertical @ images @ horizontal.mT


def tangent_vectors(images: Tensor, sigma: float) -> Tensor:
    """How smoothed images change under the seven transformations, to first order: (B, 7, P) of images (B, C, H, W).

    In the order vertical and horizontal translation, scaling, rotation, axis-parallel and diagonal hyperbolic
    transformation, thickness. Coordinates are counted from the middle.
    """
    height, width = images.shape[-2:]
    down = gaussian_slope(height, sigma, images) @ images @ gaussian(width, sigma, images).mT
    right = gaussian(height, sigma, images) @ images @ gaussian_slope(width, sigma, images).mT
    y, x = _centre(height, images)[:, None], _centre(width, images)
    vectors = [
        down,
        right,
        x * right + y * down,
        y * right - x * down,
        x * right - y * down,
        y * right + x * down,
        right.square() + down.square(),
    ]
    return torch.stack([vector.flatten(1) for vector in vectors], dim=1)


def orthonormal(vectors: Tensor) -> Tensor:
    """Orthonormal rows that span what the rows of (B, T, P) span, by one Cholesky factorisation of their products.

    A row that depends on those before it, or is nearly 0 as in a black image, becomes 0.
    """
    # In double, as the ridge is below float32's rounding.
    exact = vectors.double()
    products = exact @ exact.mT
    ridge = RIDGE * products.diagonal(dim1=1, dim2=2) + BLACK
    factor = torch.linalg.cholesky(products + torch.diag_embed(ridge))
    basis: Tensor = torch.linalg.solve_triangular(factor, exact, upper=False)
    return basis.to(vectors.dtype)


def gaussian(size: int, sigma: float, like: Tensor) -> Tensor:
    """The matrix (size, size) that smooths a line of pixels."""
    apart = _apart(size, like)
    return torch.exp(-((apart / sigma) ** 2) / 2) / (sqrt(2 * pi) * sigma)


def gaussian_slope(size: int, sigma: float, like: Tensor) -> Tensor:
    """The matrix (size, size) that takes the slope of the smoothed line."""
    return -_apart(size, like) / sigma**2 * gaussian(size, sigma, like)


def _apart(size: int, like: Tensor) -> Tensor:
    position = torch.arange(size, device=like.device, dtype=like.dtype)
    return position[:, None] - position


def _centre(size: int, like: Tensor) -> Tensor:
    return torch.arange(size, device=like.device, dtype=like.dtype) - (size - 1) / 2
