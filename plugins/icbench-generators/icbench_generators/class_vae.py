"""One variational autoencoder per class: the model behind Analysis by Synthesis (Schott et al. 2018)."""

from itertools import pairwise
from math import prod
from pathlib import Path

import torch
from icbench.builtin.datasets.mnist import MNIST_SHAPE
from icbench.kinds.dataset import DataShape
from icbench.training.weights import read_shape
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional

from icbench_generators.class_decoders import ClassDecoders, ClassLinear, RowMajorSigmoid
from icbench_generators.pixels import class_pixel_layer
from icbench_generators.shipped import load_shipped

NOISE_DIM = 12
"""Of a training that is told no other."""
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
        width: of the decoders' last hidden layer, to which the others are in proportion; None for the usual.
    """

    hidden = (192, 256)
    trunk = (384, 128)

    def __init__(self, noise_dim: int, shape: DataShape = MNIST_SHAPE, width: int | None = None) -> None:
        super().__init__()
        usual = self.hidden[-1]
        hidden, trunk = (
            tuple(each * (width or usual) // usual for each in widths) for widths in (self.hidden, self.trunk)
        )
        self.num_classes, self.image_shape = shape.num_classes, shape.image_shape
        self.noise_dim = noise_dim
        widths = (noise_dim, *hidden)
        self.decoders = nn.ModuleList(ClassLinear(self.num_classes, *pair) for pair in pairwise(widths))
        self.decoders.append(class_pixel_layer(hidden[-1], shape))
        widths = (self.encoder_inputs, *trunk)
        self.encoder = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.heads = ClassLinear(self.num_classes, trunk[-1], 2 * noise_dim)
        self.register_buffer("residuals", torch.zeros(self.num_classes))
        """(K,) the mean squared error per pixel that a class leaves of its own images; 0 before it is fitted."""

    @property
    def encoder_inputs(self) -> int:
        """The width of what the encoder's first dense layer sees."""
        return prod(self.image_shape)

    def decode(self, noise: Tensor) -> Tensor:
        hidden = noise
        for layer in self.decoders[:-1]:
            hidden = functional.relu(layer(hidden), inplace=True)
        return RowMajorSigmoid.apply(self.decoders[-1](hidden).float())

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


def load_class_vae(noise_dim: int = 0, weights: str = "", trained_on: str = "") -> ClassVAE:
    """The trained class VAEs, from the shipped weights or from a file that `icbench train class-vae` wrote.

    Args:
        noise_dim: Z; 0 takes that of whatever weights there are for the dataset.
        weights: a safetensors file instead of these.
        trained_on: the spec of the dataset whose weights are meant; empty for the default one.

    Raises:
        MissingWeightsError: there are none for these.
        IntegrityError: the weights file is unreadable or not the one its training record describes.
    """
    variant = {"noise_dim": noise_dim} if noise_dim else {}

    def build(file: Path) -> ClassVAE:
        sizes = {"noise_dim": noise_dim or NOISE_DIM, **_read_sizes(file), **variant}
        return ClassVAE(shape=read_shape(file, MNIST_SHAPE), **sizes)

    return load_shipped(build, "class-vae", weights, trained_on, **variant)


def _read_sizes(file: Path) -> dict[str, int]:
    """The sizes of layers that a weights file has; none where it is not one of class VAEs."""
    try:
        with safe_open(file, "pt") as opened:
            (_, noise_dim, _), (_, _, width) = (opened.get_slice(f"decoders.{n}.weight").get_shape() for n in (0, 1))
    except (OSError, SafetensorError, ValueError):
        return {}
    return {"noise_dim": noise_dim, "width": width}
