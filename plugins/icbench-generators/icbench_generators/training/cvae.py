"""Training of the conditional VAE, with noise on the class vector so that points between classes are known inputs."""

import copy

import torch
from icbench.kinds.dataset import DataShape
from torch import Tensor
from torch.nn import functional

from icbench_generators.class_decoders import mixture_weights
from icbench_generators.cvae import CVAE
from icbench_generators.training.vae import VAETrainer, divergence

CLASS_NOISE = 0.1


class CVAETrainer(VAETrainer):
    """Trains `CVAE`.

    Args:
        noise_dim: Z.
        weights: not used; training starts from random weights.
        options: those of `VAETrainer`.
    """

    default_epochs = 180
    check_every = 60
    generator: CVAE

    def __init__(self, noise_dim: int = 12, weights: str = "", **options: float) -> None:
        super().__init__(**options)
        self.noise_dim = noise_dim

    def build(self, shape: DataShape) -> CVAE:
        return CVAE(self.noise_dim, shape)

    def snapshot(self) -> CVAE:
        return copy.deepcopy(self.generator).eval()

    def terms(self, images: Tensor) -> tuple[Tensor, ...]:
        classes, count = images.shape[:2]
        one_hot = torch.eye(classes, device=images.device).repeat_interleave(count, dim=0)
        flat = images.flatten(0, 1)
        mean, log_variance = self.generator.posterior(flat, one_hot)
        noisy = mixture_weights((one_hot + CLASS_NOISE * self.normal(*one_hot.shape)).clamp(0, 1))
        decoded = self.generator(noisy, self.sample(mean, log_variance))
        return functional.mse_loss(decoded, flat), divergence(mean, log_variance)
