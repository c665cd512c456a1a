"""A conditional variational autoencoder whose one decoder takes the product of class vector and noise."""

from itertools import pairwise

import torch
from icbench.builtin.datasets.mnist import MNIST_SHAPE
from icbench.kinds.dataset import DataShape
from icbench.kinds.generator import Generator
from torch import Tensor, nn
from torch.nn import functional

from icbench_generators.pixels import pixel_layer
from icbench_generators.shipped import shipped_loader


class CVAE(Generator):
    """A bilinear layer of class vector and noise, then dense layers to the pixels.

    The first layer multiplies (an outer product) instead of concatenating: concatenated, all classes share the noise's
    directions, the decoder learns to make any digit from noise alone, and the class is lost.

    Args:
        noise_dim: Z, the length of the noise vector.
        shape: of the images, and how many classes they are of.
    """

    hidden = (256, 384)
    encoder_hidden = (256, 128)

    def __init__(self, noise_dim: int, shape: DataShape = MNIST_SHAPE) -> None:
        super().__init__()
        self.num_classes, self.image_shape = shape.num_classes, shape.image_shape
        self.noise_dim = noise_dim
        widths = (self.num_classes * (noise_dim + 1), *self.hidden)
        self.decoder = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.decoder.append(pixel_layer(self.hidden[-1], shape))
        widths = (self.num_classes + shape.pixels, *self.encoder_hidden, 2 * noise_dim)
        self.encoder = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        # Under autocast the first layer stays in float32: rounding the latents turns inversions between two classes.
        with torch.autocast(class_vector.device.type, enabled=False):
            with_one = functional.pad(noise.float(), (0, 1), value=1.0)
            hidden = self.decoder[0]((class_vector.float()[:, :, None] * with_one[:, None, :]).flatten(1))
        for layer in self.decoder[1:]:
            hidden = layer(functional.relu(hidden))
        return torch.sigmoid(hidden.float()).unflatten(1, self.image_shape)

    def encode(self, images: Tensor) -> Tensor:
        """The noise (B, K, Z) that the encoder finds for images (B, C, H, W) under each class."""
        classes = torch.eye(self.num_classes, device=images.device)
        mean, _ = self.posterior(images.repeat_interleave(self.num_classes, dim=0), classes.repeat(len(images), 1))
        return mean.unflatten(0, (-1, self.num_classes))

    def posterior(self, images: Tensor, one_hot: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance, (B, Z) each, of the noise of images (B, C, H, W) of classes (B, K)."""
        hidden = torch.cat([images.flatten(1), one_hot], dim=1)
        for layer in self.encoder[:-1]:
            hidden = functional.relu(layer(hidden))
        mean, log_variance = self.encoder[-1](hidden).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-8, 4)


load_cvae = shipped_loader(CVAE, "cvae")
