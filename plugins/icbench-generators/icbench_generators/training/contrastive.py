"""Training of class decoders to tell classes apart by their energies, while they stay generators."""

import torch
from icbench.kinds.dataset import DataShape
from torch import Tensor
from torch.nn import functional

from icbench_generators.contrastive import Contrastive
from icbench_generators.training.class_vae import ClassVAETrainer
from icbench_generators.training.vae import VAETrainer, divergence

CONFUSION = 0.03
"""Weight of the cross entropy, where the squared error per pixel has 1."""
TEMPERATURE = 0.002
"""The difference of energies that is worth a factor e."""
PRIOR_WEIGHT = 0.0015
RATE = 0.1
SEARCHED = (0, 2)
"""How many steps the noise is searched before energies are compared, in turns."""


class ContrastiveTrainer(ClassVAETrainer):
    """Trains `Contrastive`: the class VAEs' evidence lower bound, and a cross entropy over the energies of all classes.

    The energies are those that an inversion from the encoder's start has after a few steps (Adam's, without gradient
    through them), so that a wrong class must not find a better noise nearby.

    Args:
        noise_dim: Z.
        weights: not used; training starts from random weights.
        options: those of `VAETrainer`.
    """

    default_epochs = 110
    pull = 1.0
    check_every = 10
    by_samples = False
    per_class = 16
    losses = ("reconstruction", "divergence", "confusion")
    generator: Contrastive

    options = VAETrainer.options

    def __init__(self, noise_dim: int = 12, weights: str = "", **options: float) -> None:
        super().__init__(noise_dim, **options)

    def build(self, shape: DataShape) -> Contrastive:
        return Contrastive(self.noise_dim, shape)

    def weights(self) -> tuple[float, ...]:
        return (*super().weights(), CONFUSION)

    def terms(self, images: Tensor) -> tuple[Tensor, ...]:
        classes, count = images.shape[:2]
        flat = images.flatten(0, 1)
        features = self.generator.features(flat)
        mean, log_variance = self.generator.posterior(features.expand(classes, -1, -1))
        own = torch.arange(classes, device=flat.device)
        true_mean, true_log_variance = (part.unflatten(1, (classes, count))[own, own] for part in (mean, log_variance))
        decoded = self.generator.decode(self.sample(true_mean, true_log_variance))
        energy = self._energy(self._search(mean, flat), flat)
        confusion = functional.cross_entropy(-energy.T / TEMPERATURE, own.repeat_interleave(count))
        return functional.mse_loss(decoded, images.flatten(2)), divergence(true_mean, true_log_variance), confusion

    def _energy(self, noise: Tensor, images: Tensor) -> Tensor:
        """(K, B) of noise (K, B, Z) under each class, for images (B, C, H, W)."""
        error = (self.generator.decode(noise) - images.flatten(1)).square().mean(dim=2)
        return error + PRIOR_WEIGHT * noise.square().mean(dim=2) / 2

    def _search(self, start: Tensor, images: Tensor) -> Tensor:
        """Where a short search ends that starts at noise (K, B, Z): its gradient is that of the start."""
        noise = start.detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([noise], RATE)
        for _ in range(SEARCHED[self.step % len(SEARCHED)]):
            (noise.grad,) = torch.autograd.grad(self._energy(noise, images).sum(), noise)
            optimizer.step()
        return start + (noise - start).detach()
