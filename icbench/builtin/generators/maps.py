"""Layers that turn features into maps and maps into pixels, and the forms of them that are fastest on a CPU."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from icbench.compute.affine import AffineMap


class ToMaps(nn.Module):
    """Features (B, C * H * W) as maps (B, C, H, W), without copying whichever way round they lie in memory.

    Args:
        shape: (C, H, W).
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.shape = shape
        self.channels_last = False

    def forward(self, features: Tensor) -> Tensor:
        channels, height, width = self.shape
        if not self.channels_last:
            return features.view(-1, channels, height, width)
        return features.view(-1, height, width, channels).permute(0, 3, 1, 2)

    @torch.no_grad()
    def order_channels_last(self, linear: nn.Linear) -> None:
        """Let `linear`, which makes the features, make them in the order of channels last."""
        if self.channels_last:
            return
        order = torch.arange(linear.out_features).view(self.shape).permute(1, 2, 0).flatten()
        linear.weight.copy_(linear.weight[order])
        linear.bias.copy_(linear.bias[order])
        self.channels_last = True


class DoubledPixels(nn.Module):
    """The pixel shuffle (B, 4 C, H, W) to (B, C, 2 H, 2 W), in one copy where the maps lie channels last."""

    def forward(self, maps: Tensor) -> Tensor:
        rows, columns = maps.shape[2:]
        quads = maps.permute(0, 2, 3, 1).reshape(len(maps), rows, columns, -1, 2, 2)
        return quads.permute(0, 3, 1, 4, 2, 5).reshape(len(maps), -1, 2 * rows, 2 * columns)


class SubPixels(nn.Sequential):
    """A sub-pixel convolution (Shi et al. 2016) of 3x3 to images (B, C, 2 H, 2 W), in float32.

    Args:
        channels: of the maps (B, channels, H, W), of any precision.
        colours: C.
    """

    def __init__(self, channels: int, colours: int = 1) -> None:
        super().__init__(nn.Conv2d(channels, 4 * colours, 3, padding=1), DoubledPixels())

    def forward(self, maps: Tensor) -> Tensor:
        convolution, doubled = self
        images: Tensor = doubled(convolution(maps.float()))
        return images

    def to_blocks(self, rows: int, columns: int) -> nn.Module:
        """The same for maps of so many rows and columns, in the form that is fastest with frozen weights.

        It is the module itself where there is no other form.
        """
        convolution = self[0]
        assert isinstance(convolution, nn.Conv2d)
        fits = convolution.out_channels == 4 and rows % 2 == columns % 2 == 0
        return BlockedSubPixels(convolution) if fits else self


def half(side: int) -> int:
    """The side of maps of half the size; a doubled one of them may be a pixel longer than the image."""
    return -(-side // 2)


def crop(images: Tensor, height: int, width: int) -> Tensor:
    """Images without the pixels that are more than these; themselves where there are none."""
    return images if images.shape[-2:] == (height, width) else images[..., :height, :width]


class BlockedSubPixels(nn.Module):
    """A sub-pixel convolution of 3x3 to one image, in the two forms that fill a processor's vector registers.

    Four maps are too few output channels for registers of sixteen numbers. So the image is made in blocks of 4x4
    pixels, sixteen maps of half the size by a convolution of 4x4 and stride 2. The gradient is taken from the image in
    blocks of 2x2 pixels, four maps that a convolution of 3x3 turns into all of them. Both are the same sums as before,
    and both leave their maps channels last.

    The image is made in the precision of the weights; the gradient comes back in that of the maps, in which all that
    stands before them goes on with it, so it is rounded here once instead of there.

    Args:
        convolution: 3x3, padding 1, with 4 output channels, in front of `DoubledPixels`.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        weight, bias = convolution.weight.detach(), convolution.bias
        assert bias is not None
        channels = weight.shape[1]
        # Output channels in the order of the pixels of a block: (row of maps, row of shuffle, column, column).
        blocks = weight.new_zeros(2, 2, 2, 2, channels, 4, 4)
        for down in range(2):
            for right in range(2):
                square = blocks[down, :, right, :, :, down : down + 3, right : right + 3]
                square.copy_(weight.view(2, 2, channels, 3, 3))
        last = torch.channels_last
        self.register_buffer("blocks", blocks.view(16, channels, 4, 4).contiguous(memory_format=last))
        # A pixel reads maps up to one place away: seen from a place in the maps, taps run the other way.
        self.register_buffer("taps", weight.transpose(0, 1).flip(2, 3).contiguous(memory_format=last))
        self.register_buffer("bias", bias.detach().view(1, 2, 1, 2).expand(2, 2, 2, 2).flatten())

    blocks: Tensor
    taps: Tensor
    bias: Tensor

    def forward(self, maps: Tensor) -> Tensor:
        """The image (B, 1, 2 H, 2 W) of maps (B, C, H, W) with even H and W."""
        images: Tensor = AffineMap.apply(maps, self._paint, partial(self._gather, maps.dtype), self._spread)
        return images

    def _paint(self, maps: Tensor) -> Tensor:
        return _lay_out(self._convolve(maps, self.bias))

    def _spread(self, maps: Tensor) -> Tensor:
        """As `_painted`, without the bias: the linear part."""
        return _lay_out(self._convolve(maps))

    def _convolve(self, maps: Tensor, bias: Tensor | None = None) -> Tensor:
        return functional.conv2d(maps.to(self.blocks.dtype), self.blocks, bias, stride=2, padding=1)

    def _gather(self, precision: torch.dtype, images: Tensor) -> Tensor:
        """The gradient in the maps (B, C, H, W) for one in the image (B, 1, 2 H, 2 W)."""
        return functional.conv2d(_quads(images.to(precision)), self.taps.to(precision), padding=1)


def _lay_out(blocks: Tensor) -> Tensor:
    """Blocks of 4x4 pixels (B, 16, H, W) as an image (B, 1, 4 H, 4 W)."""
    rows, columns = blocks.shape[2:]
    lines = blocks.permute(0, 2, 3, 1).contiguous().view(-1, columns, 4, 4)
    return _swap_axes(lines).view(-1, 1, 4 * rows, 4 * columns)


def _quads(images: Tensor) -> Tensor:
    """An image (B, 1, 2 H, 2 W) as blocks of 2x2 pixels (B, 4, H, W), channels last."""
    rows, columns = images.shape[2] // 2, images.shape[3] // 2
    pairs = images.contiguous().view(-1, 2, columns, 2)
    return _swap_axes(pairs).view(-1, rows, columns, 4).permute(0, 3, 1, 2)


def _swap_axes(runs: Tensor) -> Tensor:
    """(N, P, Q, R), contiguous, as (N, Q, P, R); a run of R numbers moves as one, which is several times as fast."""
    one = {4: torch.int32, 8: torch.int64, 16: torch.complex128}.get(runs.shape[3] * runs.element_size(), runs.dtype)
    return runs.view(one).transpose(1, 2).contiguous().view(runs.dtype)
