"""Squared distances between linear responses of the images: slopes, blurred copies, spatially smoothed pixels."""

from abc import abstractmethod
from math import pi, sqrt

import numpy as np
import torch
from icbench.kinds.distance import Features, LeastSquares
from torch import Tensor

from icbench_distances.filters import Matrix, apply_taps, constant, gaussian, separable, sobel


class LinearResponses(LeastSquares):
    """Half the squared length of A(reconstruction) - A(target), for a linear map A of the images.

    The features are A(target), (B, R).
    """

    @abstractmethod
    def responses(self, images: Tensor) -> Tensor:
        """A(images): (B, R) of images (B, C, H, W)."""

    def features(self, target: Tensor) -> Tensor:
        return self.responses(target)

    def residuals(self, reconstruction: Tensor, features: Features) -> Tensor:
        assert isinstance(features, Tensor)
        return self.responses(reconstruction) - features


class Gradient(LinearResponses):
    """Mean over pixels of the squared difference of the Sobel slopes, vertical plus horizontal (Sobel & Feldman 1968).

    The slopes are per pixel (filters [1 2 1] / 4 and [-1 0 1] / 2) and the outside is black, so that an image's level
    counts through its border only.
    """

    def responses(self, images: Tensor) -> Tensor:
        return sobel(images).flatten(1) * sqrt(2 / images[0].numel())


class Blur(LinearResponses):
    """Mean squared error on several scales: of the images, and of Gaussian-blurred copies of them.

    Coarse scales pull over distances where fine strokes no longer overlap, as in coarse-to-fine matching
    (Witkin, Terzopoulos & Kass 1987, "Signal matching through scale space").

    Args:
        sigma: the first blurred copy's standard deviation in pixels; each further copy's is twice the one before.
        levels: the number of blurred copies.
        growth: a scale's weight relative to the next finer one. The weights sum to 1.
    """

    def __init__(self, sigma: float = 1.0, levels: int = 2, growth: float = 1.0) -> None:
        self.sigmas = [sigma * 2**level for level in range(levels)]
        weights = [growth**level for level in range(levels + 1)]
        self.weights = [weight / sum(weights) for weight in weights]

    def responses(self, images: Tensor) -> Tensor:
        copies = [images] + [apply_taps(images, gaussian(sigma), gaussian(sigma)) for sigma in self.sigmas]
        scales = [sqrt(2 * weight / images[0].numel()) for weight in self.weights]
        return torch.cat([copy.flatten(1) * scale for copy, scale in zip(copies, scales, strict=True)], dim=1)


class IMED(LinearResponses):
    """The square of the image Euclidean distance, per pixel: d' G d / P for the difference d of P pixels.

    G couples pixels i and j by exp(-|p_i - p_j|^2 / 2 sigma^2) / (2 pi sigma^2) (Wang, Zhang & Feng 2005, "On the
    Euclidean distance of images"). G is a Kronecker product of one matrix per axis and so is its root, which makes the
    paper's standardizing transform two small products: IMED is the mean squared error between transformed images.

    Args:
        sigma: reach of the coupling in pixels; the paper's is 1.
    """

    def __init__(self, sigma: float = 1.0) -> None:
        self.sigma = sigma

    def responses(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        rows = constant(images, coupling_root, height, self.sigma)
        standardised = separable(images, rows, constant(images, coupling_root, width, self.sigma))
        return standardised.flatten(1) * sqrt(2 / images[0].numel())


def coupling_root(size: int, sigma: float) -> Matrix:
    """The symmetric root of one axis' coupling matrix: (size, size)."""
    position = np.arange(size)
    offset = position[:, None] - position[None, :]
    coupling = np.exp(-((offset / sigma) ** 2) / 2) / (sqrt(2 * pi) * sigma)
    values, vectors = np.linalg.eigh(coupling)
    # A wide Gaussian's least eigenvalues are 0 up to rounding, on either side of it.
    root: Matrix = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    return root
