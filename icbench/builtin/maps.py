"""Feature maps that lie channels last in memory, which is how convolutions take them fastest on a CPU."""

import torch
from torch import Tensor, nn


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
