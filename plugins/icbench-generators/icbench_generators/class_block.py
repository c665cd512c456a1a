"""A class vector in blocks: what a class's block points to is the image, its size is the class."""

import torch
from icbench.builtin.datasets.mnist import MNIST_SHAPE
from icbench.kinds.dataset import DataShape
from torch import Tensor

from icbench_generators.class_decoders import EPSILON, mixture_weights
from icbench_generators.class_vae import ClassVAE
from icbench_generators.shipped import shipped_loader


class ClassBlock(ClassVAE):
    """A generator whose only input is the class vector, which has a block of entries for each class.

    The class is the block's norm (the sum, on a simplex), as capsules have it in their length (Sabour, Frosst and
    Hinton 2017). Divided by its norm, a block is a point on a simplex of its own: the code of the class's decoder. The
    image is the mixture of the classes' images, weighted by the norms.

    Args:
        types: entries of a block, which is the length of a code.
        shape: of the images, and how many classes they are of.
    """

    hidden = (96, 160)
    trunk = (256, 96)

    def __init__(self, types: int, shape: DataShape = MNIST_SHAPE) -> None:
        super().__init__(types, shape)
        self.modes_per_class, self.noise_dim = types, 0

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        blocks = class_vector.float().clamp_min(0).unflatten(1, (self.num_classes, self.modes_per_class))
        # The empty noise is added so that it has a gradient, if an empty one, when a schedule moves it.
        norms = blocks.sum(dim=2) + noise.float().sum(dim=1, keepdim=True)
        codes = blocks / norms.clamp_min(EPSILON)[:, :, None]
        everywhere = self.decode(codes.transpose(0, 1)).float()
        return torch.einsum("nk,knp->np", mixture_weights(norms), everywhere).unflatten(1, self.image_shape)

    def encode(self, images: Tensor) -> None:
        """None: there is no noise to start from."""

    def error_calibration(self, class_vector: Tensor) -> None:
        """None: no residuals are fitted."""


load_class_block = shipped_loader(ClassBlock, "class-block")
