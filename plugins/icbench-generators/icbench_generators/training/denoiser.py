"""Training of the denoiser: images with noise of any level, and their class, to the images."""

import copy
from math import cos, log, pi

import torch
from icbench.compute.devices import training_autocast
from icbench.engine.decode import as_target
from icbench.kinds.dataset import Split
from icbench.training.batch_trainer import BatchTrainer, descend
from icbench.training.budget import EvalBudget, InversionBudget
from icbench.training.trainer import TrainingJob
from torch import Tensor
from torch.nn import functional

from icbench_generators.denoiser import Denoiser
from icbench_generators.training.augmentation import warp

LOWEST, HIGHEST = 0.15, 3.0
"""Levels of the noise in training, for pixels in [0, 1]; their logarithms are uniform."""
LEARNING_RATE = 2e-3
WARM_UP = 200
"""Steps in which the learning rate rises to that; then it falls to zero along a cosine."""
WARPED = 0.5
INERTIA = 0.999
"""What the average weights keep of themselves in a step, at most."""
READ = InversionBudget(1_000, {"exhaustive": 0})


class DenoiserTrainer(BatchTrainer):
    """Trains `Denoiser`; the weights' moving average is what is kept.

    The loss is the cross-entropy of pixels, whose optimum is the mean image of the posterior, as is the squared error's.

    Args:
        draws: those that checkpoints are read with.
        weights: not used; training starts from random weights.
    """

    default_epochs = 100
    check_every = 10
    schedules = ("exhaustive:start=encoder,noise_rate=0,prior_weight=0,calibrate=true",)
    budget = EvalBudget(READ, READ, READ, samples=500, differentiated=16)
    by_samples = False
    images_per_batch = 500
    losses = ("error",)
    trained = ("generator", "average", "optimizer")

    def __init__(self, draws: int, weights: str = "") -> None:
        self.draws = draws

    def begin(self, split: Split, num_classes: int, job: TrainingJob) -> None:
        super().begin(split, num_classes, job)
        self.steps = job.epochs * max(1, len(split) // self.images_per_batch)
        channels, height, width = split.images.shape[1:]
        with torch.random.fork_rng():
            torch.manual_seed(job.seed)
            self.generator = Denoiser(self.draws, num_classes, (channels, height, width)).to(job.device)
        pixels = as_target(split.images, job.device)
        self.generator.centre.copy_(pixels.mean())
        self.generator.scale.copy_(pixels.std())
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.generator.parameters(), LEARNING_RATE, betas=(0.9, 0.99), fused=True)

    def train_batch(self, rows: Tensor) -> tuple[Tensor]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        images = warp(as_target(self.split.images[rows.numpy()], self.job.device), WARPED, self.random).flatten(1)
        labels = torch.from_numpy(self.split.labels[rows.numpy()]).long().to(self.job.device)
        loss = self.loss(images, functional.one_hot(labels, self.num_classes).float())
        descend(loss, self.optimizer)
        self.follow()
        return (loss,)

    def loss(self, images: Tensor, class_vector: Tensor) -> Tensor:
        """The mean cross-entropy of pixels of images (B, P) at a level each."""
        uniform = torch.rand(len(images), generator=self.random, device=images.device)
        levels = (log(LOWEST) + log(HIGHEST / LOWEST) * uniform).exp()
        drawn = torch.randn(images.shape, generator=self.random, device=images.device)
        copies = self.generator.standardise(images + levels[:, None] * drawn, levels)
        with training_autocast(self.job.device):
            logits = self.generator.logits(copies, levels, class_vector)
        return functional.binary_cross_entropy_with_logits(logits.float(), images)

    def rate(self) -> float:
        """The learning rate of the step."""
        falling = (1 + cos(pi * self.step / self.steps)) / 2
        return LEARNING_RATE * falling * min(1.0, (self.step + 1) / WARM_UP)

    @torch.no_grad()
    def follow(self) -> None:
        """Let the average follow the weights; in the first steps faster, so that it forgets the random ones."""
        share = max(1 - INERTIA, 8 / (self.step + 8))
        kept, weights = list(self.average.parameters()), list(self.generator.parameters())
        torch._foreach_lerp_(kept, weights, share)

    def snapshot(self) -> Denoiser:
        return copy.deepcopy(self.average).eval()
