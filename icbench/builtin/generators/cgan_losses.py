"""What discriminator, generator and encoder of the built-in conditional GAN are trained to, each with its weight."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from icbench.builtin.generators.cgan_codes import measure_crowding

WRONG_LABELS = 0.5
"""The share of real images under a wrong label in what is to be refused, so that a sample has to be of its class."""
NOISE_RECOVERY = 0.5
"""Weight of finding a sample's noise again, without which the generator may ignore the noise."""
FIRST_STEPS, RISING_STEPS = 10_000, 1_000
"""When reconstruction and spread begin to weigh more, and for how long that takes: earlier, the noise would learn to
say what the class vector should."""
RECONSTRUCTION, LATE_RECONSTRUCTION = 40.0, 120.0
UNIFORMITY, LATE_UNIFORMITY = 0.5, 2.0
PULL = 1.0
"""Weight of drawing the encoder's codes to the refined ones."""
REALNESS = 0.3
"""Weight of how real reconstructions look, where samples have 1."""


@dataclass(frozen=True)
class Batch:
    """What both players see in a step: as many samples as real images, and half of these reconstructed.

    Args:
        real: (B, C, H, W) training images.
        labels, one_hot: (B,) and (B, K), their classes.
        codes: (B, D) the directions of noise that the encoder finds for them.
        refined: (B / 2, D) nearer to where the generator is nearest the first half of them.
        noise: (B, D) drawn, of the samples.
        vectors: (B + B / 2, K) class vectors of the samples and the reconstructions.
        made: (B + B / 2, C, H, W) these.
    """

    real: Tensor
    labels: Tensor
    one_hot: Tensor
    codes: Tensor
    refined: Tensor
    noise: Tensor
    vectors: Tensor
    made: Tensor


def discriminator_losses(batch: Batch, scores: Tensor, guesses: Tensor) -> tuple[Tensor, Tensor]:
    """The hinge loss of the discriminator, and its squared error at finding the samples' noise again.

    Args:
        batch: what it was shown.
        scores: (3 B,) of the real images, the samples, the reconstructions, and half of the real images once more under
            wrong labels.
        guesses: (3 B, D) the noise that these seem made from.
    """
    size, half = len(batch.real), len(batch.refined)
    real, samples, reconstructions, mislabelled = torch.split(scores, [size, size, half, half])
    loss = _hinge(real) + (1 - WRONG_LABELS) * _hinge(-samples) + WRONG_LABELS * _hinge(-mislabelled)
    loss = loss + REALNESS / 2 * _hinge(-reconstructions)
    return loss, functional.mse_loss(guesses[size : 2 * size], batch.noise)


@dataclass(frozen=True)
class GeneratorLosses:
    """What generator and encoder make less of in a step, a number each.

    Args:
        adversarial: minus the discriminator's scores of samples and reconstructions.
        recovery, own_recovery: of the samples' noise, by the discriminator and by the encoder.
        reconstruction: of the real images, per pixel.
        pull: between the encoder's codes and the refined ones.
        crowding: of the codes of each class.
    """

    adversarial: Tensor
    recovery: Tensor
    own_recovery: Tensor
    reconstruction: Tensor
    pull: Tensor
    crowding: Tensor

    @classmethod
    def of(cls, batch: Batch, scores: Tensor, guesses: Tensor, found: Tensor) -> Self:
        """Those of a batch.

        Args:
            batch: what was made.
            scores, guesses: (B + B / 2,) and (B + B / 2, D), the discriminator's of all that was made.
            found: (B / 2, D) the encoder's codes of the first half of the samples.
        """
        size, half = len(batch.real), len(batch.refined)
        return cls(
            adversarial=-scores[:size].mean() - REALNESS * scores[size:].mean(),
            recovery=functional.mse_loss(guesses[:size], batch.noise),
            own_recovery=functional.mse_loss(found, batch.noise[:half]),
            reconstruction=functional.mse_loss(batch.made[size:], batch.real[:half]),
            pull=functional.mse_loss(batch.codes[:half], batch.refined),
            crowding=measure_crowding(batch.codes, batch.labels),
        )

    def total(self, step: int) -> Tensor:
        """What step `step` of the training descends."""
        loss = self.adversarial + NOISE_RECOVERY * (self.recovery + self.own_recovery) + PULL * self.pull
        loss = loss + rising_weight(step, RECONSTRUCTION, LATE_RECONSTRUCTION) * self.reconstruction
        return loss + rising_weight(step, UNIFORMITY, LATE_UNIFORMITY) * self.crowding


def rising_weight(step: int, first: float, late: float) -> float:
    """A weight that rises once samples are of their class."""
    return first + min(1.0, max(0.0, (step - FIRST_STEPS) / RISING_STEPS)) * (late - first)


def _hinge(scores: Tensor) -> Tensor:
    return functional.relu(1 - scores).mean()
