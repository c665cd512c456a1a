"""Class decoders trained so that the wrong class reconstructs badly: a discriminative energy (LeCun et al. 2006)."""

from itertools import pairwise

from icbench.builtin.datasets.mnist import MNIST_SHAPE
from icbench.kinds.dataset import DataShape
from torch import Tensor, nn
from torch.nn import functional

from icbench_generators.class_vae import ClassVAE
from icbench_generators.shipped import shipped_loader


class Contrastive(ClassVAE):
    """`ClassVAE` with smaller decoders, and with convolutions before the layers that the encoders share.

    In training, labels did more than choose a decoder; so its entries are in a tier of their own.

    Args:
        noise_dim: Z, the length of the noise vector.
        shape: of the images, and how many classes they are of.
    """

    hidden = (160, 224)
    trunk = (192,)
    channels = (16, 32)

    def __init__(self, noise_dim: int, shape: DataShape = MNIST_SHAPE) -> None:
        super().__init__(noise_dim, shape)
        widths = (self.image_shape[0], *self.channels)
        self.convolutions = nn.ModuleList(nn.Conv2d(*pair, 5, stride=2, padding=2) for pair in pairwise(widths))

    @property
    def encoder_inputs(self) -> int:
        height, width = (-(-side // 2 ** len(self.channels)) for side in self.image_shape[1:])
        return self.channels[-1] * height * width

    def features(self, images: Tensor) -> Tensor:
        hidden = images
        for layer in self.convolutions:
            hidden = functional.relu(layer(hidden))
        return super().features(hidden)


load_contrastive = shipped_loader(Contrastive, "contrastive")
