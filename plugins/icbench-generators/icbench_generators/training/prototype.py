"""The prototypes: the k-means centres of each class's training images, or for one per class their mean."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from icbench.kinds.dataset import DataShape, Split
from icbench.training.trainer import Trainer, TrainingJob
from numpy.typing import NDArray

from icbench_generators.prototype import Prototype
from icbench_generators.training.picks import k_means_centres, squared_distances


class PrototypeTrainer(Trainer):
    """Computes `Prototype` in one pass.

    Args:
        types: prototypes per class.
        weights: not used.
    """

    default_epochs = 1

    def __init__(self, types: int = 1, weights: str = "") -> None:
        self.types = types
        if types > 1:
            # One hypothesis for each of thousands of prototypes would take hours, and answer another question.
            self.schedules = ("relaxed:simplex_map=mirror",)

    @property
    def images_per_class(self) -> int:
        return self.types

    def begin(self, split: Split, num_classes: int, job: TrainingJob) -> None:
        self.split, self.seed = split, job.seed
        self.generator = Prototype(self.types, DataShape.of(split, num_classes)).to(job.device)

    def epoch(self, number: int, on_batch: Callable[[int], None]) -> dict[str, float]:
        spread = 0.0
        for label, prototypes in enumerate(self.generator.prototypes.data.split(self.types)):
            images = self.split.images[self.split.labels == label].reshape(-1, prototypes.shape[1]) / np.float32(255)
            centres = self._pick(images) if self.types > 1 else images.mean(axis=0, keepdims=True)
            prototypes.copy_(torch.from_numpy(centres))
            spread += float(squared_distances(images, centres).min(axis=1).sum()) / prototypes.shape[1]
            on_batch(len(images))
        return {"reconstruction": spread / len(self.split)}

    def _pick(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        return k_means_centres(images, self.types, self.seed)

    def snapshot(self) -> Prototype:
        return copy.deepcopy(self.generator).eval()

    def state(self) -> dict[str, Any]:
        return self.generator.state_dict()

    def restore(self, state: dict[str, Any]) -> None:
        self.generator.load_state_dict(state)
