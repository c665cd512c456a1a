"""A class-conditional denoiser: of noisy copies of an image it makes what the image would be if it were of a class."""

from math import log, pi, prod

import torch
from icbench.kinds.generator import Generator
from torch import Tensor, nn
from torch.nn import functional

from icbench_generators.shipped import load_shipped

LOWEST, HIGHEST = 0.2, 2.0
"""Standard deviations of the noise that classes are read from, for pixels in [0, 1]."""
STEEPNESS = 1.0
"""A copy of noise s counts by s to minus this. All three chosen on validation images."""
FREQUENCIES = 8


class Denoiser(Generator):
    """The mean of what a network makes of several noisy copies of an image, given the class.

    The noise vector is the copies: `encode` adds noise of several levels to an image, the same for every class and
    image, in pairs of opposite draws. So the noise carries the style, and **the class vector is the only input that has
    to move**. With `mean_and_spread` the squared error becomes the mean of those of the copies, weighted by their
    level: the energy that reads a class from a diffusion model (Li et al. 2023; Clark and Jaini 2023).

    Args:
        draws: how many copies, R.
        num_classes: K.
        image_shape: (C, H, W).
    """

    width = 384
    blocks = 3
    embedding = 64
    levels: Tensor
    shares: Tensor
    drawn: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(
        self, draws: int, num_classes: int = 10, image_shape: tuple[int, int, int] = (1, 28, 28)
    ) -> None:
        super().__init__()
        self.num_classes, self.image_shape = num_classes, image_shape
        pixels = prod(image_shape)
        self.noise_dim = draws * pixels
        self.condition = nn.Linear(2 * FREQUENCIES + num_classes, self.embedding)
        self.first = nn.Linear(pixels, self.width)
        self.middle = nn.ModuleList(Block(self.width, self.embedding) for _ in range(self.blocks))
        self.norm = nn.LayerNorm(self.width)
        self.last = nn.Linear(self.width, pixels)
        self.register_buffer("centre", torch.tensor(0.5))
        self.register_buffer("scale", torch.tensor(0.5))
        """The mean and the standard deviation of the training images' pixels."""
        levels = geometric_levels(draws)
        shares = levels**-STEEPNESS
        for name, values in (
            ("levels", levels),
            ("shares", shares / shares.sum()),
            ("drawn", opposite_draws(draws, pixels)),
        ):
            self.register_buffer(name, values, persistent=False)

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        return self.mean_and_spread(class_vector, noise)[0]

    def mean_and_spread(self, class_vector: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        rows, draws = len(noise), len(self.levels)
        copies = noise.view(rows * draws, -1)
        vectors = class_vector.repeat_interleave(draws, dim=0)
        made = self.denoise(copies, self.levels.repeat(rows), vectors).view(rows, draws, -1)
        mean = torch.einsum("r,nrp->np", self.shares, made)
        deviation = (made - mean[:, None]).square().mean(dim=2)
        return mean.view(rows, *self.image_shape), deviation @ self.shares

    def encode(self, images: Tensor) -> Tensor:
        """The noise (B, K, Z): an image's noisy copies, the same for every class."""
        copies = self.standardise(images.flatten(1)[:, None] + self.levels[:, None] * self.drawn, self.levels)
        return copies.flatten(1)[:, None].expand(-1, self.num_classes, -1)

    def standardise(self, copies: Tensor, levels: Tensor) -> Tensor:
        """Copies (..., R, P) with noise of levels (R,), so that their pixels are of variance 1."""
        return (copies - self.centre) / (self.scale**2 + levels**2).sqrt()[:, None]

    def denoise(self, copies: Tensor, levels: Tensor, class_vector: Tensor) -> Tensor:
        """Pixels (N, P) in [0, 1] of standardised noisy copies (N, P) of levels (N,), given class vectors (N, K)."""
        return torch.sigmoid(self.logits(copies, levels, class_vector))

    def logits(self, copies: Tensor, levels: Tensor, class_vector: Tensor) -> Tensor:
        """What `denoise` takes the sigmoid of."""
        known = torch.cat([level_features(levels), class_vector * self.num_classes**0.5], dim=1)
        condition = functional.silu(self.condition(known))
        hidden = self.first(copies)
        for block in self.middle:
            hidden = block(hidden, condition)
        logits: Tensor = self.last(self.norm(hidden))
        return logits.to(copies.dtype)


class Block(nn.Module):
    """Two dense layers beside a shortcut, scaled and shifted by what is known of the class and the level."""

    def __init__(self, width: int, embedding: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.modulate = nn.Linear(embedding, 2 * width)
        self.up, self.down = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, hidden: Tensor, condition: Tensor) -> Tensor:
        """(N, W) of (N, W), given (N, E)."""
        scale, shift = self.modulate(condition).chunk(2, dim=1)
        return hidden + self.down(functional.silu(self.up(self.norm(hidden) * (1 + scale) + shift)))


def level_features(levels: Tensor) -> Tensor:
    """Sines and cosines (N, 2F) of the logarithms of levels (N,)."""
    angles = levels.log()[:, None] * (pi / 8 * torch.arange(1, FREQUENCIES + 1, device=levels.device))
    return torch.cat([angles.sin(), angles.cos()], dim=1)


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


def load_denoiser(draws: int, weights: str = "") -> Denoiser:
    """The trained generator, with the shipped weights or those of a file; they are the same for any number of draws."""
    return load_shipped(lambda: Denoiser(draws), "denoiser", weights)
