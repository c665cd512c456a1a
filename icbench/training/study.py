"""Which cheap figure chooses a checkpoint well: every snapshot of one training, by each figure and inverted in full.

The figures are those of `icbench.training.selection` and others that the same short inversions and samples give for
little more. What they are held against is the accuracy of full inversions of validation images that no figure has seen.
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from icbench.engine.decode import as_target
from icbench.engine.invert import InversionResult, Settings
from icbench.errors import UsageError
from icbench.kinds.dataset import Split
from icbench.kinds.generator import Generator
from icbench.storage import write_output
from icbench.training import selection
from icbench.training.findings import Snapshot, findings, findings_data
from icbench.training.frechet import frechet_distance
from icbench.training.reference_cnn import ReferenceCNN
from icbench.training.selection import Effort, Quality, usual_effort

SCHEMA = 1
FILE = "study.json"
LEAST_CHECKS = 20
LEAST_IMAGES = 2
FULL_IMAGES = 2_000
"""Validation images of the full inversions, after those of the figures."""
FULL_STEPS = {"joint": 200, "exhaustive": 60}

Result = TypeVar("Result")


def require_checks(checks: int) -> None:
    """Refuse a study of too few snapshots.

    Raises:
        UsageError: there are less than `LEAST_CHECKS`, of which a rank correlation would say nothing.
    """
    if checks < LEAST_CHECKS:
        raise UsageError(
            f"a study needs at least {LEAST_CHECKS} checks, one after each epoch, and would make {checks}",
            f"Say --epochs {LEAST_CHECKS} or more, or leave it out.",
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


def measure(
    generator: Generator,
    epochs: int,
    validation: Split,
    reference: ReferenceCNN,
    schedules: Sequence[str],
    settings: Settings,
    effort: Effort | None = None,
) -> tuple[Quality, Snapshot]:
    """Measure a frozen generator, the snapshot after so many epochs.

    Returns:
        its quality, the same as `selection.judge` finds, and all figures.
    """
    short, seconds = _short_inversions(generator, validation, schedules, settings, effort or usual_effort())
    (images, labels), seconds["drawing"] = timed(lambda: selection.samples(generator, settings))
    sample_accuracy, seconds["classifying"] = timed(lambda: selection.accuracy_of_samples(images, labels, reference))
    distance, seconds["comparing"] = timed(lambda: _distance_to_real(images, validation, reference, settings))
    quality = Quality({name: selection.accuracy(run, validation) for name, run in short.items()}, sample_accuracy)
    figures = {**quality.figures(), "frechet_distance": distance}
    figures |= {f"{name}_error": _mean(run.distance) for name, run in short.items()}
    if "exhaustive" in short:
        figures["class_margin"] = _mean(_class_margins(short["exhaustive"], validation))
    accuracy, full_seconds = timed(lambda: _full_accuracies(generator, validation, schedules, settings))
    finite = {name: value if math.isfinite(value) else None for name, value in figures.items()}
    return quality, Snapshot(epochs, finite, seconds, accuracy, full_seconds)


def save_study(
    folder: Path,
    snapshots: Sequence[Snapshot],
    validation: Split,
    record: Mapping[str, Any],
    reference_seconds: float,
    effort: Effort | None = None,
) -> Path:
    """Write the study beside the training record.

    Args:
        folder: of the training.
        snapshots: all that were measured.
        validation: the images they were measured on.
        record: the training record, of which the study takes what it is about.
        reference_seconds: what training the reference CNN took.
        effort: of the short inversions, or None for the usual.
    """
    effort = effort or usual_effort()
    about = ("generator", "params", "dataset", "seed", "epochs", "device", "versions")
    schedules = list(snapshots[0].accuracy)
    short, full = selection.choosing(len(validation), effort), _full_rows(validation)
    images = full.stop - full.start
    document = {
        "schema": SCHEMA,
        **{key: record[key] for key in about},
        "threads": torch.get_num_threads(),
        "short": _inversions(0, short.stop, effort.steps, schedules),
        "samples": selection.SAMPLES,
        "full": _inversions(full.start, images, FULL_STEPS, schedules),
        "reference_seconds": round(reference_seconds, 1),
        **findings_data(findings(snapshots, images)),
        "checks": [vars(snapshot) for snapshot in snapshots],
    }
    file = folder / FILE
    write_output(file, (json.dumps(document, indent=2, allow_nan=False) + "\n").encode())
    return file


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """What `work` returns, and the seconds it took."""
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def _full_rows(validation: Split) -> slice:
    return selection.unseen(len(validation), FULL_IMAGES)


def _inversions(first: int, images: int, steps: Mapping[str, int], schedules: Sequence[str]) -> dict[str, Any]:
    return {"first": first, "images": images, "steps": {name: steps[name] for name in schedules}}


def _short_inversions(
    generator: Generator, validation: Split, schedules: Sequence[str], settings: Settings, effort: Effort
) -> tuple[dict[str, InversionResult], dict[str, float]]:
    """The inversions that `selection.judge` makes, and their seconds, by the schedule's name."""
    runs, seconds = {}, {}
    for name, spec in selection.by_name(schedules).items():
        rows, steps = selection.choosing(len(validation), effort), effort.steps[name]
        work = partial(selection.inverted, generator, spec, validation, rows, steps, settings)
        runs[name], seconds[name] = timed(work)
    return runs, seconds


def _full_accuracies(
    generator: Generator, validation: Split, schedules: Sequence[str], settings: Settings
) -> dict[str, float]:
    return selection.inversion_accuracies(
        generator, schedules, validation, _full_rows(validation), FULL_STEPS, settings
    )


@torch.no_grad()
def _distance_to_real(images: Tensor, validation: Split, reference: ReferenceCNN, settings: Settings) -> float:
    """The Frechet distance of samples to the first validation images, in the reference CNN's features."""
    real = as_target(validation.images[: selection.IMAGES], settings.device)
    return frechet_distance(*(reference.features(each).cpu().numpy() for each in (images, real)))


def _class_margins(run: InversionResult, split: Split) -> NDArray[np.float32]:
    """(B,) the least energy of a wrong class minus that of the true one, from scores that are minus the energies."""
    true = np.arange(run.class_scores.shape[1]) == split.labels[run.index][:, None]
    margins: NDArray[np.float32] = run.class_scores[true] - np.where(true, -np.inf, run.class_scores).max(axis=1)
    return margins


def _mean(values: NDArray[np.float32]) -> float:
    """In double precision; nan if any value is."""
    return float(values.mean(dtype=np.float64))
