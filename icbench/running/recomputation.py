"""Computing a sample of a record's images again, and telling forged results from rounding.

On another machine, or in other batches, the same run rounds otherwise: its products are added up in another order. Of a
precision with n digits, n / 2 are taken to survive the steps, so a figure is as it was if it is within the square root
of the precision's unit. Descent can make more of a rounding than that. How much is not guessed but measured: images
that do not come out as they were are computed again from targets that are off by a rounding, a few times, and what
that reaches is no forgery. As a few tries do not reach all that rounding can, each of them is held against the others
in the same way: as many images as one of those misses may be missed by the record, and a small share of the sample
besides.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from icbench.kinds.dataset import Split
from icbench.plugins.isolation import isolate_each
from icbench.records import Arrays, Record
from icbench.running.batch_size import BatchSize
from icbench.running.observer import Observer, Work
from icbench.running.runners import ClassifierRunner, Result, Runner

if TYPE_CHECKING:
    from icbench.engine.settings import Settings
    from icbench.engine.targets import Pixels

UNITS = {"float32": 2.0**-23, "tf32": 2.0**-10, "bfloat16": 2.0**-7}
"""The distance from 1 to the next number, by precision."""
SHIFTS = 4
"""How often an image that came out otherwise is computed from a target off by a rounding."""
SHIFT = 2.0**-20
"""By how much of its value a pixel is then less, at most: a rounding or eight of float32, which targets are kept in."""
PREDICTIONS_OFF, FIGURES_OFF = 0.01, 0.05
"""The shares of a sample whose predictions and whose figures may be off besides what rounding is seen to do."""

FIGURES = ("energy", "distance", "score")
"""What is compared of an image besides its prediction; the score is that of its best class."""

Reaches: TypeAlias = Callable[[Arrays, list[Arrays]], NDArray[np.bool_]]
"""Tells of each of some images whether results are within reach of others."""


@dataclass(frozen=True)
class Missed:
    """What is not explained by rounding.

    Args:
        off: (M,), which images.
        allowed: how many of them an honest record may have.
    """

    off: NDArray[np.bool_]
    allowed: int

    @property
    def holds(self) -> bool:
        """Whether there are no more than an honest record may have."""
        return int(self.off.sum()) <= self.allowed


@dataclass(frozen=True)
class Agreement:
    """How a record's sample agrees with the same images computed here.

    Args:
        index: (M,) the images.
        tolerance: the share of a figure that rounding may change.
        predictions: whose prediction is another one, which rounding does not reach.
        figures: of whose energy, distance or best score the same is true.
        sensitive: how many came out otherwise at first, and rounding explains it.
        largest: the largest difference of a figure, as a share of it, of the images that came out as they were.
        forward, backward: generator evaluations of an image, counted here.
    """

    index: NDArray[np.int64]
    tolerance: float
    predictions: Missed
    figures: Missed
    sensitive: int
    largest: float
    forward: float
    backward: float


@dataclass(frozen=True)
class Recomputation:
    """What made a record, ready to be run again.

    Args:
        runner: the record's entry, on a device of the record's kind.
        record: whose images are computed again.
        split: the images that it is about.
        settings: the record's.
        watcher: told how it goes.
    """

    runner: Runner
    record: Record
    split: Split
    settings: "Settings"
    watcher: Observer

    def compare(self, arrays: Arrays, index: NDArray[np.int64]) -> Agreement:
        """Compute images (M,), in ascending order, again and compare with the record's `arrays`."""
        with self.watcher.working(f"computing {len(index)} images of {self.record.label} again") as work:
            again, forward, backward = self._compute(self.runner, self.split.images, index, work)
        tolerance = max(UNITS[self.settings.precision_name] ** 0.5, *map(_stored_unit, arrays.values()))
        said = _at(arrays, index)
        comparison = Comparison(said, again, tolerance)
        odd = np.flatnonzero(comparison.otherwise)
        predictions, figures = self._explain(odd, index, comparison)
        return Agreement(
            index=index,
            tolerance=tolerance,
            predictions=predictions,
            figures=figures,
            sensitive=int(len(odd) - np.sum(predictions.off | figures.off)),
            largest=float(comparison.differences[~comparison.otherwise].max(initial=0)),
            forward=forward,
            backward=backward,
        )

    def _explain(
        self, odd: NDArray[np.intp], index: NDArray[np.int64], comparison: "Comparison"
    ) -> tuple["Missed", "Missed"]:
        """Whose prediction and whose figures rounding does not explain, of the images at places `odd` in M."""
        tries = list(self._shifted(index[odd])) if len(odd) else []
        said, found = (
            {name: values[odd] for name, values in each.items()} for each in (comparison.said, comparison.found)
        )
        slack = comparison.slack(odd)
        return (
            find_missed(said, [found, *tries], reaches_prediction, odd, len(index), PREDICTIONS_OFF),
            find_missed(said, [found, *tries], partial(reaches_figures, slack=slack), odd, len(index), FIGURES_OFF),
        )

    def _shifted(self, index: NDArray[np.int64]) -> Iterator[Arrays]:
        """The results of images whose targets are off by a rounding, time after time."""
        with self.watcher.working(f"{len(index)} of them once more, off by a rounding") as work:
            for number in range(SHIFTS):
                yield self._compute(self._rounded_runner(number), round_off(self.split.images, number), index, work)[0]

    def _rounded_runner(self, number: int) -> Runner:
        """What computes results: a classifier learns from other images by a rounding, too."""
        runner = self.runner
        if not isinstance(runner, ClassifierRunner):
            return runner
        known = runner.training()
        # A classifier gets its images as float32 anyway.
        rounded = replace(known, images=cast("NDArray[np.uint8]", round_off(known.images, number)))
        return ClassifierRunner(runner.entry, runner.device, runner.num_classes, lambda: rounded)

    def _compute(
        self, runner: Runner, images: "Pixels", index: NDArray[np.int64], work: Work
    ) -> tuple[Arrays, float, float]:
        """The arrays of images (M,), in their order, and the evaluations of each; in batches that the memory holds."""
        size = BatchSize(runner, images, self.watcher, None)
        size.begin(self.settings, len(index), self.record.metadata.batch_size or None)
        runner.prepare(self.settings)
        while True:
            try:
                batches = runner.results(
                    images, index, self.settings, size.rows, lambda done: work.advance(done / len(index))
                )
                return _join(list(isolate_each(batches)))
            except Exception as error:
                size.halve(error)


@dataclass(frozen=True)
class Comparison:
    """The results of some images as they were said and as they were found."""

    said: Arrays
    found: Arrays
    tolerance: float

    @cached_property
    def differences(self) -> NDArray[np.float64]:
        """(M,), the largest difference of a figure of each image, as a share of it."""
        shares = [_distance(self.said[name], self.found[name]) / scale for name, scale in self._scales.items()]
        largest: NDArray[np.float64] = np.max(shares, axis=0)
        return largest

    @property
    def otherwise(self) -> NDArray[np.bool_]:
        """(M,), whether an image came out otherwise."""
        others: NDArray[np.bool_] = self.said["prediction"] != self.found["prediction"]
        return others | (self.differences > self.tolerance)

    def slack(self, rows: NDArray[np.intp]) -> dict[str, NDArray[np.float64]]:
        """By how much each figure of some images may differ."""
        return {name: self.tolerance * scale[rows] for name, scale in self._scales.items()}

    @cached_property
    def _scales(self) -> dict[str, NDArray[np.float64]]:
        """What a figure of each image is measured by: itself, or the sample's median where it is next to nothing."""
        return {name: _scale(self.said[name], self.found[name]) for name in FIGURES if name in self.said}


def _scale(said: NDArray[np.float64], found: NDArray[np.float64]) -> NDArray[np.float64]:
    sizes = np.fmax(np.abs(said), np.abs(found))
    finite = np.abs(found)[np.isfinite(found)]
    least = np.median(finite) if len(finite) else 0.0
    return np.fmax(np.fmax(np.where(np.isfinite(sizes), sizes, 0), least), np.finfo(np.float32).tiny)


def _distance(said: NDArray[np.float64], found: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much numbers differ: not at all where both are the same or none, infinitely where one is none."""
    same = (said == found) | (np.isnan(said) & np.isnan(found))
    with np.errstate(invalid="ignore"):
        return np.where(same, 0, np.nan_to_num(np.abs(said - found), nan=np.inf))


def find_missed(
    said: Arrays, reached: list[Arrays], reaches: Reaches, odd: NDArray[np.intp], images: int, share: float
) -> Missed:
    """Which of the images of a sample are missed by all that was reached.

    Args:
        said: the record's results of the images that came out otherwise.
        reached: results of the same images made here: first as they are, then off by a rounding.
        reaches: tells of each image whether results are within reach of others.
        odd: the places of these images in the sample.
        images: M, the size of the sample.
        share: of it that an honest record may miss, besides what is missed here.
    """
    off = np.zeros(images, bool)
    off[odd] = ~reaches(said, reached)
    others = [[*reached[:number], *reached[number + 1 :]] for number in range(1, len(reached))]
    missed = [int(np.sum(~reaches(one, rest))) for one, rest in zip(reached[1:], others, strict=True)]
    return Missed(off, int(share * images) + max(missed, default=0))


def reaches_prediction(said: Arrays, reached: list[Arrays]) -> NDArray[np.bool_]:
    """(M,), whether the class of each image is one that was reached."""
    found: NDArray[np.bool_] = np.any([said["prediction"] == each["prediction"] for each in reached], axis=0)
    return found


def reaches_figures(said: Arrays, reached: list[Arrays], slack: dict[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
    """(M,), whether all figures are where rounding takes them: in the range that was reached, and its width around."""
    within: list[NDArray[np.bool_]] = []
    for name, least in slack.items():
        values = np.stack([each[name] for each in reached])
        low, high = np.fmin.reduce(values), np.fmax.reduce(values)
        width = high - low + least
        none = np.isnan(said[name]) & np.isnan(values).any(axis=0)
        within.append(none | ((said[name] >= low - width) & (said[name] <= high + width)))
    found: NDArray[np.bool_] = np.all(within, axis=0)
    return found


def round_off(images: "Pixels", number: int) -> NDArray[np.float32]:
    """Images as float32 in [0, 1], each pixel less by no more than `SHIFT` of it; the same for the same number."""
    pixels = images / np.float32(255) if images.dtype == np.uint8 else images
    less = np.random.default_rng(number).random(pixels.shape, dtype=np.float32) * np.float32(SHIFT)
    rounded: NDArray[np.float32] = pixels * (1 - less)
    return rounded


def _join(results: list[Result]) -> tuple[Arrays, float, float]:
    arrays = {name: np.concatenate([each.arrays[name] for each in results]) for name in results[0].arrays}
    counts = [len(each.arrays["index"]) for each in results]
    forward = float(np.average([each.forward for each in results], weights=counts))
    backward = float(np.average([each.backward for each in results], weights=counts))
    return _at(arrays, np.sort(arrays["index"])), forward, backward


def _stored_unit(values: NDArray[Any]) -> float:
    """The distance from 1 to the next number that an array can hold; 0 of one of whole numbers."""
    return float(np.finfo(values.dtype).eps) if values.dtype.kind == "f" else 0.0


def _at(arrays: Arrays, index: NDArray[np.int64]) -> Arrays:
    """The predictions and figures of images (M,), by name; a figure that no image has is left out."""
    order = np.argsort(arrays["index"])
    rows = order[np.searchsorted(arrays["index"], index, sorter=order)]
    figures = {name: arrays[name] for name in FIGURES if name in arrays}
    if "class_scores" in arrays:
        figures["score"] = arrays["class_scores"].max(axis=1)
    kept = {name: values[rows].astype(np.float64) for name, values in figures.items()}
    return {"prediction": arrays["prediction"][rows], **kept}
