"""The last layer of decoders: dense for small images, convolutions for those with too many pixels for that.

Which of them it is follows from the shape of the images alone.
"""

import torch
from icbench.kinds.dataset import DataShape
from torch import Tensor, nn
from torch.nn import functional

from icbench_generators.class_decoders import ClassLinear

DENSE = 1024
"""Up to so many pixels, all colours counted, a layer is dense."""
MAPS = 16


class Convolutions(nn.Module):
    """Two sub-pixel convolutions (Shi et al. 2016) from maps of a quarter of the size, for several groups at once.

    Args:
        groups: G; each has convolutions of its own.
        image_shape: (C, H, W).
    """

    def __init__(self, groups: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        colours, height, width = image_shape
        self.groups, self.image_shape = groups, image_shape
        self.map_shape = (MAPS, -(-height // 4), -(-width // 4))
        self.first = nn.Conv2d(groups * MAPS, groups * MAPS * 4, 3, padding=1, groups=groups)
        self.second = nn.Conv2d(groups * MAPS, groups * colours * 4, 3, padding=1, groups=groups)

    @property
    def inputs(self) -> int:
        """The numbers in a group's maps."""
        return torch.Size(self.map_shape).numel()

    def forward(self, features: Tensor) -> Tensor:
        """(G, N, C * H * W) of features (G, N, inputs)."""
        _, height, width = self.image_shape
        maps = functional.relu(features).transpose(0, 1).reshape(-1, self.groups * MAPS, *self.map_shape[1:])
        maps = functional.relu(functional.pixel_shuffle(self.first(maps), 2))
        images = functional.pixel_shuffle(self.second(maps), 2)[..., :height, :width]
        return images.reshape(len(images), self.groups, -1).transpose(0, 1)


def class_pixel_layer(inputs: int, shape: DataShape) -> nn.Module:
    """The layer from features (K, N, inputs) to pixels (K, N, C * H * W), each class's on its own."""
    if shape.pixels <= DENSE:
        return ClassLinear(shape.num_classes, inputs, shape.pixels)
    convolutions = Convolutions(shape.num_classes, shape.image_shape)
    return nn.Sequential(ClassLinear(shape.num_classes, inputs, convolutions.inputs), convolutions)


class Ungrouped(nn.Module):
    """A layer over groups, for features without any."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, features: Tensor) -> Tensor:
        """(N, outputs) of features (N, inputs)."""
        pixels: Tensor = self.layer(features[None])[0]
        return pixels


def pixel_layer(inputs: int, shape: DataShape) -> nn.Module:
    """The layer from features (N, inputs) to pixels (N, C * H * W)."""
    if shape.pixels <= DENSE:
        return nn.Linear(inputs, shape.pixels)
    convolutions = Convolutions(1, shape.image_shape)
    return nn.Sequential(nn.Linear(inputs, convolutions.inputs), Ungrouped(convolutions))
