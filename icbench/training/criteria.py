"""What a study of checkpoints says: how far each cheap figure orders them as full inversions do, and which to use."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from icbench.statistics.correlation import Correlation, spearman


@dataclass(frozen=True)
class Snapshot:
    """A checkpoint, measured.

    Args:
        epochs: after how many of them.
        figures: the cheap figures by name, None for one that is not finite.
        seconds: what each part of the figures took.
        accuracy: of full inversions, by the schedule's name.
        full_seconds: what those took.
    """

    epochs: int
    figures: dict[str, float | None]
    seconds: dict[str, float]
    accuracy: dict[str, float]
    full_seconds: float


@dataclass(frozen=True)
class Criterion:
    """A figure to choose a checkpoint by.

    Args:
        name: of the figure.
        title: in words.
        parts: what has to be timed for it, by the names in `Snapshot.seconds`.
        smaller: the smallest value is the best one, not the largest.
    """

    name: str
    title: str
    parts: tuple[str, ...]
    smaller: bool = False

    def worth(self, snapshot: Snapshot) -> float:
        """The figure with its sign such that more is better; what is not finite is worst."""
        value = snapshot.epochs if self.name == "epochs" else snapshot.figures[self.name]
        return -math.inf if value is None else -value if self.smaller else value

    def pick(self, snapshots: Sequence[Snapshot]) -> Snapshot:
        """The one it would choose; of equals, the earliest, as a training does."""
        return max(snapshots, key=self.worth)

    def cost(self, snapshots: Sequence[Snapshot]) -> float:
        """Median seconds of a snapshot; a part that was not run, as there was no such schedule, takes none."""
        return median(sum(each.seconds.get(part, 0.0) for part in self.parts) for each in snapshots)


CRITERIA = (
    Criterion("joint_accuracy", "short joint accuracy", ("joint",)),
    Criterion("exhaustive_accuracy", "short exhaustive accuracy", ("exhaustive",)),
    Criterion("joint_error", "reconstruction error, joint", ("joint",), smaller=True),
    Criterion("exhaustive_error", "reconstruction error, exhaustive", ("exhaustive",), smaller=True),
    Criterion("class_margin", "class margin, exhaustive", ("exhaustive",)),
    Criterion("sample_accuracy", "reference CNN's accuracy on samples", ("drawing", "classifying")),
    Criterion("frechet_distance", "Frechet distance of samples", ("drawing", "comparing"), smaller=True),
    Criterion("coverage", "coverage of samples", ("drawing", "covering")),
    Criterion("score", "mean score", ("joint", "exhaustive", "drawing", "classifying", "covering")),
)
LAST = Criterion("epochs", "none: the last checkpoint", ())
"""What the criteria have to be better than."""


@dataclass(frozen=True)
class CriterionResult:
    """A criterion, held against the full inversions.

    Args:
        criterion: which.
        correlations: Spearman's with the full accuracy, by the schedule's name.
        pick: the epochs of the checkpoint it would choose.
        lost: accuracy of the best checkpoint minus that of its pick, by the schedule's name.
        seconds: its cost for a checkpoint.
    """

    criterion: Criterion
    correlations: dict[str, Correlation]
    pick: int
    lost: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class BestCheckpoint:
    """The best checkpoint for a schedule: its epochs, and its full accuracy with the standard error of that."""

    epochs: int
    accuracy: float
    error: float


@dataclass(frozen=True)
class Findings:
    """What follows from a study.

    Args:
        checks: the number of snapshots.
        best: by the schedule's name.
        results: of each criterion, the highest mean correlation first.
        last: the result of no criterion.
        recommended: the criterion's name.
        proven: it fulfils the rule; otherwise none does, and it is the one that loses least.
    """

    checks: int
    best: dict[str, BestCheckpoint]
    results: list[CriterionResult]
    last: CriterionResult
    recommended: str
    proven: bool

    @property
    def choice(self) -> CriterionResult:
        """The result of the criterion recommended."""
        return next(result for result in self.results if result.criterion.name == self.recommended)

    def as_data(self) -> dict[str, Any]:
        """As JSON has them."""
        return {
            "best": {name: vars(best) for name, best in self.best.items()},
            "criteria": [_result_data(result) for result in self.results],
            "last": _result_data(self.last),
            "recommended": {"criterion": self.recommended, "fulfils_the_rule": self.proven},
        }


def compare_criteria(snapshots: Sequence[Snapshot], images: int) -> Findings:
    """Hold every criterion against the full accuracies, and recommend one.

    The rule: of the criteria whose interval overlaps that of the best criterion and whose pick loses no more than one
    standard error of the best accuracy, with every schedule, the cheapest. (Of several that cannot be told apart the
    simplest, as in the one-standard-error rule of Breiman et al. 1984, section 3.4.3.) Of criteria that cost the same
    it is the one of the higher mean correlation. If none is as good as that, it is the one that loses least.

    Args:
        snapshots: of one training, measured with the same schedules.
        images: how many were inverted in full.
    """
    best = {name: _best(name, snapshots, images) for name in snapshots[0].accuracy}
    known = [criterion for criterion in CRITERIA if criterion.name in snapshots[0].figures]
    results = [_result(criterion, snapshots, best) for criterion in known]
    results.sort(key=mean_correlation, reverse=True)
    sufficient = [result for result in results if _suffices(result, results, best)]
    if sufficient:
        chosen = min(sufficient, key=lambda result: result.seconds)
    else:
        chosen = min(results, key=lambda result: (sum(result.lost.values()), result.seconds))
    last = _result(LAST, snapshots, best)
    return Findings(len(snapshots), best, results, last, chosen.criterion.name, bool(sufficient))


def read_study(document: Mapping[str, Any]) -> tuple[list[Snapshot], Findings]:
    """The snapshots and the findings of a `study.json`."""
    snapshots = [Snapshot(**check) for check in document["checks"]]
    return snapshots, compare_criteria(snapshots, document["full"]["images"])


def mean_correlation(result: CriterionResult) -> float:
    """Over the schedules; -1 where a figure orders nothing."""
    values = [each.value for each in result.correlations.values()]
    return -1.0 if any(map(math.isnan, values)) else sum(values) / len(values)


def _best(schedule: str, snapshots: Sequence[Snapshot], images: int) -> BestCheckpoint:
    snapshot = max(snapshots, key=lambda each: each.accuracy[schedule])
    accuracy = snapshot.accuracy[schedule]
    return BestCheckpoint(snapshot.epochs, accuracy, math.sqrt(accuracy * (1 - accuracy) / images))


def _result(criterion: Criterion, snapshots: Sequence[Snapshot], best: dict[str, BestCheckpoint]) -> CriterionResult:
    worths = [criterion.worth(each) for each in snapshots]
    pick = criterion.pick(snapshots)
    return CriterionResult(
        criterion,
        {name: spearman(worths, [each.accuracy[name] for each in snapshots]) for name in best},
        pick.epochs,
        {name: each.accuracy - pick.accuracy[name] for name, each in best.items()},
        criterion.cost(snapshots),
    )


def _suffices(result: CriterionResult, results: Sequence[CriterionResult], best: dict[str, BestCheckpoint]) -> bool:
    return all(
        _overlaps(result.correlations[name], [each.correlations[name] for each in results])
        and result.lost[name] <= best[name].error
        for name in best
    )


def _overlaps(correlation: Correlation, all_of_them: Sequence[Correlation]) -> bool:
    """Whether its interval overlaps that of the highest; one that orders nothing has none."""
    ordering = [each for each in all_of_them if not math.isnan(each.value)]
    highest = max(ordering, key=lambda each: each.value, default=correlation)
    return correlation.high is not None and highest.low is not None and correlation.high >= highest.low


def _result_data(result: CriterionResult) -> dict[str, Any]:
    return {
        "criterion": result.criterion.name,
        "smaller_is_better": result.criterion.smaller,
        "spearman": {name: _correlation_data(each) for name, each in result.correlations.items()},
        "pick": result.pick,
        "lost": result.lost,
        "seconds": result.seconds,
    }


def _correlation_data(correlation: Correlation) -> dict[str, float | None]:
    return {**vars(correlation), "value": None if math.isnan(correlation.value) else correlation.value}
