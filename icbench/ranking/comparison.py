"""Two entries on the same images: is one better, by how much, and on which images do they differ?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from icbench.ranking.rows import Row, Track
from icbench.statistics import (
    Estimate,
    PairCounts,
    bootstrap_difference,
    corrected_mcnemar,
    difference_estimate,
    images_to_tell_apart,
)

LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """Entry A against entry B on one track.

    Args:
        track: the images.
        first, second: A and B.
        pair: McNemar's table; with several seeds, of the images that most seeds of an entry have right.
        difference: accuracy of A minus accuracy of B, with its test.
        corrected_p: of McNemar's chi-squared test with continuity correction; None with several seeds.
        bootstrap: the 95 % interval of the difference, paired on images and, with several seeds, hierarchical.
        only_first, only_second: positions of the images that only one of them has right.
    """

    track: Track
    first: Row
    second: Row
    pair: PairCounts
    difference: Estimate
    corrected_p: float | None
    bootstrap: tuple[float, float]
    only_first: NDArray[np.int64]
    only_second: NDArray[np.int64]

    @property
    def decided(self) -> bool:
        """Whether the difference is significant at 5 %."""
        return self.difference.p is not None and self.difference.p < LEVEL

    @property
    def more_images(self) -> int | None:
        """About how many more images it would take to decide, with 80 % power; None where it is decided or hopeless.

        Hopeless it is where as many images speak for either, and where it is the seeds that differ too much.
        """
        needed = None if self.decided else images_to_tell_apart(self.pair)
        return needed - self.pair.images if needed and needed > self.pair.images else None


def compare_rows(track: Track, first: Row, second: Row) -> Comparison:
    """Compare two rows of one track."""
    ours, theirs = (_by_most_seeds(row.correct) for row in (first, second))
    pair = PairCounts.of(ours, theirs)
    single = len(first.correct) == len(second.correct) == 1
    return Comparison(
        track=track,
        first=first,
        second=second,
        pair=pair,
        difference=difference_estimate(first.correct, second.correct),
        corrected_p=float(corrected_mcnemar(pair.only_first, pair.only_second)) if single else None,
        bootstrap=bootstrap_difference(first.correct, second.correct),
        only_first=np.flatnonzero(ours & ~theirs),
        only_second=np.flatnonzero(theirs & ~ours),
    )


def _by_most_seeds(correct: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,): whether more than half of the seeds have an image right."""
    majority: NDArray[np.bool_] = correct.mean(axis=0) > 0.5
    return majority
