"""A denoiser told the class: of noisy copies of an image it makes what the image would be if it were of the class."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log
from weakref import ref

import torch
from icbench.builtin.datasets.mnist import MNIST_SHAPE
from icbench.kinds.dataset import DataShape
from icbench.kinds.generator import Generator
from icbench.training.weights import read_shape
from torch import Tensor, nn
from torch.nn import functional

from icbench_generators.class_decoders import mixture_weights
from icbench_generators.denoiser_layers import FREQUENCIES, Block, convolve, level_features, patches, pixels_of
from icbench_generators.shipped import load_shipped

LOWEST, HIGHEST = 0.35, 2.1
"""Standard deviations of the noise that classes are read from, for pixels in [0, 1]."""
STEEPNESS = 1.5
"""A copy with noise of deviation s counts by s to minus this. All three chosen on validation images."""


class Denoiser(Generator):
    """The mean of what a convolutional network makes of several noisy copies of an image, told the class.

    The noise vector is the copies: `encode` adds noise of several levels to an image, the same for every class and
    image, in pairs of opposite draws. So the noise carries the style, and the class vector is the only input that has
    to move. With `mean_and_spread` the squared error becomes the mean of those of the copies, weighted by their level:
    the energy that reads a class from a diffusion model (Li et al. 2023; Clark and Jaini 2023).

    The first half of the network is told the level alone, and is run once for all classes; the second half is told the
    class too, by scales and shifts of its maps. The image of a class vector is the mixture of the classes' images.

    Args:
        draws: how many copies, R.
        shape: of the images, and how many classes they are of.
    """

    thin, wide = 24, 64
    """Maps of half the images' size, and of a quarter."""
    blocks = (1, 1, 3, 1)
    """How many there are: thin and wide ones that are not told the class, wide and thin ones that are."""
    embedding = 64
    levels: Tensor
    shares: Tensor
    drawn: Tensor
    centre: Tensor
    scale: Tensor
    kept: "Kept | None" = None
    """The latest noise that rested."""

    def __init__(self, draws: int, shape: DataShape = MNIST_SHAPE) -> None:
        super().__init__()
        self.num_classes, self.image_shape = shape.num_classes, shape.image_shape
        self.noise_dim = draws * shape.pixels
        colours, height, width = shape.image_shape
        self.quarters = (-(-height // 4), -(-width // 4))
        blocks = iter(self.blocks)
        self.level = nn.Linear(2 * FREQUENCIES, self.embedding)
        self.first = nn.Conv2d(4 * colours, self.thin, 3, padding=1)
        self.finding = self._blocks(next(blocks), self.thin)
        self.shrink = nn.Linear(4 * self.thin, self.wide)
        self.gathering = self._blocks(next(blocks), self.wide)
        self.places = nn.Parameter(torch.zeros(shape.num_classes, *self.quarters, self.wide))
        self.telling = self._blocks(next(blocks), self.wide, shape.num_classes)
        self.grow = nn.Linear(self.wide, 4 * self.thin)
        self.drawing = self._blocks(next(blocks), self.thin, shape.num_classes)
        self.norm = nn.LayerNorm(self.thin)
        self.last = nn.Conv2d(self.thin, 4 * colours, 3, padding=1)
        self.register_buffer("centre", torch.tensor(0.5))
        self.register_buffer("scale", torch.tensor(0.5))
        """Mean and standard deviation of the training images' pixels."""
        self.register_buffer("levels", geometric_levels(draws), persistent=False)
        shares = self.levels**-STEEPNESS
        self.register_buffer("shares", shares / shares.sum(), persistent=False)
        self.register_buffer("drawn", opposite_draws(draws, shape.pixels), persistent=False)

    def _blocks(self, count: int, width: int, num_classes: int = 0) -> nn.ModuleList:
        return nn.ModuleList(Block(width, self.embedding, num_classes) for _ in range(count))

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        return self.mean_and_spread(class_vector, noise)[0]

    def mean_and_spread(self, class_vector: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        weights = mixture_weights(class_vector)
        if not class_vector.requires_grad and bool((class_vector == 1).any(dim=1).all()):
            mean, square = self._moments_of_labels(weights.argmax(dim=1), noise)
        else:
            moments = self._moments_at(noise)
            mean = torch.einsum("nk,nkp->np", weights, moments.means)
            square = torch.einsum("nk,nkl,nl->n", weights, moments.products, weights)
        return mean.unflatten(1, self.image_shape), square - mean.square().mean(dim=1)

    def _moments_of_labels(self, labels: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The mean (N, P) of the copies' images for labels (N,), and the mean (N,) of their squared pixels."""
        noise, row = distinct_rows(noise)
        mean, square = 0.0, 0.0
        for copy, level, share in self._copies(noise):
            made = self.denoise(*(maps[row] for maps in self.find(copy, level)), level, labels)
            mean = mean + share * made
            square = square + share * made.square().mean(dim=1)
        return mean, square

    def moments(self, noise: Tensor) -> "Moments":
        """What an energy needs of the copies' images for all classes."""
        labels = torch.arange(self.num_classes, device=noise.device)
        means, products = 0.0, 0.0
        for copy, level, share in self._copies(noise):
            found = self.find(copy, level)
            made = torch.stack([self.denoise(*found, level, label.expand(len(noise))) for label in labels], dim=1)
            means = means + share * made
            products = products + share * (made @ made.mT) / made.shape[2]
        return Moments(means, products)

    def _moments_at(self, noise: Tensor) -> "Moments":
        """The `moments`. Those of noise that rests, as in a descent of the class vector, are kept."""
        if noise.requires_grad or noise.is_inference():
            return self.moments(noise)
        state = noise._version, torch.is_autocast_enabled(noise.device.type)
        if self.kept is not None and self.kept.noise() is noise and self.kept.state == state:
            return self.kept.moments
        found = self.moments(noise)
        self.kept = None if found.means.requires_grad else Kept(ref(noise), state, found)
        return found

    def __getstate__(self) -> dict[str, object]:
        """Without what was kept of noise, of which a copy knows nothing."""
        return {name: value for name, value in self.__dict__.items() if name != "kept"}

    def _copies(self, noise: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Each of the copies (N, P) that noise is, its level (1,) and its share of the energy."""
        return zip(noise.unflatten(1, (len(self.levels), -1)).unbind(1), self.levels[:, None], self.shares, strict=True)

    def encode(self, images: Tensor) -> Tensor:
        """The noise (B, K, Z): an image's noisy copies, the same for every class."""
        copies = self.standardise(images.flatten(1)[:, None] + self.levels[:, None] * self.drawn, self.levels)
        return copies.flatten(1)[:, None].expand(-1, self.num_classes, -1)

    def standardise(self, copies: Tensor, levels: Tensor) -> Tensor:
        """Copies (..., R, P) with noise of levels (..., R), so that their pixels are of variance 1."""
        return (copies - self.centre) / (self.scale**2 + levels**2).sqrt()[..., None]

    def find(self, copies: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
        """What standardised copies (N, P) of levels (N,), or of one (1,), have in them, whatever the class.

        Returns:
            maps (N, H, W, C) of half the images' size, and of a quarter.
        """
        known = self.know(levels)
        height, width = self.quarters
        thin = patches(copies.unflatten(1, self.image_shape), 4 * height, 4 * width)
        thin = convolve(self.first, thin)
        for block in self.finding:
            thin = block(thin, known)
        wide = thin.unflatten(1, (height, 2)).unflatten(3, (width, 2)).transpose(2, 3).flatten(3)
        wide = self.shrink(wide)
        for block in self.gathering:
            wide = block(wide, known)
        return thin, wide

    def know(self, levels: Tensor) -> Tensor:
        """What the blocks are told of levels (N,): (N, E)."""
        return functional.silu(self.level(level_features(levels)))

    def denoise(self, thin: Tensor, wide: Tensor, levels: Tensor, labels: Tensor) -> Tensor:
        """Pixels (N, P) in [0, 1] of what `find` found, for labels (N,)."""
        return torch.sigmoid(self.logits(thin, wide, levels, labels).float())

    def logits(self, thin: Tensor, wide: Tensor, levels: Tensor, labels: Tensor) -> Tensor:
        """What `denoise` takes the sigmoid of."""
        known = self.know(levels)
        wide = wide + self.places[labels]
        for block in self.telling:
            wide = block(wide, known, labels)
        grown = self.grow(functional.silu(wide)).unflatten(3, (2, 2, self.thin))
        thin = thin + grown.transpose(2, 3).flatten(1, 2).flatten(2, 3)
        for block in self.drawing:
            thin = block(thin, known, labels)
        return pixels_of(convolve(self.last, functional.silu(self.norm(thin))), self.image_shape)


@dataclass(frozen=True, eq=False)
class Moments:
    """What an energy needs of the copies' images: their mixture is linear in the class vector, its square quadratic.

    Args:
        means: (N, K, P), of the copies' images for each class.
        products: (N, K, K), of the pixels of two classes' images multiplied, mean over copies and pixels.
    """

    means: Tensor
    products: Tensor


@dataclass(frozen=True, eq=False)
class Kept:
    """Noise and what was found of it.

    Args:
        noise: as long as there is any.
        state: what tells whether it is still the same, and would be looked at in the same precision.
        moments: of it.
    """

    noise: "ref[Tensor]"
    state: object
    moments: Moments


def distinct_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (M, Z) without those that repeat the one before, and for each of the N rows which of them it is."""
    begins = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    begins[1:] = (rows[1:] != rows[:-1]).any(dim=1)
    return rows[begins], begins.cumsum(0) - 1


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
