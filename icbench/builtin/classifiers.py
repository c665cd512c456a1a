"""Two baselines without parameters to tune."""

import torch
from torch import Tensor

from icbench.kinds.classifier import Classifier


class NearestNeighbour(Classifier):
    """1-NN (Cover & Hart 1967): a class's score is minus the squared distance to its nearest training image."""

    def fit(self, images: Tensor, labels: Tensor, num_classes: int, seed: int) -> None:
        flat = images.flatten(1)
        self.classes = [flat[labels == number] for number in range(num_classes)]

    def scores(self, images: Tensor) -> Tensor:
        flat = images.flatten(1)
        return torch.stack([-_squared_distances(flat, rows).amin(dim=1) for rows in self.classes], dim=1)

    def parameters(self) -> int:
        return sum(rows.numel() for rows in self.classes)


class ClassMean(Classifier):
    """A class's score is minus the squared distance to the mean of its training images."""

    def fit(self, images: Tensor, labels: Tensor, num_classes: int, seed: int) -> None:
        flat = images.flatten(1)
        self.means = torch.stack([flat[labels == number].mean(dim=0) for number in range(num_classes)])

    def scores(self, images: Tensor) -> Tensor:
        return -_squared_distances(images.flatten(1), self.means)

    def parameters(self) -> int:
        return self.means.numel()


def _squared_distances(images: Tensor, others: Tensor) -> Tensor:
    """(B, M) from (B, D) and (M, D), by one matrix product."""
    # May be less than 0 by a rounding, which the order of distances does not mind.
    lengths = images.square().sum(dim=1, keepdim=True) + others.square().sum(dim=1)
    return lengths - 2 * images @ others.T
