"""Weights in the precision of the products they go into, rounded once instead of at every step.

Under autocast torch rounds the weights of a layer each time it is evaluated. An inversion evaluates the same ones some
hundred times, and for a generator that decodes few rows per class rounding takes as long as the product does.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def rounded(weight: Tensor) -> Tensor:
    """A weight as autocast would take it: in its precision where it is on, the weight itself where it is not.

    What is rounded is kept with the weight until that is changed or moved. A weight that takes a gradient, as in
    training, or that has no numbers (on torch's device "meta") is left to autocast.
    """
    kind = weight.device.type
    if weight.requires_grad or weight.is_meta or not torch.is_autocast_enabled(kind):
        return weight
    state = (torch.get_autocast_dtype(kind), weight.device, weight.data_ptr(), weight._version)
    kept: tuple[object, Tensor] | None = getattr(weight, "rounded", None)
    if kept is None or kept[0] != state:
        kept = (state, weight.detach().to(state[0]))
        weight.rounded = kept  # type: ignore[attr-defined]
    return kept[1]


class RoundedLinear(nn.Linear):
    """A linear layer that rounds its weights once while they are frozen; otherwise as torch's."""

    def forward(self, features: Tensor) -> Tensor:
        bias = None if self.bias is None else rounded(self.bias)
        return functional.linear(features, rounded(self.weight), bias)
