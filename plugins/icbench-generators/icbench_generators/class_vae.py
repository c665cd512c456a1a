"""One variational autoencoder per class: the model behind Analysis by Synthesis (Schott et al. 2018)."""

from itertools import pairwise
from math import prod

import torch
from icbench.builtin.datasets.mnist import MNIST_SHAPE
from icbench.kinds.dataset import DataShape
from torch import Tensor, nn
from torch.nn import functional

from icbench_generators.class_decoders import ClassDecoders, ClassLinear
from icbench_generators.pixels import class_pixel_layer
from icbench_generators.shipped import shipped_loader

RIDGE = 0.02
"""Variance per pixel of what no class's residuals tell."""
TEMPER = 0.6
"""Weight of the log variance: pixels are not independent. Both chosen on validation images."""


class ClassVAE(ClassDecoders):
    """Small decoders that share nothing, so that a class explains an image by what it has seen of that class alone.

    The encoders share their first layers, have a head per class, and take no part in `forward`: `encode` offers starts
    for an inversion, one per class.

    Args:
        noise_dim: Z, the length of the noise vector.
        shape: of the images, and how many classes they are of.
    """

    hidden = (192, 256)
    trunk = (384, 128)

    def __init__(self, noise_dim: int, shape: DataShape = MNIST_SHAPE) -> None:
        super().__init__()
        self.num_classes, self.image_shape = shape.num_classes, shape.image_shape
        self.noise_dim = noise_dim
        widths = (noise_dim, *self.hidden)
        self.decoders = nn.ModuleList(ClassLinear(self.num_classes, *pair) for pair in pairwise(widths))
        self.decoders.append(class_pixel_layer(self.hidden[-1], shape))
        widths = (self.encoder_inputs, *self.trunk)
        self.encoder = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.heads = ClassLinear(self.num_classes, self.trunk[-1], 2 * noise_dim)
        self.register_buffer("residuals", torch.zeros(self.num_classes))
        """(K,) the mean squared error per pixel that a class leaves of its own images; 0 before it is fitted."""

    @property
    def encoder_inputs(self) -> int:
        """The width of what the encoder's first dense layer sees."""
        return prod(self.image_shape)

    def decode(self, noise: Tensor) -> Tensor:
        hidden = noise
        for layer in self.decoders[:-1]:
            hidden = functional.relu(layer(hidden))
        return torch.sigmoid(self.decoders[-1](hidden).float())

    def encode(self, images: Tensor) -> Tensor:
        """The noise (B, K, Z) that each class's encoder finds for images (B, C, H, W)."""
        mean, _ = self.posterior(self.features(images).expand(self.num_classes, -1, -1))
        return mean.transpose(0, 1)

    def error_calibration(self, class_vector: Tensor) -> tuple[Tensor, Tensor]:
        """Those of Gaussian residuals, relative to a variance of `RIDGE`, which each class has besides its own."""
        spread = class_vector @ (1 + self.residuals.float() / RIDGE)
        return 1 / spread, TEMPER * RIDGE * spread.log()

    def features(self, images: Tensor) -> Tensor:
        """What the encoders have in common: (B, F) of images (B, C, H, W)."""
        hidden = images.flatten(1)
        for layer in self.encoder:
            hidden = functional.relu(layer(hidden))
        return hidden

    def posterior(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance, (K, B, Z) each, that encoder k gives the features (K, B, F) of its images."""
        mean, log_variance = self.heads(features).float().chunk(2, dim=2)
        # Within bounds, so that its exponential stays finite.
        return mean, log_variance.clamp(-8, 4)


load_class_vae = shipped_loader(ClassVAE, "class-vae")
