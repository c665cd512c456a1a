"""The figures of a run, all derived from its per-image arrays but for what it has cost."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icbench.records.files import Arrays
from icbench.records.metadata import KnownMetrics, Metrics
from icbench.statistics.proportions import wilson_interval

UNKNOWN = KnownMetrics(generator_parameters=None)


@dataclass(frozen=True)
class Costs:
    """What a run has cost: generator evaluations per image, seconds of inversion, and the most bytes used."""

    forward: int = 0
    backward: int = 0
    seconds: float = 0.0
    peak_memory: int = 0

    @classmethod
    def of(cls, metrics: Metrics) -> "Costs":
        """Those that the figures of a run say."""
        return cls(metrics.nfe_forward, metrics.nfe_backward, metrics.seconds, metrics.peak_memory_bytes)


def result_metrics(arrays: Arrays, costs: Costs, known: KnownMetrics = UNKNOWN) -> Metrics:
    """The figures of a run.

    Args:
        arrays: per image.
        costs: of the run; where images differ in their evaluations, those are known from the arrays.
        known: what was known before the first image.
    """
    count = len(arrays["label"])
    correct = int(np.sum(arrays["prediction"] == arrays["label"]))
    low, high = wilson_interval(correct, count)
    forward = _evaluations(arrays, "forwards", costs.forward)
    backward = _evaluations(arrays, "backwards", costs.backward)
    return Metrics(
        unknown=known.unknown,
        generator_parameters=known.generator_parameters,
        accuracy=correct / count if count else None,
        accuracy_low=low,
        accuracy_high=high,
        correct=correct,
        images=count,
        mean_distance=_finite_mean(arrays["distance"]),
        nfe=forward + backward,
        nfe_forward=forward,
        nfe_backward=backward,
        seconds=costs.seconds,
        images_per_second=count / costs.seconds if costs.seconds > 0 else None,
        peak_memory_bytes=costs.peak_memory,
        not_finite=int(np.sum(arrays["prediction"] < 0)),
        class_vector_resets=int(arrays["resets"].sum()),
        wrongly_dropped=_wrongly_dropped(arrays) if "class_dropped_at" in arrays else None,
    )


def _evaluations(arrays: Arrays, name: str, known: int) -> int:
    """Evaluations per image: their mean where images differ, else what is known of each."""
    return round(float(arrays[name].mean())) if len(arrays.get(name, ())) else known


def _wrongly_dropped(arrays: Arrays) -> int:
    """The number of images of whose own class every hypothesis was dropped before the end."""
    dropped, label = arrays["class_dropped_at"], arrays["label"].astype(np.int64)
    known = np.flatnonzero(label < dropped.shape[1])
    return int(np.sum(dropped[known, label[known]] >= 0))


def _finite_mean(values: NDArray[Any]) -> float | None:
    finite = np.isfinite(values)
    return float(values[finite].mean(dtype=np.float64)) if finite.any() else None
