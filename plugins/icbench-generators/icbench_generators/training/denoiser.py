"""Training of the denoiser: from images with noise of any level, and their class, to the images."""

import copy
from math import log

import torch
from icbench.engine.decode import as_target
from icbench.kinds.dataset import DataShape, Split
from icbench.training.budget import EvalBudget, InversionBudget
from icbench.training.trainer import TrainingJob
from numpy import int64
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from icbench_generators.denoiser import Denoiser
from icbench_generators.training.vae import LEARNING_RATE, WARPED, VAETrainer

LOWEST, HIGHEST = 0.25, 2.8
"""Levels of the noise, for pixels in [0, 1]; their logarithms are uniform."""
INERTIA = 0.999
"""What the average weights keep of themselves in a step, at most."""
RATE, WARM_UP, DECAY = 3e-3, 0.02, 0.01
"""The learning rate at its highest, the share of the steps in which it rises to that, and the weight decay."""
READ = InversionBudget(500, {"exhaustive": 0})


class DenoiserTrainer(VAETrainer):
    """Trains `Denoiser`, with the batches of the VAEs; the weights' moving average is what is kept.

    The loss is the cross-entropy of pixels: its optimum is the mean of the images that a copy may be of, as is the
    squared error's.

    Args:
        draws: those that checkpoints are read with.
        weights: not used; training starts from random weights.
        warped: the share of the images that are warped.
    """

    options = VAETrainer.options[:1]

    per_class = 6
    default_epochs = 36
    check_every = 36
    schedules = ("exhaustive:start=encoder,noise_rate=0,prior_weight=0,calibrate=true",)
    budget = EvalBudget(READ, READ, READ, samples=500, differentiated=16)
    by_samples = False
    losses = ("reconstruction",)
    trained = ("generator", "average", "optimizer")
    generator: Denoiser

    def __init__(self, draws: int = 40, weights: str = "", warped: float = WARPED) -> None:
        super().__init__(warped)
        self.draws = draws

    def build(self, shape: DataShape) -> Denoiser:
        return Denoiser(self.draws, shape)

    def begin(self, split: Split, num_classes: int, job: TrainingJob) -> None:
        super().begin(split, num_classes, job)
        pixels = as_target(split.images, torch.device("cpu"))
        self.generator.centre.fill_(pixels.mean())
        self.generator.scale.fill_(pixels.std())
        parameters = self.generator.parameters()
        self.optimizer = torch.optim.AdamW(parameters, RATE, betas=(0.9, 0.99), weight_decay=DECAY, fused=True)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)

    def weights(self) -> tuple[float, ...]:
        return (1.0,)

    def learning_rate(self) -> float:
        return RATE / LEARNING_RATE * super().learning_rate() * min(1.0, (self.step + 1) / (WARM_UP * self.steps))

    def terms(self, images: Tensor) -> tuple[Tensor, ...]:
        pixels = images.flatten(0, 1).flatten(1)
        labels = torch.arange(len(images), device=pixels.device).repeat_interleave(images.shape[1])
        levels = self.levels(len(images), images.shape[1])
        copies = self.generator.standardise(pixels + levels[:, None] * self.normal(*pixels.shape), levels)
        logits = self.generator.logits(*self.generator.find(copies, levels), levels, labels).float()
        return (functional.binary_cross_entropy_with_logits(logits, pixels),)

    def levels(self, classes: int, count: int) -> Tensor:
        """Levels (K * N,), one from each of as many parts of their range, in random order."""
        uniform = torch.rand(classes * count, generator=self.random, device=self.job.device)
        parts = torch.randperm(classes * count, generator=self.random, device=self.job.device)
        return (log(LOWEST) + log(HIGHEST / LOWEST) * (parts + uniform) / len(parts)).exp()

    def train_batch(self, rows: NDArray[int64]) -> tuple[Tensor, ...]:
        terms = super().train_batch(rows)
        self.follow()
        return terms

    @torch.no_grad()
    def follow(self) -> None:
        """Let the average follow the weights; in the first steps faster, so that it forgets the random ones."""
        share = max(1 - INERTIA, 8 / (self.step + 8))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), share)

    def snapshot(self) -> Denoiser:
        return copy.deepcopy(self.average).eval()
