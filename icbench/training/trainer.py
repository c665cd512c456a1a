"""What a trainer is, and what it is told of the training that it makes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from icbench.kinds.dataset import Split
from icbench.kinds.generator import Generator
from icbench.plugins.component import Param, Value
from icbench.training.budget import EvalBudget
from icbench.training.scoring import Scorer


class Trainer(ABC):
    """Trains one generator. A component names its trainer in `Component.trainer`; parameters come as keywords."""

    default_epochs: int
    options: ClassVar[tuple[Param, ...]] = ()
    """What `--set` tells a training besides the component's parameters: further keywords of the constructor."""
    check_every: int = 3
    """Epochs between two checks of a snapshot, and after the last."""
    schedules: Sequence[str] = ("joint", "exhaustive")
    """The schedules, as specs, that score a snapshot on validation images: of `joint`, `relaxed` and `exhaustive`."""
    budget: EvalBudget = EvalBudget()
    """How much of that there is."""
    by_samples: bool = True
    """Whether a checkpoint is also chosen by its samples; not, where only what can be inverted is wanted."""
    extends: bool = False
    """Whether a training of more epochs begins as one of fewer, so that a finished one can go on: no rate may depend on
    how many there will be."""

    @property
    def images_per_class(self) -> int:
        """The training images that each class must have; a class without one learns nothing."""
        return 0

    @abstractmethod
    def begin(self, split: Split, num_classes: int, job: "TrainingJob") -> None:
        """Build the models and optimizers for a training of `job.epochs` epochs on `split`."""

    @abstractmethod
    def epoch(self, number: int, on_batch: Callable[[int], None]) -> dict[str, float]:
        """Train for epoch `number`, counted from 0; returns mean losses by name. Must depend on the seed alone."""

    def finalize(self, generator: Generator, scorer: Scorer) -> dict[str, Tensor]:
        """Fit what is not trained to validation images, once the checkpoint is chosen.

        Args:
            generator: the chosen one, frozen.
            scorer: the validation images, and how a generator inverts them.

        Returns:
            tensors of the generator's state by name, which replace those in the weights file.
        """
        return {}

    @abstractmethod
    def snapshot(self) -> Generator:
        """The generator as it would be shipped now, on its own storage."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All that a resumed training needs: tensors, numbers and containers of them."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""


@dataclass(frozen=True)
class TrainingJob:
    """Where and how to train.

    Args:
        name: the generator component's name.
        params: its parameters.
        out: the folder for checkpoints, sample grids, weights and record.
        epochs, seed, device: as named.
        dataset_name: the dataset's label, for messages and the record.
        data_dir: where fetched data is kept.
        check_every: epochs between two checks of a snapshot, or None for as many as the trainer says.
        study: check after every epoch, and study which cheap figure chooses a checkpoint well.
        source: the digest of the trainer's code, as of `icbench.running.source_closure.training_digest`.
        dataset_key: what weights are found by with the dataset; empty for its name.
        options: the trainer's, by name.
    """

    name: str
    params: dict[str, Any]
    out: Path
    epochs: int
    seed: int
    device: torch.device
    dataset_name: str
    data_dir: Path
    check_every: int | None = None
    study: bool = False
    source: str = ""
    dataset_key: str = ""
    options: Mapping[str, Value] = field(default_factory=dict)

    @property
    def weights_file(self) -> Path:
        """Where the chosen weights go; the training record lies beside them with the suffix `.json`."""
        return self.out / f"{self.name}.safetensors"

    @property
    def identity(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to be continued."""
        # Named only where it is one, so that checkpoints from before there were studies can be continued.
        kind: dict[str, Any] = {"study": True} if self.study else {}
        kind |= {"options": dict(self.options)} if self.options else {}
        return {
            "name": self.name,
            "params": self.params,
            "epochs": self.epochs,
            "seed": self.seed,
            "dataset": self.dataset_key or self.dataset_name,
            "source": self.source,
            **kind,
        }
