"""What is told of a training's course: losses of each epoch, figures of each check; as a table it is always kept."""

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from icbench.storage import write_output
from icbench.training.checkpoint import Progress
from icbench.training.scoring import ScoredCheckpoint

TABLE = "training.csv"
SAMPLES = ("class_kept", "class_share", "frechet_distance", "density")
"""The figures of samples that are not in a check's score."""


class TrainingLog:
    """Is told of a training's course; the default keeps nothing."""

    def begin(self, done: int) -> None:
        """The training begins, or goes on after so many epochs."""

    def log_losses(self, epochs: int, losses: Mapping[str, float]) -> None:
        """The mean losses of epoch number `epochs`, counted from 1."""

    def log_check(self, check: ScoredCheckpoint, samples: Image.Image) -> None:
        """A checkpoint was measured, and its samples drawn."""

    def end(self) -> None:
        """Nothing follows."""


def check_figures(check: ScoredCheckpoint) -> dict[str, float]:
    """All figures of a checkpoint by name, of samples those that are finite."""
    of_samples = asdict(check.samples) if check.samples else {}
    known = {name: of_samples[name] for name in SAMPLES if of_samples.get(name) is not None}
    return {**check.score.figures(), **known}


def write_table(progress: Progress, folder: Path) -> None:
    """Write a row of losses for each epoch, and beside them the figures of the checkpoint after it if it was measured.

    Raises:
        OutputError: the file cannot be written.
    """
    checks = {check.epochs: check_figures(check) for check in progress.checks}
    rows = [{"epoch": number, **losses, **checks.get(number, {})} for number, losses in progress.losses.items()]
    names = dict.fromkeys(name for row in rows for name in row)
    stream = io.StringIO()
    table = csv.DictWriter(stream, list(names), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_output(folder / TABLE, stream.getvalue().encode())
