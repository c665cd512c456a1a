"""Affine maps with kernels of their own, which torch could not derive by itself."""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

Map: TypeAlias = Callable[[Tensor], Tensor]


class AffineMap(torch.autograd.Function):
    """An affine map of rows with its adjoint given, so that it derives as often as asked, forward and backward.

    Args:
        rows: (N, ...), each mapped by itself.
        there: the map.
        adjoint: of its linear part, which the gradient goes back through.
        linear: its linear part, the adjoint of the adjoint.
    """

    @staticmethod
    def forward(rows: Tensor, there: Map, adjoint: Map, linear: Map) -> Tensor:
        return there(rows)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        _, _, ctx.adjoint, ctx.linear = inputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        arguments = (gradients[0], ctx.adjoint, ctx.linear, ctx.adjoint)
        derived: Tensor = AffineMap.apply(*arguments)
        return derived, None, None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        derived: Tensor = AffineMap.apply(tangents[0], ctx.linear, ctx.adjoint, ctx.linear)
        return derived

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int, None, None, None], rows: Tensor, *maps: Map) -> tuple[Tensor, int]:
        stacked = rows.movedim(in_dims[0], 0)
        mapped: Tensor = AffineMap.apply(stacked.flatten(0, 1), *maps)
        return mapped.reshape(*stacked.shape[:2], *mapped.shape[1:]), 0
