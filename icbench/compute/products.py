"""Matrix products with weights that stay as they are, prepared once instead of at every step.

An inversion multiplies by the same weights some hundred times. Under autocast torch rounds them each time, which for a
generator that decodes few rows per class takes as long as the product does; and where oneDNN has the faster product
(`icbench.compute.probe`), it wants the weights in a layout of its own.
"""

from functools import cached_property, partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from icbench.compute import onednn
from icbench.compute.affine import AffineMap
from icbench.compute.probe import onednn_pays

SMALL = 2**16
"""Layers of fewer weights win less by another kernel than it costs to call it."""


def pack_linears(module: nn.Module) -> None:
    """Let every `nn.Linear` in a module prepare its weights once; layers of other classes stay as they are.

    The layers, their parameters and their hooks remain the same objects.
    """
    for layer in module.modules():
        if type(layer) is nn.Linear:
            layer.__class__ = PackedLinear


class PackedLinear(nn.Linear):
    """A linear layer that prepares its weights once while they are frozen; otherwise as torch's.

    Change a weight in place or replace it, and it is prepared again.
    """

    prepared: "dict[torch.dtype, _Prepared] | None" = None
    """The weight for oneDNN's product, in each precision that was asked for."""

    def forward(self, features: Tensor) -> Tensor:
        """(..., outputs) of (..., inputs)."""
        if torch.compiler.is_compiling():  # a compiler makes a choice of its own
            return super().forward(features)
        weight = cached_cast(self.weight)
        bias = None if self.bias is None else cached_cast(self.bias)
        if not self._takes_prepared(features, weight):
            return functional.linear(features, weight, bias)
        of = self._prepare(weight)
        there, linear = (partial(onednn.product, weight=of.packed, bias=summand) for summand in (bias, None))
        mapped: Tensor = AffineMap.apply(features.to(weight.dtype), there, of.adjoint, linear)
        return mapped

    def _takes_prepared(self, features: Tensor, weight: Tensor) -> bool:
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

    def _prepare(self, weight: Tensor) -> "_Prepared":
        if self.prepared is None:
            self.prepared = {}
        state, known = _state(weight), self.prepared.get(weight.dtype)
        if known is None or known.state != state:
            known = self.prepared[weight.dtype] = _Prepared(weight.detach(), state)
        return known

    def __getstate__(self) -> dict[str, object]:
        """Without what copies and pickles prepare for themselves."""
        return {name: value for name, value in self.__dict__.items() if name != "prepared"}


class _Prepared:
    """A weight (outputs, inputs) as oneDNN takes it, and its transpose from when a gradient is first asked for.

    Args:
        weight: in the precision of the product.
        state: of the weight.
    """

    def __init__(self, weight: Tensor, state: object) -> None:
        self.weight, self.state = weight, state
        self.packed = onednn.pack(weight)

    @cached_property
    def transposed(self) -> onednn.Packed:
        return onednn.pack(self.weight.t().contiguous())

    def adjoint(self, gradients: Tensor) -> Tensor:
        """(..., inputs) of gradients (..., outputs)."""
        return onednn.product(gradients, self.transposed)


def cached_cast(weight: Tensor) -> Tensor:
    """A weight as autocast would take it: in its precision where it is on, the weight itself where it is not.

    What is rounded is kept with the weight until that is changed or moved. A weight that takes a gradient, as in
    training, or that has no numbers (on torch's device "meta") is left to autocast.
    """
    kind = weight.device.type
    if not _is_frozen(weight) or not torch.is_autocast_enabled(kind):
        return weight
    state = (torch.get_autocast_dtype(kind), *_state(weight))
    kept: tuple[object, Tensor, Tensor] | None = getattr(weight, "cached_cast", None)
    if kept is None or kept[0] != state:
        source = weight.detach()  # kept too, so that no other weight comes to lie at its address
        kept = (state, source.to(state[0]), source)
        weight.cached_cast = kept  # type: ignore[attr-defined]
    return kept[1]


def _is_frozen(weight: Tensor) -> bool:
    """Whether a weight is one that stays, and has numbers: not one that is trained, or made anew for every product."""
    return isinstance(weight, nn.Parameter) and not weight.requires_grad and not weight.is_meta


def _state(weight: Tensor) -> tuple[torch.dtype, torch.device, int, int]:
    """What changes when a weight does."""
    return weight.dtype, weight.device, weight.data_ptr(), weight._version
