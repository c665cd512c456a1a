"""One LSTM per class that writes an image row by row, as in Modular Inverse Classification (Hobbhahn 2019)."""

from math import prod

import torch
from icbench.builtin.datasets.mnist import MNIST_SHAPE
from icbench.kinds.dataset import DataShape
from icbench.training.weights import read_shape
from torch import Tensor

from icbench_generators.class_decoders import ClassDecoders, ClassLinear, RowMajorSigmoid
from icbench_generators.shipped import load_shipped

PICKS = 4


class RowLSTM(ClassDecoders):
    """An LSTM (Hochreiter and Schmidhuber 1997) for each class, trained on four images of it.

    The input of a class's LSTM is the same at every row: weights over its four training images, the softmax of the
    noise. So Z is 4; noise far along one axis gives that training image, and points between give what the LSTM makes of
    a mixture. Where images have colours, their rows follow each other, a colour after the other.

    Args:
        shape: of the images, and how many classes they are of.
    """

    noise_dim = PICKS
    hidden = 48

    def __init__(self, shape: DataShape = MNIST_SHAPE) -> None:
        super().__init__()
        self.num_classes, self.image_shape = shape.num_classes, shape.image_shape
        self.input = ClassLinear(self.num_classes, PICKS, 4 * self.hidden)
        self.recurrent = ClassLinear(self.num_classes, self.hidden, 4 * self.hidden)
        self.row = ClassLinear(self.num_classes, self.hidden, self.image_shape[2])

    def decode(self, noise: Tensor) -> Tensor:
        return self.rows(noise.softmax(dim=2))

    def rows(self, mixture: Tensor) -> Tensor:
        """Pixels (K, N, C * H * W) for mixtures (K, N, 4) of the training images."""
        constant = self.input(mixture)
        hidden = cell = constant.new_zeros(*mixture.shape[:2], self.hidden)
        written = []
        for _ in range(prod(self.image_shape[:2])):
            gates = constant + self.recurrent(hidden)
            keep, add, out = torch.sigmoid(gates[..., : 3 * self.hidden]).chunk(3, dim=2)
            cell = keep * cell + add * torch.tanh(gates[..., 3 * self.hidden :])
            hidden = out * torch.tanh(cell)
            written.append(self.row(hidden))
        return RowMajorSigmoid.apply(torch.cat(written, dim=2).float())


def load_lstm(picks: str = "centres", weights: str = "", trained_on: str = "") -> RowLSTM:
    """The trained LSTMs, from the shipped weights or from a file that `icbench train lstm` wrote.

    Args:
        picks: the four images of a class: "centres" (the centres of k-means), "nearest" (the training image nearest to
            each centre) or "random" (four training images).
        weights: a safetensors file instead of the shipped one.
        trained_on: the spec of the dataset whose weights are meant; empty for the default one.

    Raises:
        MissingWeightsError: there are none for these.
        IntegrityError: the weights file is unreadable or not the one its training record describes.
    """
    return load_shipped(lambda file: RowLSTM(read_shape(file, MNIST_SHAPE)), "lstm", weights, trained_on, picks=picks)
