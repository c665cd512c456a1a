"""Small random warps of training images."""

from math import pi

import torch
from torch import Tensor
from torch.nn import functional

ROTATION = 7.5 * pi / 180
SCALE = 0.1
SHEAR = 0.1
SHIFT = 1.0
KNOTS = 6


def warp(images: Tensor, share: float, random: torch.Generator, pull: float = 0.0) -> Tensor:
    """Images (B, C, H, W), the first `share` of them under a random affine map each.

    A map turns by up to 7.5 degrees, scales each axis by up to 10 %, shears by up to 0.1 and shifts by up to a pixel,
    all uniform. With a `pull`, `bends` come on top.
    """
    count = int(len(images) * share)
    if not count:
        return images
    height, width = images.shape[-2:]
    maps = random_maps(count, (height, width), random)
    grid = functional.affine_grid(maps, [count, *images.shape[1:]], align_corners=False)
    if pull:
        grid = grid + bends(count, (height, width), random, pull)
    moved = functional.grid_sample(images[:count], grid, align_corners=False)
    return torch.cat([moved, images[count:]])


def bends(count: int, size: tuple[int, int], random: torch.Generator, pull: float) -> Tensor:
    """Smooth fields of displacements (B, H, W, 2) in the units of `affine_grid`, for images of a size (H, W).

    `KNOTS` by `KNOTS` knots are pulled by N(0, pull^2) pixels along each axis, with a cubic in between: elastic
    distortion (Simard, Steinkraus and Platt 2003), on knots instead of a smoothed field of pixels.
    """
    pulls = pull * torch.randn(count, 2, KNOTS, KNOTS, generator=random, device=random.device)
    pixels = functional.interpolate(pulls, size, mode="bicubic", align_corners=True)
    return pixels.permute(0, 2, 3, 1) * pixels.new_tensor([2 / size[1], 2 / size[0]])


def random_maps(count: int, size: tuple[int, int], random: torch.Generator) -> Tensor:
    """Affine maps (B, 2, 3) as `affine_grid` takes them, for images of a size (H, W)."""
    turn, wide, high, shear, right, down = _uniform(6, count, random)
    cos, sin = (ROTATION * turn).cos(), (ROTATION * turn).sin()
    rotation = torch.stack([torch.stack([cos, -sin], dim=1), torch.stack([sin, cos], dim=1)], dim=1)
    one, zero = torch.ones_like(cos), torch.zeros_like(cos)
    stretch = torch.stack(
        [
            torch.stack([one + SCALE * wide, SHEAR * shear], dim=1),
            torch.stack([zero, one + SCALE * high], dim=1),
        ],
        dim=1,
    )
    height, width = size
    shift = torch.stack([2 * SHIFT / width * right, 2 * SHIFT / height * down], dim=1)
    return torch.cat([rotation @ stretch, shift[:, :, None]], dim=2)


def _uniform(rows: int, count: int, random: torch.Generator) -> Tensor:
    return 2 * torch.rand(rows, count, generator=random, device=random.device) - 1
