"""The nearest neighbour by any distance that is registered: what a distance is worth without an inversion."""

from collections.abc import Mapping

import torch
from icbench.kinds.classifier import Classifier
from icbench.plugins.component import Selection
from icbench.plugins.manager import plugin_manager
from torch import Tensor

PAIRS = 2048
"""Pairs of images that are compared together."""
BEHIND = 1.0
"""How much farther than the farthest candidate a class without one is."""


class RerankedNeighbour(Classifier):
    """1-NN by a distance of icbench, among the training images that are nearest in the Euclidean one.

    Beside an inversion with the same distance it tells a good distance from a good inversion. Only candidates are
    compared, as is usual for distances that cost more than an inner product (Keysers et al. 2007 take 500).

    Args:
        distance: the spec of a distance.
        candidates: how many training images are compared with each image.

    Raises:
        UsageError: there is no such distance.
    """

    def __init__(self, distance: str = "mse", candidates: int = 300) -> None:
        self.selection = plugin_manager().select("distance", distance)
        self.distance = self.selection.build()
        self.candidates = candidates

    def fit(self, images: Tensor, labels: Tensor, num_classes: int, seed: int) -> None:
        self.images, self.labels, self.num_classes = images, labels, num_classes
        self.lengths = images.flatten(1).square().sum(dim=1)

    def scores(self, images: Tensor) -> Tensor:
        count = min(self.candidates, len(self.images))
        return torch.cat([self._scores(block, count) for block in torch.split(images, max(1, PAIRS // count))])

    def components(self) -> Mapping[str, Selection]:
        return {"distance": self.selection}

    def parameters(self) -> int:
        return self.images.numel()

    def _scores(self, images: Tensor, count: int) -> Tensor:
        products = torch.addmm(self.lengths, images.flatten(1), self.images.flatten(1).mT, alpha=-2)
        nearest = products.topk(count, largest=False).indices
        compared = self.distance(self.images[nearest.flatten()], images.repeat_interleave(count, dim=0))
        distances = compared.view(nearest.shape)
        least = (distances.amax(dim=1, keepdim=True) + BEHIND).repeat(1, self.num_classes)
        return -least.scatter_reduce_(1, self.labels[nearest], distances, "amin")
