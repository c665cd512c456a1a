"""Structural similarity, of one scale and of several.

Own code, because the libraries compute the target's statistics anew at every step, and because their multi-scale
index fails on small images or has no gradient where a scale's similarity is negative, as it often is between digits.
"""

import torch
from icbench.kinds.distance import Distance, Features
from torch import Tensor

from icbench_distances.filters import apply_taps, constant, gaussian, halving, separable

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""The exponents of the scales, finest first (Wang, Simoncelli & Bovik 2003, section 3.2)."""

EXACT = 0.05
"""The similarity from which on `positive` leaves it as it is."""


class Window:
    """Local statistics under a Gaussian window, and the two comparisons made from them.

    The window reaches 3.5 standard deviations (11 pixels at 1.5, as in the paper), or less on images narrower than
    that, and lies wholly inside the image.

    Args:
        sigma: the window's standard deviation in pixels.
        k1, k2: the stabilising constants of luminance and contrast (Wang et al. 2004, section III-B).
    """

    def __init__(self, sigma: float, k1: float, k2: float) -> None:
        self.sigma = sigma
        self.c1, self.c2 = k1**2, k2**2

    def mean(self, images: Tensor) -> Tensor:
        """Local means: (B, C, H', W') of images (B, C, H, W)."""
        reach = min(round(3.5 * self.sigma), (min(images.shape[-2:]) - 1) // 2)
        taps = gaussian(self.sigma, reach)
        return apply_taps(images, taps, taps, pad=-reach)

    def moments(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Local means and variances."""
        mean = self.mean(images)
        return mean, self.mean(images.square()) - mean.square()

    def similarity(self, images: Tensor, target: Tensor, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """The similarity and its contrast-structure part, in mean over an image.

        Args:
            images, target: (B, C, H, W).
            mean, variance: the target's moments.

        Returns:
            (B,) each, in (-1, 1] (Wang et al. 2004, equation 13 and its second factor).
        """
        own_mean, own_variance = self.moments(images)
        covariance = self.mean(images * target) - own_mean * mean
        luminance = (2 * own_mean * mean + self.c1) / (own_mean.square() + mean.square() + self.c1)
        structure = (2 * covariance + self.c2) / (own_variance + variance + self.c2)
        return (luminance * structure).mean(dim=(1, 2, 3)), structure.mean(dim=(1, 2, 3))


class SSIM(Distance):
    """1 - SSIM, the structural similarity index (Wang, Bovik, Sheikh & Simoncelli 2004, equation 13).

    Features: the target and its local means and variances.

    Args:
        sigma: standard deviation of the window in pixels.
        k1, k2: the stabilising constants.
    """

    def __init__(self, sigma: float = 1.5, k1: float = 0.01, k2: float = 0.03) -> None:
        self.window = Window(sigma, k1, k2)

    def features(self, target: Tensor) -> tuple[Tensor, ...]:
        return target, *self.window.moments(target)

    def compare(self, reconstruction: Tensor, features: Features) -> Tensor:
        target, mean, variance = features
        similarity, _ = self.window.similarity(reconstruction, target, mean, variance)
        return 1 - similarity


class MultiScaleSSIM(Distance):
    """1 - MS-SSIM: contrast and structure on every scale, luminance on the coarsest (Wang, Simoncelli & Bovik 2003).

    Equation 7, with the paper's exponents of the first `scales` scales made to sum to 1. The paper's index is a product
    of powers and has no value where a scale's similarity is negative; see `positive` for what stands there.

    Features: per scale, the target and its local means and variances.

    Args:
        scales: their number, each half the size of the one before; fewer if the image is reduced to a pixel earlier.
        sigma: standard deviation of the window in pixels, the same on every scale.
        k1, k2: the stabilising constants.
    """

    def __init__(self, scales: int = 3, sigma: float = 1.5, k1: float = 0.01, k2: float = 0.03) -> None:
        self.scales = scales
        self.window = Window(sigma, k1, k2)

    def features(self, target: Tensor) -> tuple[Tensor, ...]:
        return tuple(part for copy in self._pyramid(target) for part in (copy, *self.window.moments(copy)))

    def compare(self, reconstruction: Tensor, features: Features) -> Tensor:
        copies = self._pyramid(reconstruction)
        scales = [features[3 * scale : 3 * scale + 3] for scale in range(len(copies))]
        pairs = [self.window.similarity(copy, *scale) for copy, scale in zip(copies, scales, strict=True)]
        terms = torch.stack([structure for _, structure in pairs[:-1]] + [pairs[-1][0]])
        weights = terms.new_tensor(WEIGHTS[: len(terms)])[:, None]
        return 1 - (positive(terms) ** (weights / weights.sum())).prod(dim=0)

    def _pyramid(self, images: Tensor) -> list[Tensor]:
        copies = [images]
        while len(copies) < self.scales and min(copies[-1].shape[-2:]) > 1:
            copies.append(halve(copies[-1]))
        return copies


def halve(images: Tensor) -> Tensor:
    """Images (B, C, H, W) averaged over squares of two by two pixels: (B, C, H // 2, W // 2)."""
    height, width = images.shape[-2:]
    return separable(images, constant(images, halving, height), constant(images, halving, width))


def positive(similarity: Tensor) -> Tensor:
    """The similarity itself from `EXACT` up, below it an exponential of the same value and slope that never reaches 0.

    Setting negative similarities to 0, as is common, takes the gradient away exactly where it is needed.
    """
    below = EXACT * torch.exp(similarity.clamp(max=EXACT) / EXACT - 1)
    return torch.where(similarity > EXACT, similarity, below)
