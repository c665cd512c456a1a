"""One-sided tangent distance: small transformations of the target are free."""

from math import sqrt

import torch
from icbench.kinds.distance import Features, LeastSquares
from torch import Tensor

from icbench_distances.filters import apply_taps, gaussian, gaussian_slope

RIDGE = 1e-8
"""The share of a tangent's squared length that is added to it, so that dependent ones can be factorised."""
BLACK = 1e-12
"""What is added to that of all tangents, as those of a black image have no length."""


class Tangent(LeastSquares):
    """Mean over pixels of the squared difference that no small transformation of the target explains.

    The distance of the reconstruction from the target's tangent plane, min over a of |x - y - T a|^2 / P, with the
    seven tangent vectors T of Simard, LeCun & Denker (1993) and Simard, LeCun, Denker & Victorri (1998): two
    translations, scaling, rotation, two hyperbolic transformations and thickness. x and y are smoothed by a Gaussian,
    whose derivatives make T exact. Of the two-sided distance only the target's side is kept, so T is factorised once
    per image. `spring` is the controlled deformation of 1998: it adds spring * |T a|^2, which leads from the tangent
    distance (0) to the squared error between the smoothed images (infinity).

    Features: the smoothed target (B, C, H, W) and an orthonormal basis of its tangent plane (B, 7, P).

    Args:
        sigma: standard deviation of the Gaussian in pixels.
        spring: stiffness of the spring.
    """

    def __init__(self, sigma: float = 1.0, spring: float = 0.0) -> None:
        self.sigma = sigma
        self.spring = spring

    def features(self, target: Tensor) -> tuple[Tensor, Tensor]:
        return self._smooth(target), orthonormal(tangent_vectors(target, self.sigma))

    def residuals(self, reconstruction: Tensor, features: Features) -> Tensor:
        target, basis = features
        difference = (self._smooth(reconstruction) - target).flatten(1)
        along = torch.bmm(basis, difference[:, :, None])
        across = difference - torch.bmm(along.mT, basis)[:, 0]
        scale = sqrt(2 / difference.shape[1])
        if self.spring == 0:
            return across * scale
        stretched = along[:, :, 0] * sqrt(self.spring / (1 + self.spring))
        return torch.cat([across, stretched], dim=1) * scale

    def _smooth(self, images: Tensor) -> Tensor:
        return apply_taps(images, gaussian(self.sigma), gaussian(self.sigma))


def tangent_vectors(images: Tensor, sigma: float) -> Tensor:
    """How smoothed images change under the seven transformations, to first order: (B, 7, P) of images (B, C, H, W).

    In the order vertical and horizontal translation, scaling, rotation, axis-parallel and diagonal hyperbolic
    transformation, thickness. Coordinates are counted from the middle.
    """
    smoothing, slope = gaussian(sigma), gaussian_slope(sigma)
    down, right = apply_taps(images, slope, smoothing), apply_taps(images, smoothing, slope)
    height, width = images.shape[-2:]
    y = _centre(height, images)[:, None]
    x = _centre(width, images)[None, :]
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


def _centre(size: int, like: Tensor) -> Tensor:
    """Coordinates from -1 to 1 over `size` pixels."""
    position = torch.arange(size, device=like.device, dtype=like.dtype) - (size - 1) / 2
    return position / max((size - 1) / 2, 0.5)


def orthonormal(vectors: Tensor) -> Tensor:
    """Orthonormal rows that span what the rows of (B, K, P) span, by one Cholesky factorisation of their products.

    A row that depends on those before it, or is nearly 0 as in a black image, becomes 0.
    """
    # In double, as the ridge is below float32's rounding.
    exact = vectors.double()
    products = exact @ exact.mT
    diagonal = products.diagonal(dim1=1, dim2=2)
    ridge = RIDGE * diagonal + BLACK
    factor = torch.linalg.cholesky(products + torch.diag_embed(ridge))
    basis: Tensor = torch.linalg.solve_triangular(factor, exact, upper=False)
    return basis.to(vectors.dtype)
