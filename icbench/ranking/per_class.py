"""One run in detail: its classes, what it confuses, and how far its scores are probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icbench.records import Record
from icbench.statistics import (
    Calibration,
    ReliabilityBin,
    calibration,
    fit_temperature,
    reliability,
    wilson_interval,
)


@dataclass(frozen=True)
class ClassFigures:
    """One class: its images, those that are right, the interval of that share, and what it is taken for most."""

    number: int
    images: int
    correct: int
    low: float
    high: float
    confused_with: int | None

    @property
    def accuracy(self) -> float | None:
        """The share of its images that are right, or None without images."""
        return self.correct / self.images if self.images else None


def confusion_matrix(record: Record) -> NDArray[np.int64]:
    """(K, K + 1) counts: label by prediction; the last column has what was not finite. K is 0 without images."""
    arrays = record.images(["label", "prediction"])
    if not len(arrays["label"]):
        return np.zeros((0, 1), np.int64)
    classes = max(_known_classes(record), int(arrays["label"].max()) + 1, int(arrays["prediction"].max()) + 1)
    counts = np.zeros((classes, classes + 1), np.int64)
    np.add.at(counts, (arrays["label"], np.where(arrays["prediction"] < 0, classes, arrays["prediction"])), 1)
    return counts


def _known_classes(record: Record) -> int:
    """How many classes were scored; 0 where scores are not kept, as in published records."""
    kept = record.has(["class_scores"])
    return int(record.images(["class_scores"])["class_scores"].shape[1]) if kept else 0


def class_figures(confusion: NDArray[np.int64]) -> list[ClassFigures]:
    """The figures of each class, from the confusion matrix."""
    return [_figures(number, row) for number, row in enumerate(confusion)]


def _figures(number: int, row: NDArray[np.int64]) -> ClassFigures:
    images, correct = int(row.sum()), int(row[number])
    wrong = row[:-1].copy()
    wrong[number] = 0
    low, high = wilson_interval(correct, images)
    return ClassFigures(number, images, correct, low, high, int(wrong.argmax()) if wrong.any() else None)


@dataclass(frozen=True)
class CalibratedRun:
    """How far a run's class scores are probabilities: in figures, and bin by bin."""

    figures: Calibration
    bins: list[ReliabilityBin]


def run_calibration(record: Record, others: Sequence[Record]) -> Calibration | None:
    """The figures of `calibrated_run`."""
    found = calibrated_run(record, others)
    return found.figures if found else None


def calibrated_run(record: Record, others: Sequence[Record]) -> CalibratedRun | None:
    """The calibration of a run's class scores, the temperature fitted on a validation run of the same entry.

    Args:
        record: of the run.
        others: where that run is looked for; of several the one with the most images is taken.

    Returns:
        None where there is no such run, or no image of one of the two has usable scores.

    Raises:
        IntegrityError: the images of that run cannot be read.
    """
    alike = [other for other in others if _is_validation_of(other, record)]
    if not alike:
        return None
    fitted_on = max(alike, key=lambda other: other.metrics.images)
    known, ours = _usable_scores(fitted_on), _usable_scores(record)
    if not len(known[0]) or not len(ours[0]):
        return None
    temperature = fit_temperature(*known)
    return CalibratedRun(calibration(*ours, temperature), reliability(*ours, temperature))


def _is_validation_of(other: Record, record: Record) -> bool:
    ours, theirs = record.metadata.dataset, other.metadata.dataset
    return (
        other.status == "ok"
        and (theirs.name, theirs.split) == (ours.name, "validation")
        and other.entry_key == record.entry_key
    )


def _usable_scores(record: Record) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Class scores and labels of the images whose scores are finite and include the label's."""
    if not record.has(["class_scores"]):
        return np.zeros((0, 1)), np.zeros(0, np.int64)
    arrays = record.images(["label", "class_scores"])
    scores, labels = arrays["class_scores"], arrays["label"].astype(np.int64)
    usable = np.isfinite(scores).all(axis=1) & (labels < scores.shape[1])
    return scores[usable], labels[usable]
