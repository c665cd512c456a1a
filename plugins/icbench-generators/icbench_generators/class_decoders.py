"""A decoder per class, all in one batched product, and the class vector as their mixture."""

from abc import abstractmethod

import torch
from icbench.compute.products import cached_cast
from icbench.kinds.generator import Generator
from torch import Tensor, nn

EPSILON = 1e-8
"""Keeps a class vector of zeros from being divided by its sum."""


class ClassLinear(nn.Module):
    """K linear layers side by side, one per class.

    Args:
        num_classes: K.
        inputs, outputs: the widths of each layer.
    """

    def __init__(self, num_classes: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = inputs**-0.5  # as `nn.Linear` begins
        self.weight = nn.Parameter(torch.empty(num_classes, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(num_classes, 1, outputs).uniform_(-bound, bound))

    def forward(self, hidden: Tensor) -> Tensor:
        """(K, N, outputs) of (K, N, inputs): row n of class k through layer k."""
        return torch.baddbmm(cached_cast(self.bias), hidden, cached_cast(self.weight))


class ClassDecoders(Generator):
    """A generator whose image is the mixture of K decoders' images, weighted by the class vector.

    At a vertex of the simplex the image is that of the class's decoder. Then the other decoders matter only for the
    gradient of the class vector, and where none is asked for (`exhaustive`, which holds the class vector) a row is
    decoded by its class alone, at a K-th of the cost. Which rows those are is read from the class vector, so on a GPU
    that costs a synchronisation per evaluation. Everywhere else all K decoders run for each row.
    """

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        return self.mix(class_vector, noise).unflatten(1, self.image_shape)

    def mix(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        """The mixture (N, P) of what the decoders make of noise (N, Z), weighted by class vectors (N, K)."""
        weights = mixture_weights(class_vector)
        if not class_vector.requires_grad and bool((class_vector == 1).any(dim=1).all()):
            return self._decode_at_vertices(weights.argmax(dim=1), noise)
        everywhere = self.decode(noise.expand(self.num_classes, *noise.shape)).float()
        return torch.einsum("nk,knp->np", weights, everywhere)

    @abstractmethod
    def decode(self, noise: Tensor) -> Tensor:
        """Pixels (K, N, C * H * W) in [0, 1] of noise (K, N, Z): row n of class k through decoder k."""

    def _decode_at_vertices(self, labels: Tensor, noise: Tensor) -> Tensor:
        """(N, P): rows sorted by class into a (K, most rows of a class, Z) block, decoded, and put back."""
        order = labels.argsort(stable=True)
        counts = (labels[:, None] == torch.arange(self.num_classes, device=labels.device)).sum(dim=0)
        begins = counts.cumsum(0) - counts
        most = int(counts.max())
        slot_of_sorted = torch.arange(len(labels), device=labels.device) - begins[labels[order]] + labels[order] * most
        slot = torch.empty_like(slot_of_sorted).index_copy_(0, order, slot_of_sorted)
        block = noise.new_zeros(self.num_classes * most, self.noise_dim).index_copy(0, slot, noise)
        pixels = self.decode(block.view(self.num_classes, most, self.noise_dim)).float()
        return pixels.flatten(0, 1).index_select(0, slot)


def mixture_weights(class_vector: Tensor) -> Tensor:
    """The class vector as weights (N, K) that are at least 0 and sum to 1, also for points near the simplex."""
    positive = class_vector.float().clamp_min(0)
    return positive / positive.sum(dim=1, keepdim=True).clamp_min(EPSILON)
