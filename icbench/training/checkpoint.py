"""The file that a stopped training goes on from: what was trained, and what the loop has to remember."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch

from icbench.errors import IntegrityError, UsageError
from icbench.storage import write_output
from icbench.training.criteria import Snapshot
from icbench.training.scoring import ScoredCheckpoint
from icbench.training.trainer import Trainer, TrainingJob

SCHEMA = 1


@dataclass
class Progress:
    """How far a training is.

    Args:
        done: epochs.
        seconds: that these took.
        checks: the checkpoints that were measured, in their order.
        study: the figures of each of them, in a study.
        losses: by epoch, counted from 1, and by name; of a training begun by an older icbench not of all.
    """

    done: int = 0
    seconds: float = 0.0
    checks: list[ScoredCheckpoint] = field(default_factory=list)
    study: list[Snapshot] = field(default_factory=list)
    losses: dict[int, dict[str, float]] = field(default_factory=dict)

    @property
    def best(self) -> ScoredCheckpoint:
        """The checkpoint of the highest score; of equals, the earliest."""
        return max(self.checks, key=lambda check: check.score.value)

    def lacks_check(self, every: int, epochs: int) -> bool:
        """Whether the epochs that are done end with one that has to be measured and is not yet."""
        due = self.done > 0 and (self.done % every == 0 or self.done == epochs)
        return due and all(check.epochs != self.done for check in self.checks)

    def as_data(self) -> dict[str, Any]:
        """As a checkpoint has it."""
        return {
            "done": self.done,
            "seconds": self.seconds,
            "checks": [check.as_data() for check in self.checks],
            "best_score": self.best.score.value if self.checks else -1.0,
            "study": [vars(snapshot) for snapshot in self.study],
            "losses": self.losses,
        }

    @classmethod
    def from_data(cls, data: dict[str, Any], by_samples: bool) -> Self:
        """The progress whose `as_data` this is."""
        checks = [ScoredCheckpoint.from_data(check, by_samples) for check in data["checks"]]
        return cls(
            data["done"],
            data["seconds"],
            checks,
            [Snapshot(**row) for row in data.get("study", [])],
            dict(data.get("losses", {})),
        )


def checkpoint_file(job: TrainingJob) -> Path:
    """The file that a training goes on from."""
    return job.out / "checkpoint.pt"


def save_checkpoint(trainer: Trainer, progress: Progress, job: TrainingJob) -> None:
    """Write what the training can go on from, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    state = {"schema": SCHEMA, "identity": job.identity, "progress": progress.as_data(), "trainer": trainer.state()}
    stream = io.BytesIO()
    torch.save(state, stream)
    write_output(checkpoint_file(job), stream.getvalue())


def restore_checkpoint(trainer: Trainer, job: TrainingJob) -> Progress | None:
    """Let a trainer that has begun go on where the checkpoint in `job.out` is.

    Returns:
        how far that is, or None where there is no checkpoint.

    Raises:
        IntegrityError: it cannot be read.
        UsageError: it is of a training with other code or settings.
    """
    file = checkpoint_file(job)
    if not file.exists():
        return None
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise IntegrityError(f"{file} cannot be read: {error}", "Remove it to start the training anew.") from error
    _require_same(state["identity"], trainer, job)
    trainer.restore(state["trainer"])
    return Progress.from_data(state["progress"], trainer.by_samples)


def _require_same(identity: dict[str, Any], trainer: Trainer, job: TrainingJob) -> None:
    known = {"source": "", **identity}
    if known["source"] != job.source:
        raise UsageError(
            f"{job.out} holds a training with other code: its trainer, or what that computes with, has changed",
            "Choose another folder with --out, or go on with the code it was begun with.",
        )
    if _continuation_identity(known, trainer) != _continuation_identity(job.identity, trainer):
        raise UsageError(
            f"{job.out} holds a training with other settings: {identity}", "Choose another folder with --out."
        )


def _continuation_identity(identity: dict[str, Any], trainer: Trainer) -> dict[str, Any]:
    """What has to be equal in an identity for this trainer."""
    return {name: value for name, value in identity.items() if name != "epochs" or not trainer.extends}
