"""Matrix products with weights that stay as they are, prepared once instead of at every step.

An inversion multiplies by the same weights some hundred times. Under autocast torch rounds them each time, which for a
generator that decodes few rows per class takes as long as the product does; and where oneDNN has the faster product
(`icbench.probe`), it wants the weights in a layout of its own.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from icbench import onednn
from icbench.affine import AffineMap
from icbench.probe import onednn_pays

SMALL = 2**16
"""Layers of fewer weights win less by another kernel than it costs to call it."""


def freeze_linears(module: nn.Module) -> None:
    """Let every `nn.Linear` in a module prepare its weights once; layers of other classes stay as they are.

    The layers, their parameters and their hooks remain the same objects.
    """
    for layer in module.modules():
        if type(layer) is nn.Linear:
            layer.__class__ = FrozenLinear


class FrozenLinear(nn.Linear):
    """A linear layer that prepares its weights once while they are frozen; otherwise as torch's.

    Change a weight in place or replace it, and it is prepared again.
    """

    kept: "tuple[object, _Packed] | None" = None
    """The weight as oneDNN takes it, and the state of the weight that this was made of."""

    def forward(self, features: Tensor) -> Tensor:
        """(..., outputs) of (..., inputs)."""
        if torch.compiler.is_compiling():  # a compiler makes a choice of its own
            return super().forward(features)
        weight = rounded(self.weight)
        bias = None if self.bias is None else rounded(self.bias)
        if not self._takes_packed(features, weight):
            return functional.linear(features, weight, bias)
        product = self._packed(weight)
        there = partial(onednn.product, weight=product.weight, bias=bias)
        linear = partial(onednn.product, weight=product.weight)
        adjoint = partial(onednn.product, weight=product.transposed)
        mapped: Tensor = AffineMap.apply(features.to(weight.dtype), there, adjoint, linear)
        return mapped

    def _takes_packed(self, features: Tensor, weight: Tensor) -> bool:
        """Whether the product is to be oneDNN's."""
        return (
            weight.device.type == "cpu"
            and weight.numel() >= SMALL
            and features.ndim >= 2
            and features.numel() > 0
            and _is_frozen(self.weight)
            and not (self.bias is not None and self.bias.requires_grad)
            and (features.dtype is weight.dtype or torch.is_autocast_enabled("cpu"))
            and onednn_pays(weight.dtype)
        )

    def _packed(self, weight: Tensor) -> "_Packed":
        state = _state(weight)
        if self.kept is None or self.kept[0] != state:
            weight = weight.detach()
            self.kept = (state, _Packed(onednn.packed(weight), onednn.packed(weight.t().contiguous())))
        return self.kept[1]

    def __getstate__(self) -> dict[str, object]:
        """Without what is prepared, which copies and pickles prepare for themselves."""
        return {name: value for name, value in self.__dict__.items() if name != "kept"}


@dataclass(frozen=True)
class _Packed:
    """A weight (outputs, inputs) and its transpose, as oneDNN takes them."""

    weight: onednn.Packed
    transposed: onednn.Packed


def rounded(weight: Tensor) -> Tensor:
    """A weight as autocast would take it: in its precision where it is on, the weight itself where it is not.

    What is rounded is kept with the weight until that is changed or moved. A weight that takes a gradient, as in
    training, or that has no numbers (on torch's device "meta") is left to autocast.
    """
    kind = weight.device.type
    if not _is_frozen(weight) or not torch.is_autocast_enabled(kind):
        return weight
    state = (torch.get_autocast_dtype(kind), *_state(weight))
    kept: tuple[object, Tensor] | None = getattr(weight, "rounded", None)
    if kept is None or kept[0] != state:
        kept = (state, weight.detach().to(state[0]))
        weight.rounded = kept  # type: ignore[attr-defined]
    return kept[1]


def _is_frozen(weight: Tensor) -> bool:
    """Whether a weight is one that stays, and has numbers: not one that is trained, or made anew for every product."""
    return isinstance(weight, nn.Parameter) and not weight.requires_grad and not weight.is_meta


def _state(weight: Tensor) -> tuple[torch.dtype, torch.device, int, int]:
    """What changes when a weight does."""
    return weight.dtype, weight.device, weight.data_ptr(), weight._version
