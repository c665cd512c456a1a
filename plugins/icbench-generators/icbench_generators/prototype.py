"""A generator whose only input is the class vector: it mixes one prototype image per class."""

from math import prod

import torch
from icbench.kinds.generator import Generator
from torch import Tensor, nn

from icbench_generators.class_decoders import mixture_weights
from icbench_generators.shipped import load_shipped


class Prototype(Generator):
    """The class vector, times a matrix of K prototypes.

    It answers what the class vector alone can explain: with `exhaustive` it is the nearest prototype, with `joint` the
    nearest point of the prototypes' convex hull.
    """

    num_classes = 10
    noise_dim = 0
    image_shape = (1, 28, 28)

    def __init__(self) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(torch.zeros(self.num_classes, prod(self.image_shape)))

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        # The empty noise is joined on so that it has a gradient, if an empty one, when a schedule moves it.
        weights = torch.cat([mixture_weights(class_vector), noise.float()], dim=1)
        return (weights @ self.prototypes).float().clamp(0, 1).unflatten(1, self.image_shape)


def load_prototype(weights: str = "") -> Prototype:
    """The prototypes, from the shipped weights or from a file that `icbench train prototype` wrote.

    Args:
        weights: a safetensors file instead of the shipped one.

    Raises:
        IntegrityError: the weights file is unreadable or not the one its training record describes.
    """
    return load_shipped(Prototype, "prototype", weights)
