"""The prototypes: the mean training image of each class, which is what least squares makes of one image per class."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from icbench.kinds.dataset import Split
from icbench.training.trainer import Trainer, TrainingJob

from icbench_generators.prototype import Prototype


class PrototypeTrainer(Trainer):
    """Computes `Prototype` in one pass.

    Args:
        weights: not used.
    """

    default_epochs = 1

    def __init__(self, weights: str = "") -> None:
        self.generator = Prototype()

    def begin(self, split: Split, num_classes: int, job: TrainingJob) -> None:
        self.split = split
        self.generator.to(job.device)

    def epoch(self, number: int, on_batch: Callable[[int], None]) -> dict[str, float]:
        spread = 0.0
        for label, prototype in enumerate(self.generator.prototypes.data):
            images = self.split.images[self.split.labels == label].reshape(-1, len(prototype)) / np.float32(255)
            mean = images.mean(axis=0)
            prototype.copy_(torch.from_numpy(mean))
            spread += float(np.square(images - mean).mean(axis=1).sum())
            on_batch(len(images))
        return {"reconstruction": spread / len(self.split)}

    def snapshot(self) -> Prototype:
        return copy.deepcopy(self.generator).eval()

    def state(self) -> dict[str, Any]:
        return self.generator.state_dict()

    def restore(self, state: dict[str, Any]) -> None:
        self.generator.load_state_dict(state)
