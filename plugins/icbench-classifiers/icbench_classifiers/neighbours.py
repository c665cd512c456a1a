"""k nearest neighbours: the training images nearest to an image vote for their classes."""

import torch
from icbench.kinds.classifier import Classifier
from torch import Tensor

PRODUCTS = 2**24
"""Inner products that are held together, 64 MiB in float32, however many images are asked about."""
COINCIDENT = 1e-6
"""Distances below this are as good as 0; keeps the weight of an image that was seen in training finite."""


class KNN(Classifier):
    """k nearest neighbours (Cover & Hart 1967), Euclidean, each vote weighted by 1 / distance (Dudani 1976).

    Args:
        k: how many training images vote; all of them, where there are fewer.
    """

    products_per_image = 1
    """Inner products of one image with every training image."""

    def __init__(self, k: int = 3) -> None:
        self.k = k

    def fit(self, images: Tensor, labels: Tensor, num_classes: int, seed: int) -> None:
        self.points = self.embed(images)
        self.lengths = self.points.square().sum(dim=1)
        self.labels, self.num_classes = labels, num_classes

    def scores(self, images: Tensor) -> Tensor:
        rows = max(1, PRODUCTS // (self.products_per_image * len(self.points)))
        return torch.cat([self._vote(block) for block in torch.split(images, rows)])

    def parameters(self) -> int:
        return self.points.numel()

    def embed(self, images: Tensor) -> Tensor:
        """The points (B, D) whose distances count, of images (B, C, H, W)."""
        return images.flatten(1)

    def squared_distances(self, images: Tensor) -> Tensor:
        """From images (B, C, H, W) to every training image: (B, N)."""
        points = self.embed(images)
        products = torch.addmm(self.lengths, points, self.points.mT, alpha=-2)
        return products.add_(points.square().sum(dim=1, keepdim=True))

    def _vote(self, images: Tensor) -> Tensor:
        nearest = self.squared_distances(images).topk(min(self.k, len(self.points)), largest=False)
        return vote(nearest.values, self.labels[nearest.indices], self.num_classes)


def vote(squared_distances: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Class scores (B, K) of k neighbours: the logarithm of a class's share of the votes.

    Every class has 1 / K of one more vote, so that the score of a class without neighbours is finite; the order of the
    classes stays.

    Args:
        squared_distances: (B, k), the nearest first.
        labels: (B, k), in [0, K).
        num_classes: K.
    """
    # Rounding makes the squared distance of equal images a little negative.
    distances = squared_distances.clamp_min(0).sqrt() + COINCIDENT
    weights = distances[:, :1] / distances
    chosen = labels[:, :, None] == torch.arange(num_classes, device=labels.device)
    shares = (chosen * (weights / weights.sum(dim=1, keepdim=True))[:, :, None]).sum(dim=1)
    count = labels.shape[1]
    return ((count * shares + 1 / num_classes) / (count + 1)).log()
