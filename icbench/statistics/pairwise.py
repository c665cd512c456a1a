"""Every pair of many entries tested at once, from one matrix product."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from icbench.statistics.distributions import student_two_sided
from icbench.statistics.paired import exact_mcnemar
from icbench.statistics.ranks import holm


@dataclass(frozen=True)
class Pairwise:
    """The tests of every pair of R entries.

    Args:
        p: (R, R) two-sided p values corrected by Holm for all R (R - 1) / 2 pairs; 1 on the diagonal.
        better: (R, R), whether the row's entry is more accurate than the column's with p < 0.05.
    """

    p: NDArray[np.float64]
    better: NDArray[np.bool_]


def pairwise_tests(runs: list[NDArray[np.bool_]], level: float = 0.05) -> Pairwise:
    """Test every pair: exact McNemar where both have one seed, else the t test of `difference_estimate`.

    Args:
        runs: for each entry (S, N), which of the same N images each of its S seeds has right.
        level: of the family of all pairs.
    """
    means = np.stack([run.mean(axis=0) if len(run) > 1 else run[0].astype(np.float64) for run in runs])
    count, images = means.shape
    products = means @ means.T
    accuracy = means.mean(axis=1)
    single = np.array([len(run) == 1 for run in runs])
    first, second = np.triu_indices(count, 1)
    p = np.empty(len(first))
    exact = single[first] & single[second]
    one, other = first[exact], second[exact]
    own = np.diag(products)
    # Rounded, as the products of floats are counts here.
    p[exact] = exact_mcnemar(np.rint(own[one] - products[one, other]), np.rint(own[other] - products[one, other]))
    one, other = first[~exact], second[~exact]
    # With the two images that `difference_estimate` imagines.
    squares = own[one] + own[other] - 2 * products[one, other] + 2
    difference = (accuracy[one] - accuracy[other]) * images / (images + 2)
    p[~exact] = _t_tests(difference, squares, images + 2, *_seed_parts(runs, one), *_seed_parts(runs, other))
    corrected = np.ones((count, count))
    corrected[first, second] = corrected[second, first] = holm(p)
    return Pairwise(corrected, (corrected < level) & (accuracy[:, None] > accuracy[None, :]))


def _seed_parts(
    runs: list[NDArray[np.bool_]], chosen: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The variance of the mean over seeds and its degrees of freedom, for each chosen entry."""
    variance = np.array([run.mean(axis=1).var(ddof=1) / len(run) if len(run) > 1 else 0.0 for run in runs])
    freedom = np.array([max(1, len(run) - 1) for run in runs], np.float64)
    return variance[chosen], freedom[chosen]


def _t_tests(
    difference: NDArray[np.float64],
    squares: NDArray[np.float64],
    images: int,
    first_variance: NDArray[np.float64],
    first_freedom: NDArray[np.float64],
    second_variance: NDArray[np.float64],
    second_freedom: NDArray[np.float64],
) -> NDArray[np.float64]:
    """As `difference_estimate`, from the sums of the squared per-image differences."""
    freedom = max(1, images - 1)
    over_images = np.maximum(0, squares / images - difference**2) / freedom
    variance = over_images + first_variance + second_variance
    parts = over_images**2 / freedom + first_variance**2 / first_freedom + second_variance**2 / second_freedom
    return student_two_sided(difference / np.sqrt(variance), variance**2 / parts)
