"""The built-in conditional GAN's generator, small enough to invert ten thousand images on two cores."""

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_linear_bn_eval

from icbench.builtin.datasets.mnist import MNIST_SHAPE
from icbench.builtin.generators.maps import SubPixels, ToMaps, crop, half
from icbench.kinds.dataset import DataShape
from icbench.kinds.generator import Generator
from icbench.training.weights import find_weights, load_weights, read_shape

EPSILON = 1e-8
"""Keeps noise of length 0 from being divided by it."""
WEIGHTS = Path(__file__).parent / "weights"


class CGAN(Generator):
    """A bilinear layer of class vector and noise, two dense layers to 16 maps of half size, a sub-pixel convolution.

    Four choices keep the noise from dominating the class, which is what makes a generator invertible to its class:

    - The first layer multiplies class vector and noise (an outer product) instead of concatenating them, so that each
      class has directions of its own; concatenated, all classes share one set and any of them fits any image.
    - Noise of more than ten numbers is projected to ten directions by a fixed matrix with orthonormal columns: N(0, 1)
      noise is N(0, 1) there too. Ten say how digits of one class differ; with each direction more, a wrong class comes
      nearer to an image, and inversions of the class vector go wrong more often.
    - The directions are brought to length sqrt(D) (pixel norm, Karras et al. 2018). N(0, 1) noise lies there anyway; an
      inversion cannot walk off to lengths that the generator was never trained on.
    - The last layer is a sub-pixel convolution (Shi et al. 2016), so that nearly all work is in matrix products.

    Args:
        noise_dim: Z, the length of the noise vector.
        shape: of the images, and how many classes they are of.
    """

    bilinear = 128
    hidden = 256
    maps = 16
    most_directions = 10
    projection: Tensor | None

    def __init__(self, noise_dim: int, shape: DataShape = MNIST_SHAPE) -> None:
        super().__init__()
        self.num_classes, self.image_shape = shape.num_classes, shape.image_shape
        self.noise_dim = noise_dim
        self.directions = min(noise_dim, self.most_directions)
        self.register_buffer("projection", _orthonormal(noise_dim, self.directions))
        colours, rows, columns = self.image_shape[0], *map(half, self.image_shape[1:])
        widths = (self.num_classes * (self.directions + 1), self.bilinear, self.hidden, self.maps * rows * columns)
        self.linears = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for width in widths[1:])
        self.to_maps = ToMaps((self.maps, rows, columns))
        self.to_pixels: nn.Module = SubPixels(self.maps, colours)

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        with torch.autocast(class_vector.device.type, enabled=False):
            directions = self.project(noise.float())
        return self.decode(class_vector, directions)

    def project(self, noise: Tensor) -> Tensor:
        """The directions (B, D), D at most ten, that noise (B, Z) is brought to."""
        return noise if self.projection is None else noise @ self.projection

    def decode(self, class_vector: Tensor, directions: Tensor) -> Tensor:
        """Images (B, C, H, W) of class vectors (B, K) and directions (B, D)."""
        # Under autocast only the one large product is taken in bfloat16. The layers around it cost little, and rounding
        # the latents or the pixels turns inversions that hang between two classes.
        with torch.autocast(class_vector.device.type, enabled=False):
            hidden = self._outer_product(class_vector.float(), directions.float())
            for place in (0, 1):
                hidden = self._dense(hidden, place)
        maps = self.to_maps(self._dense(hidden, 2))
        with torch.autocast(class_vector.device.type, enabled=False):
            return torch.sigmoid(crop(self.to_pixels(maps), *self.image_shape[1:]))

    def _outer_product(self, class_vector: Tensor, directions: Tensor) -> Tensor:
        length = directions.square().mean(dim=1, keepdim=True).add(EPSILON).sqrt()
        with_one = functional.pad(directions / length, (0, 1), value=1.0)
        return (class_vector[:, :, None] * with_one[:, None, :]).flatten(1)

    def _dense(self, hidden: Tensor, place: int) -> Tensor:
        return torch.relu_(self.norms[place](self.linears[place](hidden)))

    def fold(self) -> None:
        """Fold the norms, and let the maps come out channels last, which is how the convolution takes them fastest."""
        for place, (linear, norm) in enumerate(zip(self.linears, self.norms, strict=True)):
            if isinstance(linear, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
                self.linears[place] = fuse_linear_bn_eval(linear, norm)
                self.norms[place] = nn.Identity()
        last = self.linears[-1]
        assert isinstance(last, nn.Linear)
        self.to_maps.order_channels_last(last)
        if isinstance(self.to_pixels, SubPixels):
            self.to_pixels = self.to_pixels.to_blocks(*self.to_maps.shape[1:])


def _orthonormal(rows: int, columns: int) -> Tensor | None:
    """A random matrix of that size with orthonormal columns, or None where it would be square and say nothing."""
    if rows == columns:
        return None
    matrix: Tensor = torch.linalg.qr(torch.randn(rows, columns))[0]
    return matrix


def load_cgan(noise_dim: int = 10, weights: str = "", trained_on: str = "") -> CGAN:
    """The trained generator, from the shipped weights or from a file that `icbench train cgan` wrote.

    Args:
        noise_dim: Z; weights are shipped for some sizes, and those of others looked for where a training leaves them.
        weights: a safetensors file instead of these.
        trained_on: the spec of the dataset whose weights are meant; empty for the default one.

    Raises:
        MissingWeightsError: there are no weights for this noise size and dataset.
        IntegrityError: the weights file is unreadable or not the one its training record describes.
    """
    file = find_weights("cgan", {"noise_dim": noise_dim}, trained_on, WEIGHTS, weights)
    shape = read_shape(file, MNIST_SHAPE)
    return load_weights(lambda: CGAN(noise_dim, shape), file, f"cgan with noise_dim={noise_dim}")
