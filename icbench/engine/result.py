"""The result of an inversion."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

NOT_FINITE = -1
"""The prediction of an image whose distance was not finite at some step."""


@dataclass(frozen=True)
class InversionResult:
    """The result of inverting B images, as arrays on the CPU.

    Args:
        index: (B,) the images' positions in their split.
        prediction: (B,) the class, or `NOT_FINITE`.
        class_scores: (B, classes), whose argmax is the prediction.
        distance: (B,) the winning hypothesis' distance, scored again in float32 from the returned latents.
        energy: (B,) the same with the schedule's prior added, and its correction for curvature if it makes one.
        class_vector, noise: (B, K) and (B, Z), the winning hypothesis' latents.
        resets: (B,) how often a class vector clamped to all zeros and was put back to uniform.
        class_dropped_at: (B, K) the step before which the last hypothesis of a class was dropped, -1 where it was not.
        forwards, backwards: (B,) generator evaluations; they differ between images only where some stop early.
    """

    index: NDArray[np.int64]
    prediction: NDArray[np.int64]
    class_scores: NDArray[np.float32]
    distance: NDArray[np.float32]
    energy: NDArray[np.float32]
    class_vector: NDArray[np.float32]
    noise: NDArray[np.float32]
    resets: NDArray[np.int64]
    class_dropped_at: NDArray[np.int32]
    forwards: NDArray[np.int32]
    backwards: NDArray[np.int32]

    @property
    def forward(self) -> float:
        """Forward evaluations per image, on average."""
        return float(self.forwards.mean())

    @property
    def backward(self) -> float:
        """Backward evaluations per image, on average."""
        return float(self.backwards.mean())

    @property
    def nfe(self) -> float:
        """Evaluations per image, on average."""
        return self.forward + self.backward

    def rows(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "InversionResult":
        """The result of some images, by a mask (B,) or by their places in B."""
        return InversionResult(**{name: getattr(self, name)[chosen] for name in PER_IMAGE})


PER_IMAGE = tuple(field.name for field in fields(InversionResult))
"""The arrays of a result, each with a row for each image."""


def concatenate(batches: Sequence[InversionResult]) -> InversionResult:
    """Several results of one inversion as one."""
    return InversionResult(**{name: np.concatenate([getattr(batch, name) for batch in batches]) for name in PER_IMAGE})


def in_order(results: Sequence[InversionResult], index: NDArray[np.int64]) -> InversionResult:
    """Results of the images in `index` as one, in its order."""
    if len(results) == 1:
        return results[0]
    whole = concatenate(results)
    order = np.argsort(whole.index)
    return whole.rows(order[np.searchsorted(whole.index, index, sorter=order)])
