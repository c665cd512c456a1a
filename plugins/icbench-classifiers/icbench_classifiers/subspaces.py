"""Nearest class subspace: principal components of each class's images alone."""

import torch
from icbench.kinds.classifier import Classifier
from torch import Tensor


class NearestSubspace(Classifier):
    """The class whose affine subspace is nearest: its mean and leading principal directions.

    The class-wise principal component analysis of Watanabe's CLAFIC (1967), around the class's mean as in Hinton, Dayan
    & Revow (1997, section II). A class's score is minus the squared distance from its subspace. It is what inverting
    ten linear generators exactly, one per class, comes to.

    Args:
        dimensions: principal directions per class; one less than it has images, or as many as there are pixels, where
            that is fewer. 0 is the nearest class mean.
    """

    def __init__(self, dimensions: int = 23) -> None:
        self.dimensions = dimensions

    def fit(self, images: Tensor, labels: Tensor, num_classes: int, seed: int) -> None:
        flat = images.flatten(1)
        self.subspaces = [subspace(flat[labels == number], self.dimensions) for number in range(num_classes)]

    def scores(self, images: Tensor) -> Tensor:
        flat = images.flatten(1)
        return torch.stack([-squared_residuals(flat, mean, basis) for mean, basis in self.subspaces], dim=1)

    def parameters(self) -> int:
        return sum(mean.numel() + basis.numel() for mean, basis in self.subspaces)


def subspace(rows: Tensor, dimensions: int) -> tuple[Tensor, Tensor]:
    """The mean (P,) of rows (N, P), and orthonormal columns (P, D) along which they vary most."""
    mean = rows.mean(dim=0)
    _, _, directions = torch.linalg.svd(rows - mean, full_matrices=False)
    # Centred rows span one direction less than there are of them: the last one would be arbitrary.
    return mean, directions[: min(dimensions, len(rows) - 1)].mT.contiguous()


def squared_residuals(rows: Tensor, mean: Tensor, basis: Tensor) -> Tensor:
    """(B,), how far rows (B, P) are from the subspace, squared."""
    centred = rows - mean
    return centred.square().sum(dim=1) - (centred @ basis).square().sum(dim=1)
