"""Training of the row-by-row LSTMs on four images per class, with noise on inputs and outputs (Hobbhahn 2019)."""

import copy
from collections.abc import Callable
from math import cos, pi
from typing import Any

import numpy as np
import torch
from icbench.kinds.dataset import Split
from icbench.training.trainer import Trainer, TrainingJob
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


class LSTMTrainer(Trainer):
    """Trains `RowLSTM`. All classes learn at once but share nothing, as if each were trained alone.

    Args:
        picks: how the four images of a class are picked, as for `load_lstm`.
        weights: not used; training starts from random weights.
    """

    default_epochs = 20
    check_every = 5
    schedules = ("exhaustive",)

    def __init__(self, picks: str = "centres", weights: str = "") -> None:
        self.picks = picks

    @property
    def images_per_class(self) -> int:
        return PICKS

    def begin(self, split: Split, num_classes: int, job: TrainingJob) -> None:
        self.job, self.images_per_step = job, len(split) // STEPS_PER_EPOCH
        self.step, self.steps = 0, job.epochs * STEPS_PER_EPOCH
        picked = np.stack([self._pick(split, label) for label in range(num_classes)])
        self.targets = torch.from_numpy(picked).to(job.device).repeat(1, COPIES, 1)
        self.one_hot = torch.eye(PICKS, device=job.device).repeat(COPIES, 1).expand(num_classes, -1, -1)
        with torch.random.fork_rng():
            torch.manual_seed(job.seed)
            self.generator = RowLSTM().to(job.device)
        self.optimizer = torch.optim.Adam(self.generator.parameters(), LEARNING_RATE, fused=True)

    def epoch(self, number: int, on_batch: Callable[[int], None]) -> dict[str, float]:
        random = torch.Generator(self.job.device).manual_seed(self.job.seed * 100_003 + number)
        loss = torch.zeros((), device=self.job.device)
        for _ in range(STEPS_PER_EPOCH):
            loss += self._train_batch(random)
            on_batch(self.images_per_step)
        return {"reconstruction": float(loss) / STEPS_PER_EPOCH}

    def snapshot(self) -> RowLSTM:
        return copy.deepcopy(self.generator).eval()

    def state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "generator": self.generator.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.generator.load_state_dict(state["generator"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _pick(self, split: Split, label: int) -> NDArray[np.float32]:
        """Four images (4, C * H * W) of a class."""
        images = split.images[split.labels == label].reshape(-1, split.images[0].size) / np.float32(255)
        return PICK[self.picks](images, PICKS, self.job.seed)

    def _train_batch(self, random: torch.Generator) -> Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (1 + cos(pi * self.step / self.steps)) / 2
        mixture = self.one_hot + INPUT_NOISE * self._normal(self.one_hot, random)
        target = self.targets + OUTPUT_NOISE * self._normal(self.targets, random)
        loss = functional.mse_loss(self.generator.rows(mixture), target)
        self.optimizer.zero_grad()
        # Summed over the classes: each has the gradient that it would have alone, so none sees how many there are.
        (loss * len(self.targets)).backward()
        self.optimizer.step()
        self.step += 1
        return loss.detach()

    def _normal(self, like: Tensor, random: torch.Generator) -> Tensor:
        return torch.randn(like.shape, generator=random, device=like.device)
