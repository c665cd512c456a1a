"""Accuracies and their differences where an entry was run for one or several seeds.

Two things vary: which images there are, and which seed. With one seed only the first can be seen, and the intervals are
those for proportions. With several, the variance of a mean accuracy is at most the sum of both parts, which is what is
taken (a two-way random effects layout, images crossed with seeds; Welch-Satterthwaite degrees of freedom, Satterthwaite
1946). That is slightly conservative where seeds differ by chance alone; for two seeds that differ much it is still too
narrow, so that three seeds or more are worth having. A single seed against several counts as if it had no spread. An
interval of that kind would have no width where all images are alike, and so at an accuracy of 1: a few imagined images
are added to it.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from icbench.statistics.distributions import student_quantile, student_two_sided
from icbench.statistics.paired import PairCounts, bonett_price_interval, exact_mcnemar
from icbench.statistics.proportions import wilson_interval

TWO_RIGHT_TWO_WRONG = (1.0, 1.0, 0.0, 0.0)
"""The images imagined for an accuracy (Agresti & Coull 1998)."""

ONE_FOR_EACH = (1.0, -1.0)
"""The images imagined for a difference, as Bonett & Price (2012) do for single seeds."""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval.

    Args:
        value: the accuracy, or the difference of two.
        low, high: the interval's ends.
        p: two-sided, that a difference is zero; None for an accuracy.
        deviation: sample standard deviation over seeds; None for one seed or a difference.
    """

    value: float
    low: float
    high: float
    p: float | None = None
    deviation: float | None = None


def accuracy_estimate(correct: NDArray[np.bool_]) -> Estimate:
    """The mean accuracy over seeds.

    One seed: Wilson's interval. More: a t interval, with the variance over images and that over seeds added.

    Args:
        correct: (S, N), which of N images each of S seeds has right.
    """
    seeds, images = correct.shape
    if seeds == 1:
        right = int(correct.sum())
        return Estimate(right / images, *wilson_interval(right, images))
    by_seed = correct.mean(axis=1)
    by_image = np.append(correct.mean(axis=0), TWO_RIGHT_TWO_WRONG)
    centre, half = float(by_image.mean()), _half_width([_over_images(by_image), _over_seeds(correct)])
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Estimate(float(by_seed.mean()), low, high, deviation=float(by_seed.std(ddof=1)))


def difference_estimate(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Estimate:
    """Accuracy of `first` minus accuracy of `second`, paired on images.

    One seed each: the interval of Bonett & Price and the exact McNemar p. More: a t interval and test on the per-image
    differences of the mean over seeds, with the variance over the seeds of each added where it has several.

    Args:
        first, second: (S, N) and (T, N), for the same N images.
    """
    if len(first) == len(second) == 1:
        pair = PairCounts.of(first[0], second[0])
        p = float(exact_mcnemar(pair.only_first, pair.only_second))
        return Estimate(pair.difference, *bonett_price_interval(pair), p=p)
    by_image = np.append(first.mean(axis=0) - second.mean(axis=0), ONE_FOR_EACH)
    parts = [_over_images(by_image), *(_over_seeds(runs) for runs in (first, second) if len(runs) > 1)]
    centre, half = float(by_image.mean()), _half_width(parts)
    p = float(student_two_sided(centre / sqrt(_variance(parts)), _degrees_of_freedom(parts)))
    value = float(first.mean() - second.mean())
    return Estimate(value, max(-1.0, centre - half), min(1.0, centre + half), p=p)


def _over_images(values: NDArray[np.float64]) -> tuple[float, int]:
    """The variance of the mean of per-image values, and its degrees of freedom."""
    return float(values.var(ddof=1)) / len(values), len(values) - 1


def _over_seeds(correct: NDArray[np.bool_]) -> tuple[float, int]:
    return float(correct.mean(axis=1).var(ddof=1)) / len(correct), len(correct) - 1


def _half_width(parts: list[tuple[float, int]]) -> float:
    return student_quantile(_degrees_of_freedom(parts)) * sqrt(_variance(parts))


def _variance(parts: list[tuple[float, int]]) -> float:
    return sum(part for part, _ in parts)


def _degrees_of_freedom(parts: list[tuple[float, int]]) -> float:
    return _variance(parts) ** 2 / sum(part**2 / freedom for part, freedom in parts)
