"""The training record: what lies beside weights and says how they came about."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from icbench.storage import write_output
from icbench.training.samples import SampleQuality
from icbench.training.scoring import ScoredCheckpoint

SCHEMA = 1


@dataclass(frozen=True)
class WeightsFile:
    """The weights that a record is of: the file's name, and its SHA-256."""

    file: str
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "WeightsFile":
        """The weights in a file, which is read."""
        return cls(path.name, hashlib.sha256(path.read_bytes()).hexdigest())


@dataclass(frozen=True)
class TrainingImages:
    """What was trained on: the dataset, what weights are found by it with, the split, its images, and its digest."""

    name: str
    key: str
    split: str
    images: int
    digest: str


@dataclass(frozen=True)
class Choice:
    """The checkpoint that was chosen, and the validation images, from row 0, that chose it."""

    checkpoint: ScoredCheckpoint
    why: str
    images: int

    def as_data(self) -> dict[str, Any]:
        """As the record of a training has it."""
        found = self.checkpoint.as_data()
        return {"epochs": found.pop("epochs"), "why": self.why, "first": 0, "images": self.images, **found}


@dataclass(frozen=True)
class Validation:
    """What the chosen weights achieve on validation images that chose nothing.

    Args:
        first, images: the first of these, and how many.
        schedules: specs of the schedules that inverted them.
        steps: by the schedule's name.
        accuracy: likewise; None where no image was left.
    """

    first: int
    images: int
    schedules: Sequence[str]
    steps: Mapping[str, int]
    accuracy: Mapping[str, float | None]

    def as_data(self) -> dict[str, Any]:
        """As the record of a training has it."""
        return {
            "first": self.first,
            "images": self.images,
            "schedules": list(self.schedules),
            "steps": dict(self.steps),
            **{f"{name}_accuracy": value for name, value in self.accuracy.items()},
        }


@dataclass(frozen=True)
class TrainingRecord:
    """How weights came about.

    Args:
        generator: the component's name.
        params: its parameters.
        options: what its trainer was told besides, or has by default.
        source: the digest of the code that trained it.
        weights: the file.
        dataset: what was trained on.
        seed, epochs: of the training.
        chosen: its checkpoint.
        validation: what that achieves.
        samples: the figures of its samples, from noise that no check has drawn.
        checks: all checkpoints that were measured.
        fitted: the tensors that were fitted to validation images once one of them was chosen.
        training_seconds: without what measured them.
        device: its type.
        versions: of icbench and the libraries that compute.
    """

    generator: str
    params: Mapping[str, Any]
    options: Mapping[str, Any]
    source: str
    weights: WeightsFile
    dataset: TrainingImages
    seed: int
    epochs: int
    chosen: Choice
    validation: Validation
    samples: SampleQuality
    checks: Sequence[ScoredCheckpoint]
    fitted: Sequence[str]
    training_seconds: float
    device: str
    versions: Mapping[str, str]

    def as_data(self) -> dict[str, Any]:
        """As its file has it."""
        return {
            "schema": SCHEMA,
            **vars(self),
            "weights": asdict(self.weights),
            "dataset": asdict(self.dataset),
            "chosen": self.chosen.as_data(),
            "validation": self.validation.as_data(),
            "samples": asdict(self.samples),
            "checks": [check.as_data() for check in self.checks],
        }

    def save(self, file: Path) -> None:
        """Write it, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        write_output(file, (json.dumps(self.as_data(), indent=2) + "\n").encode())
