"""oneDNN's matrix product with weights laid out for it beforehand, as torch's compiler uses it.

Torch takes products of float32 on a CPU with another library, and those of bfloat16 with weights that it lays out anew
each time. What is called here is no public interface of torch, so it is called from nowhere else, and
`icbench.compute.probe` tries it before it is used.
"""

from typing import Any

import torch
from torch import Tensor

Packed = Tensor
"""A weight in a layout that nothing but oneDNN reads."""


def pack(weight: Tensor) -> Packed:
    """The weight (outputs, inputs) in oneDNN's layout.

    Raises:
        AttributeError: this torch has no such product.
        RuntimeError: it has none for this precision on this processor.
    """
    laid_out: Tensor = _operators()._reorder_linear_weight(weight)
    return laid_out


def product(rows: Tensor, weight: Packed, bias: Tensor | None = None) -> Tensor:
    """`functional.linear` of rows (..., inputs), which torch cannot derive."""
    made: Tensor = _operators()._linear_pointwise(rows, weight, bias, "none", [], "")
    return made


def _operators() -> Any:
    return torch.ops.mkldnn
