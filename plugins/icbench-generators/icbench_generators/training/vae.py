"""What the trainings of all VAEs share: the evidence lower bound, the batches, the learning rate, the checkpoint."""

from abc import abstractmethod
from math import cos, pi, prod
from typing import ClassVar

import numpy as np
import torch
from icbench.compute.devices import training_autocast
from icbench.engine.decode import as_target
from icbench.kinds.dataset import DataShape, Split
from icbench.kinds.generator import Generator
from icbench.plugins.component import Param
from icbench.training.batch_trainer import BatchTrainer, descend
from icbench.training.trainer import TrainingJob
from numpy.typing import NDArray
from torch import Tensor

from icbench_generators.training.augmentation import warp

PIXEL_VARIANCE = 0.05
"""Of the Gaussian about a decoded pixel; it weighs the divergence against the squared error."""
WARPED = 0.5
LEARNING_RATE = 1e-3


class VAETrainer(BatchTrainer):
    """Trains a class-conditional VAE (Kingma and Welling 2014) on as many images of each class per step.

    Gaussian pixels of one variance; some of the images are warped. The learning rate falls to zero along a cosine.

    Args:
        warped: the share of these.
        variance: of a pixel.
    """

    per_class: ClassVar[int] = 48
    """Images of each class in a step."""
    pull: ClassVar[float] = 0.0
    """How far the knots of a warped image are pulled, in pixels (see `bends`)."""
    options = (
        Param("warped", WARPED, "share of the images that are turned, scaled and shifted a little", low=0.0, high=1.0),
        Param("variance", PIXEL_VARIANCE, "of a pixel, where 1 is white", low=1e-6, high=1.0),
    )
    losses: ClassVar[tuple[str, ...]] = ("reconstruction", "divergence")
    trained = ("generator", "optimizer")
    generator: Generator

    def __init__(self, warped: float = WARPED, variance: float = PIXEL_VARIANCE) -> None:
        self.warped, self.variance = warped, variance

    @abstractmethod
    def build(self, shape: DataShape) -> Generator:
        """The generator for images of a shape, with random weights, its encoder inside."""

    @abstractmethod
    def terms(self, images: Tensor) -> tuple[Tensor, ...]:
        """The mean squared error per pixel, the divergence per image, and what else `losses` names, a number each.

        Args:
            images: (K, N, C, H, W), by class.
        """

    def weights(self) -> tuple[float, ...]:
        """What each of the terms counts in the loss; of the first two, so that they are the evidence lower bound."""
        return 1.0, 2 * self.variance / prod(self.generator.image_shape)

    @property
    def images_per_class(self) -> int:
        return 1

    def begin(self, split: Split, num_classes: int, job: TrainingJob) -> None:
        super().begin(split, num_classes, job)
        self.by_class = [np.flatnonzero(split.labels == label) for label in range(num_classes)]
        self.per_epoch = max(1, len(split) // (num_classes * self.per_class))
        self.steps = job.epochs * self.per_epoch
        self.images_per_batch = num_classes * self.per_class
        with torch.random.fork_rng():
            torch.manual_seed(job.seed)
            self.generator = self.build(DataShape.of(split, num_classes)).to(job.device)
        self.optimizer = torch.optim.Adam(self.generator.parameters(), LEARNING_RATE, betas=(0.9, 0.99), fused=True)

    def batches(self, number: int) -> NDArray[np.int64]:
        """The epoch's rows by step and class, (S, K, N); a class with too few images begins again."""
        order = np.random.default_rng([self.job.seed, number])
        count = self.per_epoch * self.per_class
        rows = [np.resize(order.permutation(members), count) for members in self.by_class]
        return np.stack(rows).reshape(len(rows), self.per_epoch, self.per_class).transpose(1, 0, 2)

    def train_batch(self, rows: NDArray[np.int64]) -> tuple[Tensor, ...]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        images = self._warp(as_target(self.split.images[rows.ravel()], self.job.device), len(rows))
        with training_autocast(self.job.device):
            terms = torch.stack(self.terms(images))
        descend((terms * torch.tensor(self.weights(), device=self.job.device)).sum(), self.optimizer)
        return terms.unbind()

    def learning_rate(self) -> float:
        """Of the step; it falls to zero along a cosine."""
        return LEARNING_RATE * (1 + cos(pi * self.step / self.steps)) / 2

    def normal(self, *shape: int) -> Tensor:
        """N(0, 1) numbers of the epoch's own stream."""
        return torch.randn(shape, generator=self.random, device=self.job.device)

    def sample(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """A draw from the posterior, differentiable in both."""
        return mean + (log_variance / 2).exp() * self.normal(*mean.shape)

    def _warp(self, images: Tensor, classes: int) -> Tensor:
        """(K, N, C, H, W) of (K * N, C, H, W), the first of each class warped."""
        by_class = images.unflatten(0, (classes, -1)).transpose(0, 1)
        return warp(by_class.flatten(0, 1), self.warped, self.random, self.pull).view_as(by_class).transpose(0, 1)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """The Kullback-Leibler divergence of the posterior from N(0, 1), mean over images."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=-1).mean() / 2
