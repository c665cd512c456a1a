"""Deformable exemplars: the noise says which training image of a class it is, and how that is smoothly deformed."""

from math import ceil, log2

import torch
from icbench.errors import UsageError
from icbench.kinds.dataset import DataShape, Split
from icbench.kinds.generator import Generator
from icbench.running.datasets import training_images
from torch import Tensor
from torch.nn import functional

from icbench_generators.class_decoders import mixture_weights

POOL = 2
"""Exemplars are looked for by the means of squares of so many pixels a side: as good as all pixels, at a quarter."""
FAR = 3.0
"""How far from 0 a start has the entries that say the exemplar: a descent moves them, and their sign has to stay."""
RIDGE = 1e-6
"""Added to a covariance's diagonal."""


class Deformable(Generator):
    """Training images as exemplars, each deformed by a smooth displacement field.

    The first entries of the noise say by their signs, as bits of a number, which exemplar of the class an image is made
    of; the number counts modulo the class's exemplars. The others are the coefficients of the field, along each axis
    those of a Gaussian process on a grid of control points, of which N(0, 1) noise is a draw: the weight that a
    schedule gives to |noise|^2 is that of the field's smoothness (Grenander 1970; Amit, Grenander and Piccioni 1991 for
    deformed templates). An image is the exemplar at displaced places, interpolated by cubic convolution.

    At a vertex of the simplex the image is of that class alone, elsewhere a mixture. `encode_starts` finds the nearest
    exemplars of each class, with no displacement: with as many restarts and no step, `exhaustive` compares exemplars.

    Args:
        split: the images that exemplars are taken from, and their labels.
        shape: of the images, and how many classes they are of.
        types: exemplars of each class, its first; 0 takes all.
        grid: control points along each axis.
        scale: standard deviation of a displacement, in pixels.
        reach: over how many pixels displacements are alike.

    Raises:
        UsageError: a class has no image.
    """

    exemplars: Tensor
    """(M, C, H, W) uint8, class by class."""
    first: Tensor
    count: Tensor
    """(K,) where a class's exemplars begin, and how many there are."""
    pooled: Tensor
    fields: Tensor
    """(G * G, H * W), the displacements along an axis that each of its coefficients stands for, in pixels."""

    def __init__(
        self, split: Split, shape: DataShape, types: int = 0, grid: int = 6, scale: float = 1.0, reach: float = 5.0
    ) -> None:
        super().__init__()
        self.num_classes, self.image_shape = shape.num_classes, shape.image_shape
        labels = torch.from_numpy(split.labels)
        rows = [(labels == label).nonzero()[:, 0][: types or None] for label in range(shape.num_classes)]
        count = torch.tensor([len(each) for each in rows])
        if not count.all():
            raise UsageError(f"there is no training image of class {int(count.argmin())}", "Choose another dataset.")
        self.register_buffer("count", count)
        self.register_buffer("first", count.cumsum(0) - count)
        self.register_buffer("exemplars", torch.from_numpy(split.images[torch.cat(rows).numpy()]))
        self.register_buffer("pooled", torch.cat([pool(part) for part in self.exemplars.split(1000)]))
        self.register_buffer("fields", smooth_fields(shape.image_shape[1:], grid, scale, reach))
        self.bits = ceil(log2(int(count.max())))
        self.noise_dim = self.bits + 2 * len(self.fields)

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        with torch.autocast(noise.device.type, enabled=False):
            return self._mix(class_vector, noise)

    def encode(self, images: Tensor) -> Tensor:
        """The nearest exemplar of each class, with no displacement: (B, K, Z)."""
        return self.encode_starts(images, 1)[:, :, 0]

    def encode_starts(self, images: Tensor, count: int) -> Tensor:
        """The `count` nearest exemplars of each class, the nearest first, with no displacement."""
        numbers = self.nearest(images, count)
        noise = torch.zeros(*numbers.shape, self.noise_dim, dtype=self.fields.dtype, device=numbers.device)
        bits = numbers[..., None] >> torch.arange(self.bits, device=numbers.device) & 1
        noise[..., : self.bits] = FAR * (2 * bits - 1)
        return noise

    def nearest(self, images: Tensor, count: int) -> Tensor:
        """The numbers (B, K, count) within their classes of the exemplars that are nearest to images, nearest first.

        Where a class has fewer, they come again from the first on.
        """
        sought = pool(images)
        found = []
        for begin, size in zip(self.first.tolist(), self.count.tolist(), strict=True):
            known = self.pooled[begin : begin + size]
            # Without the images' own squares, which are the same for all exemplars.
            distance = torch.addmm(known.square().sum(dim=1), sought, known.T, alpha=-2)
            order = distance.topk(min(count, size), dim=1, largest=False).indices
            found.append(order[:, torch.arange(count, device=order.device) % order.shape[1]])
        return torch.stack(found, dim=1)

    def displacements(self, noise: Tensor) -> Tensor:
        """Downwards and to the right, in pixels: (N, 2, H, W) of noise (N, Z)."""
        coefficients = noise[:, self.bits :].unflatten(1, (2, -1))
        return (coefficients @ self.fields).unflatten(2, self.image_shape[1:])

    def chosen(self, labels: Tensor, noise: Tensor) -> Tensor:
        """The exemplars (N, C, H, W) of classes (N,) that noise (N, Z) says, in [0, 1]."""
        powers = 2 ** torch.arange(self.bits, device=noise.device)
        numbers = ((noise[:, : self.bits] > 0) * powers).sum(dim=1)
        images = self.exemplars[self.first[labels] + numbers % self.count[labels]]
        return images.to(self.fields.dtype) / 255

    def _mix(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        displacements = self.displacements(noise.to(self.fields.dtype))
        weights = mixture_weights(class_vector).to(self.fields.dtype)
        if not class_vector.requires_grad and bool((class_vector == 1).any(dim=1).all()):
            return warp(self.chosen(weights.argmax(dim=1), noise), displacements)
        labels = torch.arange(self.num_classes, device=noise.device)
        every = [warp(self.chosen(label.expand(len(noise)), noise), displacements) for label in labels]
        return torch.einsum("nk,knchw->nchw", weights, torch.stack(every))


def warp(images: Tensor, displacements: Tensor) -> Tensor:
    """Images (N, C, H, W) looked up at displaced places, within [0, 1]; what lies outside is black.

    The derivative by the displacements is a constant of its own, so that it can be taken once more by what it is
    multiplied with, as for a Jacobian; torch has no second derivative of this.

    Args:
        images: in [0, 1].
        displacements: (N, 2, H, W), downwards and to the right, in pixels.
    """
    if not displacements.requires_grad:
        return images if not displacements.any() else look_up(images, displacements).clamp(0, 1)
    with torch.enable_grad():
        # A row for each channel, which has a derivative of its own.
        rows = displacements.detach().repeat_interleave(images.shape[1], dim=0).requires_grad_()
        values = look_up(images.flatten(0, 1)[:, None], rows).clamp(0, 1)
        slopes = torch.autograd.grad(values.sum(), rows)[0].unflatten(0, images.shape[:2])
    step = displacements - displacements.detach()
    return values.detach().view_as(images) + (slopes * step[:, None]).sum(dim=2)


def look_up(images: Tensor, displacements: Tensor, mode: str = "bicubic") -> Tensor:
    """Images (N, C, H, W) at displaced places, black outside; "bicubic" by cubic convolution (Keys 1981) or "bilinear".

    Args:
        images: any values.
        displacements: (N, 2, H, W), downwards and to the right, in pixels.
        mode: how values between pixels are found.
    """
    height, width = images.shape[-2:]
    row = torch.arange(height, device=images.device)[:, None] + displacements[:, 0]
    column = torch.arange(width, device=images.device) + displacements[:, 1]
    # From -1 to 1 between the middles of the outermost pixels.
    places = torch.stack([2 * column / max(width - 1, 1) - 1, 2 * row / max(height - 1, 1) - 1], dim=3)
    return functional.grid_sample(images, places, mode=mode, align_corners=True)


def pool(images: Tensor) -> Tensor:
    """The means of squares of `POOL` pixels a side: (N, C * h * w) of images (N, C, H, W), uint8 or in [0, 1]."""
    pixels = images.float() / 255 if images.dtype is torch.uint8 else images
    return functional.avg_pool2d(pixels, POOL, ceil_mode=True).flatten(1)


def smooth_fields(size: tuple[int, int], grid: int, scale: float, reach: float) -> Tensor:
    """The fields (G * G, H * W) of which draws of a smooth Gaussian process are sums, weighted by N(0, 1) numbers.

    Control points, G along each axis from border to border, have the covariance scale^2 exp(-d^2 / 2 reach^2) at a
    distance of d pixels, which is a product over the axes, and so is its root. Between them a field is linear.
    """
    down, right = (axis_fields(length, grid, reach) for length in size)
    return scale * torch.einsum("ay,bx->abyx", down, right).flatten(2).flatten(0, 1).float()


def axis_fields(length: int, grid: int, reach: float) -> Tensor:
    """Those along one axis: (G, length), float64."""
    places = torch.linspace(0, length - 1, grid, dtype=torch.float64)
    covariance = torch.exp(-((places[:, None] - places) ** 2) / (2 * reach**2))
    root = torch.linalg.cholesky(covariance + RIDGE * torch.eye(grid, dtype=torch.float64))
    if grid == 1:
        return root.expand(1, length)
    return functional.interpolate(root.T[None], size=length, mode="linear", align_corners=True)[0]


def load_deformable(types: int, grid: int, scale: float, reach: float, trained_on: str = "") -> Deformable:
    """The generator made of a dataset's training images.

    Args:
        types, grid, scale, reach: those of `Deformable`.
        trained_on: the spec of the dataset whose images are meant; empty for the default one.

    Raises:
        UsageError: there is no such dataset, or a class of it has no training image.
        IntegrityError: its images are missing or not the expected ones.
    """
    known = training_images(trained_on)
    generator = Deformable(known.split, known.shape, types, grid, scale, reach)
    generator.weights_digest, generator.seen = known.split.digest, known.seen
    return generator
