"""Many comparisons at once: corrected p values, and ranks that admit what cannot be told apart."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """The p values adjusted for their number by Holm's step-down procedure (Holm 1979), in the given order.

    Args:
        p: (N,), each in [0, 1].

    Returns:
        (N,): those below a level are significant with the family-wise error rate of that level.
    """
    p = np.asarray(p, np.float64)
    order = np.argsort(p, kind="stable")
    scaled = np.minimum(1.0, p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(scaled)
    return adjusted


def rank_ranges(better: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The ranks that each of N entries may have, given which entries are proven better than which.

    Args:
        better: (N, N), `better[i, j]` if entry i is proven better than entry j.

    Returns:
        for each entry the first and last rank, from 1: one more than the number of entries proven better, and N less
        the number of entries proven worse.
    """
    count = len(better)
    first, last = 1 + better.sum(axis=0), count - better.sum(axis=1)
    return [(int(low), int(high)) for low, high in zip(first, last, strict=True)]
