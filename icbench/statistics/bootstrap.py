"""Bootstrap intervals of a difference of accuracies, paired on images."""

import numpy as np
from numpy.typing import NDArray

REPLICATES = 10_000


def bootstrap_difference(
    first: NDArray[np.bool_], second: NDArray[np.bool_], replicates: int = REPLICATES, seed: int = 0
) -> tuple[float, float]:
    """The 95 % percentile interval of accuracy of `first` minus accuracy of `second`.

    Images are drawn with replacement, the same for both. Where there are several seeds, seeds are drawn first, for each
    of the two on its own: the hierarchical bootstrap (Davison & Hinkley 1997, section 3.8). Images that every run
    classified alike are exchangeable, so that a replicate is one multinomial draw over such groups.

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
    drawn = random.multinomial(images, sizes / images, size=replicates) / images
    accuracies = drawn @ groups.T
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
