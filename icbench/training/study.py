"""Which cheap figure chooses a checkpoint well: every snapshot of one training, by each figure and inverted in full.

The figures are those of `icbench.training.scoring` and others that the same short inversions and samples give for
little more. What they are held against is the accuracy of full inversions of validation images that no figure has seen.
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from icbench.engine.result import InversionResult
from icbench.errors import UsageError
from icbench.kinds.generator import Generator
from icbench.storage import write_output
from icbench.training.budget import EvalBudget
from icbench.training.criteria import Findings, Snapshot, compare_criteria
from icbench.training.record import TrainingRecord
from icbench.training.samples import SampleQuality, compared_features, cover, finite_distance, sample_accuracy
from icbench.training.scoring import CheckpointScore, Scorer, accuracy

SCHEMA = 1
FILE = "study.json"
LEAST_IMAGES = 2

Result = TypeVar("Result")


@dataclass(frozen=True)
class InvertedRows:
    """Which validation images were inverted: the first of them, how many, and the steps by the schedule's name."""

    first: int
    images: int
    steps: Mapping[str, int]


@dataclass(frozen=True)
class Study:
    """A training whose checkpoints were all inverted in full.

    Args:
        record: the training's.
        threads: torch's, that the seconds were taken with.
        short, full: what was inverted for the figures, and for what they are held against.
        samples: how many the figures are of.
        reference_seconds: what training the reference CNN took.
        findings: what follows.
        snapshots: all that were measured.
    """

    record: TrainingRecord
    threads: int
    short: InvertedRows
    samples: int
    full: InvertedRows
    reference_seconds: float
    findings: Findings
    snapshots: Sequence[Snapshot]

    def as_data(self) -> dict[str, Any]:
        """As `study.json` has it."""
        record = self.record.as_data()
        about = ("generator", "params", "dataset", "seed", "epochs", "device", "versions")
        return {
            "schema": SCHEMA,
            **{key: record[key] for key in about},
            "threads": self.threads,
            "short": vars(self.short),
            "samples": self.samples,
            "full": vars(self.full),
            "reference_seconds": self.reference_seconds,
            **self.findings.as_data(),
            "checks": [vars(snapshot) for snapshot in self.snapshots],
        }

    def save(self, folder: Path) -> None:
        """Write it into the training's folder.

        Raises:
            OutputError: it cannot be written.
        """
        write_output(folder / FILE, (json.dumps(self.as_data(), indent=2, allow_nan=False) + "\n").encode())


def require_checks(checks: int, budget: EvalBudget) -> None:
    """Refuse a study of too few snapshots.

    Raises:
        UsageError: there are less than `budget.study_checks`.
    """
    if checks < budget.study_checks:
        raise UsageError(
            f"a study needs at least {budget.study_checks} checks, one after each epoch, and would make {checks}",
            f"Say --epochs {budget.study_checks} or more, or leave it out.",
        )


def require_images(images: int) -> None:
    """Refuse a study on so many validation images.

    Raises:
        UsageError: none is left for the full inversions.
    """
    if images < LEAST_IMAGES:
        raise UsageError(
            f"a study needs at least {LEAST_IMAGES} validation images, and there is {images}",
            "Choose another dataset, or leave --study out.",
        )


def measure_snapshot(
    generator: Generator, epochs: int, quality: SampleQuality, scorer: Scorer
) -> tuple[CheckpointScore, Snapshot]:
    """Measure a frozen generator, the snapshot after so many epochs, whose samples have these figures.

    Returns:
        its score, the same as `scorer.score` finds, and all figures.
    """
    short, seconds = _invert_shortly(generator, scorer)
    score = scorer.combine({name: accuracy(run, scorer.validation) for name, run in short.items()}, quality)
    figures: dict[str, float | None] = {**score.figures(), "frechet_distance": quality.frechet_distance}
    figures |= {f"{name}_error": _mean(run.distance) for name, run in short.items()}
    if "exhaustive" in short:
        figures["class_margin"] = _mean(_class_margins(short["exhaustive"], scorer))
    rows, steps = _full_rows(scorer), scorer.budget.full.steps
    full, full_seconds = measure_seconds(lambda: scorer.accuracies(generator, rows, steps))
    finite = {name: None if value is None or not math.isfinite(value) else value for name, value in figures.items()}
    return score, Snapshot(epochs, finite, seconds | _time_samples(generator, scorer), full, full_seconds)


def conclude(record: TrainingRecord, snapshots: Sequence[Snapshot], scorer: Scorer, reference_seconds: float) -> Study:
    """The study of a training that has ended.

    Args:
        record: what it left.
        snapshots: all that were measured.
        scorer: what measured them.
        reference_seconds: what training the reference CNN took.
    """
    short, full, budget = scorer.choosing_rows, _full_rows(scorer), scorer.budget
    images = full.stop - full.start
    return Study(
        record,
        torch.get_num_threads(),
        _inverted_rows(short, budget.check.steps, scorer),
        budget.samples,
        _inverted_rows(full, budget.full.steps, scorer),
        round(reference_seconds, 1),
        compare_criteria(snapshots, images),
        snapshots,
    )


def measure_seconds(work: Callable[[], Result]) -> tuple[Result, float]:
    """What `work` returns, and the seconds it took."""
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def _full_rows(scorer: Scorer) -> slice:
    return scorer.unseen_rows(scorer.budget.full.images)


def _inverted_rows(rows: slice, steps: Mapping[str, int], scorer: Scorer) -> InvertedRows:
    return InvertedRows(rows.start, rows.stop - rows.start, {name: steps[name] for name in scorer.specs()})


def _invert_shortly(generator: Generator, scorer: Scorer) -> tuple[dict[str, InversionResult], dict[str, float]]:
    """The inversions that `scorer.score` makes, and their seconds, by the schedule's name."""
    runs, seconds = {}, {}
    for name, spec in scorer.specs().items():
        steps = scorer.budget.check.steps[name]
        runs[name], seconds[name] = measure_seconds(
            partial(scorer.invert, generator, spec, scorer.choosing_rows, steps)
        )
    return runs, seconds


def _time_samples(generator: Generator, scorer: Scorer) -> dict[str, float]:
    """The seconds that each figure of samples takes by itself."""
    samples, drawing = measure_seconds(lambda: scorer.draw_samples(generator))
    _, classifying = measure_seconds(lambda: sample_accuracy(samples, scorer.reference))
    features, looking = measure_seconds(lambda: compared_features(samples, scorer.reserved_images, scorer.reference))
    _, comparing = measure_seconds(lambda: finite_distance(*features))
    _, covering = measure_seconds(lambda: cover(*features))
    return {
        "drawing": drawing,
        "classifying": classifying,
        "comparing": looking + comparing,
        "covering": looking + covering,
    }


def _class_margins(run: InversionResult, scorer: Scorer) -> NDArray[np.float32]:
    """(B,) the least energy of a wrong class minus that of the true one, from scores that are minus the energies."""
    true = np.arange(run.class_scores.shape[1]) == scorer.validation.labels[run.index][:, None]
    margins: NDArray[np.float32] = run.class_scores[true] - np.where(true, -np.inf, run.class_scores).max(axis=1)
    return margins


def _mean(values: NDArray[np.float32]) -> float:
    """In double precision; nan if any value is."""
    return float(values.mean(dtype=np.float64))
