"""Generators made ready to be inverted."""

from typing import TypeVar

import torch

from icbench.compute.products import pack_linears
from icbench.kinds.generator import Generator

AnyGenerator = TypeVar("AnyGenerator", bound=Generator)


@torch.no_grad()
def prepare(generator: AnyGenerator, device: torch.device) -> AnyGenerator:
    """The same generator on `device`, in eval mode, folded, without parameter gradients.

    Its linear layers prepare their weights for the products that are fastest here.
    """
    generator.to(device).eval().requires_grad_(False)
    generator.fold()
    pack_linears(generator)
    # Layers that folding has put in begin in training mode, and with parameters that take gradients.
    return generator.eval().requires_grad_(False)
