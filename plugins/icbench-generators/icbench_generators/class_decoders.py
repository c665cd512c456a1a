"""A decoder per class, all in one batched product, and the class vector as their mixture."""

from abc import abstractmethod
from typing import Any

import torch
from icbench.compute.products import cached_cast
from icbench.kinds.generator import Generator
from torch import Tensor, nn

from icbench_generators.class_rows import resting_rows

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


class RowMajorSigmoid(torch.autograd.Function):
    """The sigmoid (K, N, P) of (K, N, P) in float32, which lies in memory row by row, all classes of a row together.

    So do the images of an exhaustive batch, which are then made in place instead of copied there.
    """

    @staticmethod
    def forward(logits: Tensor) -> Tensor:
        classes, _, pixels = logits.shape
        made = logits.new_empty_strided(logits.shape, (pixels, classes * pixels, 1))
        return torch.sigmoid(logits, out=made)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        [made] = ctx.saved_tensors
        derived: Tensor = torch.ops.aten.sigmoid_backward(gradients[0], made)
        return derived

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
        [made] = ctx.saved_tensors
        return tangents[0] * made * (1 - made)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int], logits: Tensor) -> tuple[Tensor, int]:
        return torch.sigmoid(logits), in_dims[0]


class ClassDecoders(Generator):
    """A generator whose image is the mixture of K decoders' images, weighted by the class vector.

    At a vertex of the simplex the image is that of the class's decoder. Then the other decoders matter only for the
    gradient of the class vector, and where none is asked for (`exhaustive`, which holds the class vector) a row is
    decoded by its class alone, at a K-th of the cost (`resting_rows`). Everywhere else all K decoders run for each row.
    """

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        return self.mix(class_vector, noise).unflatten(1, self.image_shape)

    def mix(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        """The mixture (N, P) of what the decoders make of noise (N, Z), weighted by class vectors (N, K)."""
        rows = resting_rows(class_vector)
        if rows is not None:
            return rows.put_back(self.decode(rows.by_class(noise)).float())
        everywhere = self.decode(noise.expand(self.num_classes, *noise.shape)).float()
        return torch.einsum("nk,knp->np", mixture_weights(class_vector), everywhere)

    @abstractmethod
    def decode(self, noise: Tensor) -> Tensor:
        """Pixels (K, N, C * H * W) in [0, 1] of noise (K, N, Z): row n of class k through decoder k."""


def mixture_weights(class_vector: Tensor) -> Tensor:
    """The class vector as weights (N, K) that are at least 0 and sum to 1, also for points near the simplex."""
    positive = class_vector.float().clamp_min(0)
    return positive / positive.sum(dim=1, keepdim=True).clamp_min(EPSILON)
