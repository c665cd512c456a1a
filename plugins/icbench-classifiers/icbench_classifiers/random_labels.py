"""A control that knows nothing: whatever beats chance with it has been told the answers."""

import torch
from torch import Tensor

from icbench_classifiers.neighbours import KNN


class RandomLabels(KNN):
    """1-NN fitted to labels in random order, which no image says anything about (Zhang et al. 2017, section 2.2).

    Its accuracy must be that of chance, the sum over classes of the shares in training and evaluation, multiplied. Of
    the classifiers here 1-NN answers images most independently of each other, so that accuracy varies little.
    """

    def __init__(self) -> None:
        super().__init__(k=1)

    def fit(self, images: Tensor, labels: Tensor, num_classes: int, seed: int) -> None:
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
        super().fit(images, labels[order.to(labels.device)], num_classes, seed)
