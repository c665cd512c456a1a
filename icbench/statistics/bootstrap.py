"""Bootstrap intervals of a difference of accuracies, paired on images."""

import numpy as np
from numpy.typing import NDArray

REPLICATES = 10_000
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
    images = first.shape[1]
    groups, sizes = np.unique(np.concatenate([first, second]), axis=1, return_counts=True)
    at_once = max(1, MOST_DRAWN // len(sizes))
    accuracies = np.concatenate(
        [
            random.multinomial(images, sizes / images, size=min(at_once, replicates - done)) @ groups.T / images
            for done in range(0, replicates, at_once)
        ]
    )
    ours, theirs = accuracies[:, : len(first)], accuracies[:, len(first) :]
    differences = _mean_over_drawn_seeds(ours, random) - _mean_over_drawn_seeds(theirs, random)
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


def _mean_over_drawn_seeds(accuracies: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """(R,) from (R, S): in each replicate the mean over S seeds drawn with replacement."""
    replicates, seeds = accuracies.shape
    weights = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=replicates) / seeds
    mean: NDArray[np.float64] = np.sum(weights * accuracies, axis=1)
    return mean
