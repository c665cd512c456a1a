"""Bootstrap intervals of a difference of accuracies, paired on images, and of the order of several."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

REPLICATES = 10_000
ORDERS_DRAWN = 2_000
MOST_DRAWN = 5_000_000
"""Numbers drawn at once, which bounds the memory."""


def bootstrap_difference(
    first: NDArray[np.bool_], second: NDArray[np.bool_], replicates: int = REPLICATES, seed: int = 0
) -> tuple[float, float]:
    """The 95 % percentile interval of accuracy of `first` minus accuracy of `second`.

    Images are drawn with replacement, the same for both. Where there are several seeds, seeds are drawn too, for each
    of the two on its own: seeds and images are crossed, and both are resampled (Owen 2007, the pigeonhole bootstrap).
    With two or three seeds that differ much the interval is too narrow, as few seeds cannot show their spread. Images
    that every run classified alike are exchangeable, so that a replicate is one multinomial draw over such groups.

    Args:
        first, second: (S, N) and (T, N), which of the same N images each seed has right.
        replicates: how many draws.
        seed: of the draws.

    Returns:
        the interval's ends.
    """
    random = np.random.default_rng(seed)
    accuracies = _over_drawn_images(np.concatenate([first, second]), replicates, random)
    ours, theirs = accuracies[:, : len(first)], accuracies[:, len(first) :]
    differences = _mean_over_drawn_seeds(ours, random) - _mean_over_drawn_seeds(theirs, random)
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


def _over_drawn_images(correct: NDArray[np.bool_], replicates: int, random: np.random.Generator) -> NDArray[np.float64]:
    """(R, S) accuracies of the runs (S, N) over N images drawn with replacement, R times."""
    images = correct.shape[1]
    groups, sizes = np.unique(correct, axis=1, return_counts=True)
    at_once = max(1, MOST_DRAWN // len(sizes))
    draws = [
        random.multinomial(images, sizes / images, size=min(at_once, replicates - done)) @ groups.T / images
        for done in range(0, replicates, at_once)
    ]
    return np.concatenate(draws)


def _mean_over_drawn_seeds(accuracies: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """(R,) from (R, S): in each replicate the mean over S seeds drawn with replacement."""
    replicates, seeds = accuracies.shape
    weights = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=replicates) / seeds
    mean: NDArray[np.float64] = np.sum(weights * accuracies, axis=1)
    return mean


def bootstrap_order(known: Sequence[NDArray[np.float64]], correct: Sequence[NDArray[np.bool_]]) -> tuple[float, float]:
    """The 95 % percentile interval of Kendall's tau-b between the orders of known and of measured accuracies.

    What varies are the repeats of the known accuracies, and the images and seeds of the measured ones; as above, seeds
    and images are drawn on their own. A draw whose accuracies are all equal has no order, and counts as 0.

    Args:
        known: for each of C entries its repeats, (R,).
        correct: for each of C entries (S, N), which of the same N images each seed has right.

    Returns:
        the interval's ends, within [-1, 1].
    """
    random = np.random.default_rng(0)
    drawn = _over_drawn_images(np.concatenate(correct), ORDERS_DRAWN, random)
    ends = np.cumsum([len(runs) for runs in correct])[:-1]
    ours = [_mean_over_drawn_seeds(part, random) for part in np.split(drawn, ends, axis=1)]
    theirs = [_mean_over_drawn_seeds(np.tile(repeats, (ORDERS_DRAWN, 1)), random) for repeats in known]
    first, second = np.triu_indices(len(correct), 1)
    one, other = (np.sign(np.stack(side)[first] - np.stack(side)[second]) for side in (ours, theirs))
    unequal = np.sqrt(np.sum(one**2, axis=0) * np.sum(other**2, axis=0))
    low, high = np.quantile(np.sum(one * other, axis=0) / np.maximum(unequal, 1), [0.025, 0.975])
    return float(low), float(high)
