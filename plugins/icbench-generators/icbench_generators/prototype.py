"""A generator whose only input is the class vector: it mixes prototype images, one or several of each class."""

import torch
from icbench.builtin.datasets.mnist import MNIST_SHAPE
from icbench.kinds.dataset import DataShape
from icbench.kinds.generator import Generator
from torch import Tensor, nn

from icbench_generators.class_decoders import mixture_weights
from icbench_generators.shipped import shipped_loader


class Prototype(Generator):
    """The class vector, times a matrix of prototypes.

    It answers what the class vector alone can explain: with `exhaustive` it is the nearest prototype, with `joint` the
    nearest point of the prototypes' convex hull. Several prototypes of a class are the "types" of Hobbhahn (2020): the
    class vector says which an image is made of, and the class with the largest share is read.

    Args:
        types: prototypes per class.
        shape: of the images, and how many classes they are of.
    """

    noise_dim = 0

    def __init__(self, types: int = 1, shape: DataShape = MNIST_SHAPE) -> None:
        super().__init__()
        self.num_classes, self.image_shape = shape.num_classes, shape.image_shape
        self.modes_per_class = types
        self.prototypes = nn.Parameter(torch.zeros(self.class_dim, shape.pixels))

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        # The empty noise is joined on so that it has a gradient, if an empty one, when a schedule moves it.
        weights = torch.cat([mixture_weights(class_vector), noise.float()], dim=1)
        return (weights @ self.prototypes).float().clamp(0, 1).unflatten(1, self.image_shape)


load_prototype = shipped_loader(Prototype, "prototype")
