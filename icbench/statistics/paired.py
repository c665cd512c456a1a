"""Two classifiers on the same images: tests and intervals that use the pairing."""

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from icbench.statistics.distributions import fair_binomial_cdf, normal_two_sided
from icbench.statistics.proportions import Z95

Z80 = 0.8416212335729143
"""The 80 % point of the standard normal distribution: the power that `images_to_tell_apart` plans for."""


@dataclass(frozen=True)
class PairCounts:
    """McNemar's table of two classifiers A and B.

    Args:
        both, only_first, only_second, neither: images that were classified correctly by so many of them.
    """

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def images(self) -> int:
        """N, how many images both classified."""
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def difference(self) -> float:
        """Accuracy of A minus accuracy of B; 0 without images."""
        return (self.only_first - self.only_second) / self.images if self.images else 0.0

    @classmethod
    def of(cls, first: NDArray[np.bool_], second: NDArray[np.bool_]) -> "PairCounts":
        """The table of two boolean arrays (N,) that say which images are classified correctly."""
        return cls(
            both=int(np.sum(first & second)),
            only_first=int(np.sum(first & ~second)),
            only_second=int(np.sum(~first & second)),
            neither=int(np.sum(~first & ~second)),
        )


def exact_mcnemar(only_first: ArrayLike, only_second: ArrayLike) -> NDArray[np.float64]:
    """Two-sided p of McNemar's test (1947) by the binomial distribution: are both kinds of discordance equally likely?

    Args:
        only_first, only_second: numbers of images that only one classifier has right, of any one shape.

    Returns:
        p in (0, 1], 1 where nothing is discordant.
    """
    first, second = np.asarray(only_first), np.asarray(only_second)
    # Where both are equally many, both tails have the middle, and twice one is more than 1.
    return np.minimum(1.0, 2 * fair_binomial_cdf(np.minimum(first, second), first + second))


def corrected_mcnemar(only_first: ArrayLike, only_second: ArrayLike) -> NDArray[np.float64]:
    """Two-sided p of McNemar's chi-squared test with continuity correction (Edwards 1948).

    Args:
        only_first, only_second: as for `exact_mcnemar`.

    Returns:
        p in (0, 1], 1 where nothing is discordant.
    """
    first, second = np.asarray(only_first, np.float64), np.asarray(only_second, np.float64)
    discordant = first + second
    distance = np.maximum(np.abs(first - second) - 1, 0)
    return normal_two_sided(distance / np.sqrt(np.maximum(discordant, 1)))


def bonett_price_interval(pair: PairCounts, z: float = Z95) -> tuple[float, float]:
    """The adjusted Wald interval for a difference of paired proportions (Bonett & Price 2012).

    Args:
        pair: of classifiers A and B.
        z: the two-sided normal quantile; 1.96 gives 95 %.

    Returns:
        the ends of the interval of accuracy of A minus accuracy of B, within [-1, 1].
    """
    # With two imagined images, one that each alone has right, there is a width even where the two agree on all.
    images = pair.images + 2
    first, second = (pair.only_first + 1) / images, (pair.only_second + 1) / images
    half = z * sqrt((first + second - (first - second) ** 2) / images)
    return max(-1.0, first - second - half), min(1.0, first - second + half)


def images_to_tell_apart(pair: PairCounts) -> int | None:
    """How many images McNemar's test needs to find this difference at 5 % with nearly 80 % power (Connor 1987).

    A rough plan: it takes the difference that was seen for the true one.

    Returns:
        the number of images altogether, or None where the two are equally accurate and none would do.
    """
    difference = abs(pair.difference)
    if difference == 0:
        return None
    discordance = (pair.only_first + pair.only_second) / pair.images
    root = Z95 * sqrt(discordance) + Z80 * sqrt(max(0.0, discordance - difference**2))
    return ceil((root / difference) ** 2)
