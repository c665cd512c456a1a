"""Training of the row-by-row LSTMs on four images per class, with noise on inputs and outputs (Hobbhahn 2019)."""

import copy
from math import cos, pi

import numpy as np
import torch
from icbench.kinds.dataset import DataShape, Split
from icbench.training.batch_trainer import BatchTrainer, descend
from icbench.training.trainer import TrainingJob
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from icbench_generators.lstm import PICKS, RowLSTM
from icbench_generators.training.picks import k_means_centres, k_means_images, random_images

INPUT_NOISE = 0.2
OUTPUT_NOISE = 0.1
COPIES = 4
STEPS_PER_EPOCH = 100
LEARNING_RATE = 3e-3
PICK = {"centres": k_means_centres, "nearest": k_means_images, "random": random_images}


class LSTMTrainer(BatchTrainer):
    """Trains `RowLSTM`. All classes learn at once but share nothing, as if each were trained alone.

    Args:
        picks: how the four images of a class are picked, as for `load_lstm`.
        weights: not used; training starts from random weights.
    """

    default_epochs = 20
    check_every = 5
    schedules = ("exhaustive:start=drawn,decay=none",)
    losses = ("reconstruction",)
    trained = ("generator", "optimizer")

    def __init__(self, picks: str = "centres", weights: str = "") -> None:
        self.picks = picks

    @property
    def images_per_class(self) -> int:
        return PICKS

    def begin(self, split: Split, num_classes: int, job: TrainingJob) -> None:
        super().begin(split, num_classes, job)
        self.images_per_batch = len(split) // STEPS_PER_EPOCH
        self.steps = job.epochs * STEPS_PER_EPOCH
        picked = np.stack([self._pick(split, label) for label in range(num_classes)])
        self.targets = torch.from_numpy(picked).to(job.device).repeat(1, COPIES, 1)
        self.one_hot = torch.eye(PICKS, device=job.device).repeat(COPIES, 1).expand(num_classes, -1, -1)
        with torch.random.fork_rng():
            torch.manual_seed(job.seed)
            self.generator = RowLSTM(DataShape.of(split, num_classes)).to(job.device)
        self.optimizer = torch.optim.Adam(self.generator.parameters(), LEARNING_RATE, fused=True)

    def batches(self, number: int) -> range:
        """Each step learns from all of the few images."""
        return range(STEPS_PER_EPOCH)

    def snapshot(self) -> RowLSTM:
        return copy.deepcopy(self.generator).eval()

    def _pick(self, split: Split, label: int) -> NDArray[np.float32]:
        """Four images (4, C * H * W) of a class."""
        images = split.images[split.labels == label].reshape(-1, split.images[0].size) / np.float32(255)
        return PICK[self.picks](images, PICKS, self.job.seed)

    def train_batch(self, number: int) -> tuple[Tensor]:
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (1 + cos(pi * self.step / self.steps)) / 2
        mixture = self.one_hot + INPUT_NOISE * self._normal(self.one_hot)
        target = self.targets + OUTPUT_NOISE * self._normal(self.targets)
        loss = functional.mse_loss(self.generator.rows(mixture), target)
        # Summed over the classes: each has the gradient that it would have alone, so none sees how many there are.
        descend(loss * len(self.targets), self.optimizer)
        return (loss,)

    def _normal(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self.random, device=like.device)
