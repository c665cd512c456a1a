"""What the denoiser is made of: blocks of convolutions that are told the level and the class, patches, levels."""

from math import pi

import torch
from torch import Tensor, nn
from torch.nn import functional

FREQUENCIES = 8


class Block(nn.Module):
    """Two convolutions of maps beside a shortcut, scaled and shifted by what is known of the level and the class.

    Maps are (N, H, W, C) throughout: a convolution on a CPU is fastest in this layout, and a norm over colours too.

    Args:
        width: C.
        embedding: the length of what is known of the level.
        num_classes: K; 0 for a block that is not told the class.
    """

    def __init__(self, width: int, embedding: int, num_classes: int = 0) -> None:
        super().__init__()
        self.level = nn.Linear(embedding, 4 * width)
        self.classes = nn.Parameter(torch.zeros(num_classes, 4 * width)) if num_classes else None
        self.up, self.down = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, maps: Tensor, known: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, H, W, C) of (N, H, W, C), given (N, E) or (1, E) and labels (N,)."""
        told = self.level(known)
        if self.classes is not None:
            told = told + self.classes[labels]
        scale, shift, inner_scale, inner_shift = told[:, None, None].chunk(4, dim=3)
        hidden = functional.layer_norm(maps, maps.shape[3:]) * (1 + scale) + shift
        hidden = functional.silu(convolve(self.up, hidden) * (1 + inner_scale) + inner_shift)
        return maps + convolve(self.down, hidden)


def convolve(layer: nn.Conv2d, maps: Tensor) -> Tensor:
    """A convolution of maps (N, H, W, C)."""
    return layer(maps.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def patches(images: Tensor, height: int, width: int) -> Tensor:
    """Patches of 2 by 2 pixels, (N, H / 2, W / 2, 4 C), of images (N, C, ...) padded to a height and width."""
    padded = functional.pad(images, (0, width - images.shape[3], 0, height - images.shape[2]))
    return functional.pixel_unshuffle(padded, 2).permute(0, 2, 3, 1).contiguous()


def pixels_of(patched: Tensor, image_shape: tuple[int, int, int]) -> Tensor:
    """The pixels (N, C * H * W) of patches (N, H / 2, W / 2, 4 C); what is over is cut off."""
    _, height, width = image_shape
    return functional.pixel_shuffle(patched.permute(0, 3, 1, 2), 2)[..., :height, :width].flatten(1)


def level_features(levels: Tensor) -> Tensor:
    """Sines and cosines (R, 2F) of the logarithms of levels (R,)."""
    angles = levels.log()[:, None] * (pi / 8 * torch.arange(1, FREQUENCIES + 1, device=levels.device))
    return torch.cat([angles.sin(), angles.cos()], dim=1).to(levels.dtype)
