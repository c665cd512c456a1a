"""A denoiser per class: of noisy copies of an image it makes what the image would be if it were of the class."""

from math import log, pi

import torch
from icbench.builtin.datasets.mnist import MNIST_SHAPE
from icbench.kinds.dataset import DataShape
from icbench.training.weights import read_shape
from torch import Tensor, nn
from torch.nn import functional

from icbench_generators.class_decoders import ClassDecoders, ClassLinear
from icbench_generators.pixels import class_pixel_layer
from icbench_generators.shipped import load_shipped

LOWEST, HIGHEST = 0.3, 1.9
"""Standard deviations of the noise that classes are read from, for pixels in [0, 1]."""
STEEPNESS = 0.5
"""A copy with noise of deviation s counts by s to minus this. All three chosen on validation images."""
FREQUENCIES = 8


class Denoiser(ClassDecoders):
    """The mean of what each class's network makes of several noisy copies of an image.

    The noise vector is the copies: `encode` adds noise of several levels to an image, the same for every class and
    image, in pairs of opposite draws. So the noise carries the style, and the class vector is the only input that has
    to move. With `mean_and_spread` the squared error becomes the mean of those of the copies, weighted by their level:
    the energy that reads a class from a diffusion model (Li et al. 2023; Clark and Jaini 2023).

    What the copies have in them is found by layers that all classes share and that are told the level; a class has a
    narrow code and a decoder of its own, so that it can only make what it has seen of that class.

    Args:
        draws: how many copies, R.
        shape: of the images, and how many classes they are of.
    """

    width = 256
    blocks = 2
    code = 64
    embedding = 64
    levels: Tensor
    shares: Tensor
    drawn: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(self, draws: int, shape: DataShape = MNIST_SHAPE) -> None:
        super().__init__()
        self.num_classes, self.image_shape = shape.num_classes, shape.image_shape
        self.noise_dim = draws * shape.pixels
        self.level = nn.Linear(2 * FREQUENCIES, self.embedding)
        self.first = nn.Linear(shape.pixels, self.width)
        self.middle = nn.ModuleList(Block(self.width, self.embedding) for _ in range(self.blocks))
        self.norm = nn.LayerNorm(self.width)
        self.heads = ClassLinear(self.num_classes, self.width, self.code)
        self.last = class_pixel_layer(self.code, shape)
        self.register_buffer("centre", torch.tensor(0.5))
        self.register_buffer("scale", torch.tensor(0.5))
        """Mean and standard deviation of the training images' pixels."""
        self.register_buffer("levels", geometric_levels(draws), persistent=False)
        shares = self.levels**-STEEPNESS
        self.register_buffer("shares", shares / shares.sum(), persistent=False)
        self.register_buffer("drawn", opposite_draws(draws, shape.pixels), persistent=False)

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        return self.mean_and_spread(class_vector, noise)[0]

    def mean_and_spread(self, class_vector: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        made = self.mix(class_vector, noise).view(len(noise), len(self.levels), -1)
        mean = torch.einsum("r,nrp->np", self.shares.to(made.dtype), made)
        deviation = (made - mean[:, None]).square().mean(dim=2)
        return mean.unflatten(1, self.image_shape), deviation @ self.shares.to(made.dtype)

    def encode(self, images: Tensor) -> Tensor:
        """The noise (B, K, Z): an image's noisy copies, the same for every class."""
        copies = self.standardise(images.flatten(1)[:, None] + self.levels[:, None] * self.drawn, self.levels)
        return copies.flatten(1)[:, None].expand(-1, self.num_classes, -1)

    def decode(self, noise: Tensor) -> Tensor:
        """What each class makes of the copies: (K, N, R * P) of (K, N, R * P)."""
        # Expanded noise is the same for every class, and what is found in it is too.
        rows = noise[:1] if noise.stride(0) == 0 else noise
        copies = rows.unflatten(2, (len(self.levels), -1))
        found = self.features(copies, self.levels).flatten(1, 2)
        return self.denoise(found.expand(self.num_classes, -1, -1)).reshape(*noise.shape)

    def standardise(self, copies: Tensor, levels: Tensor) -> Tensor:
        """Copies (..., R, P) with noise of levels (..., R), so that their pixels are of variance 1."""
        return (copies - self.centre) / (self.scale**2 + levels**2).sqrt()[..., None]

    def features(self, copies: Tensor, levels: Tensor) -> Tensor:
        """What is found in standardised copies (..., R, P) of levels (R,): (..., R, W)."""
        known = functional.silu(self.level(level_features(levels)))
        hidden = self.first(copies)
        for block in self.middle:
            hidden = block(hidden, known)
        return functional.silu(self.norm(hidden))

    def denoise(self, features: Tensor) -> Tensor:
        """Pixels (K, N, P) in [0, 1] of features (K, N, W): row n of class k through decoder k."""
        return torch.sigmoid(self.logits(features).float())

    def logits(self, features: Tensor) -> Tensor:
        """What `denoise` takes the sigmoid of."""
        pixels: Tensor = self.last(functional.silu(self.heads(features)))
        return pixels


class Block(nn.Module):
    """Two dense layers beside a shortcut, scaled and shifted by what is known of the level."""

    def __init__(self, width: int, embedding: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.modulate = nn.Linear(embedding, 2 * width)
        self.up, self.down = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, hidden: Tensor, known: Tensor) -> Tensor:
        """(..., R, W) of (..., R, W), given (R, E)."""
        scale, shift = self.modulate(known).chunk(2, dim=1)
        return hidden + self.down(functional.silu(self.up(self.norm(hidden) * (1 + scale) + shift)))


def level_features(levels: Tensor) -> Tensor:
    """Sines and cosines (R, 2F) of the logarithms of levels (R,)."""
    angles = levels.log()[:, None] * (pi / 8 * torch.arange(1, FREQUENCIES + 1, device=levels.device))
    return torch.cat([angles.sin(), angles.cos()], dim=1).to(levels.dtype)


def geometric_levels(draws: int) -> Tensor:
    """Levels (R,) from the lowest to the highest, two after another alike."""
    pairs = (draws + 1) // 2
    places = (torch.arange(pairs) + 0.5) / pairs
    return (log(LOWEST) + places * log(HIGHEST / LOWEST)).exp().repeat_interleave(2)[:draws]


def opposite_draws(draws: int, pixels: int) -> Tensor:
    """N(0, 1) numbers (R, P), the same every time, two after another opposite."""
    random = torch.Generator().manual_seed(0)
    half = torch.randn((draws + 1) // 2, pixels, generator=random)
    return torch.stack([half, -half], dim=1).flatten(0, 1)[:draws]


def load_denoiser(draws: int, weights: str = "", trained_on: str = "") -> Denoiser:
    """The trained generator, with the shipped weights or those of a file; they are the same for any number of draws."""
    return load_shipped(lambda file: Denoiser(draws, read_shape(file, MNIST_SHAPE)), "denoiser", weights, trained_on)
