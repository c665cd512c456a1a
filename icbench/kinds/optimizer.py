"""What an optimizer is: a way to build a `torch.optim.Optimizer` over the latents."""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

Build: TypeAlias = Callable[..., torch.optim.Optimizer]


class Optimizer:
    """Any `torch.optim.Optimizer` class, over two parameter groups named `class_vector` and `noise`.

    A step must treat every row of a latent alone: keep state per element or per row, and never mix rows, so that an
    image's path does not depend on its batch mates. Each step is called with a closure that returns the energies (N,)
    and leaves the gradients in place; an optimizer that needs several evaluations a step calls it several times, and
    the engine counts each. A latent that rests at a step has no gradient, which torch's optimizers skip.

    Args:
        cls: the optimizer class.
        lr: the learning rate at relative rate 1.
        options: further keywords of `cls`, such as `betas`.
    """

    def __init__(self, cls: type[torch.optim.Optimizer], lr: float, **options: Any) -> None:
        self.cls = cls
        self.lr = lr
        self.options = options

    def over(self, class_vector: Tensor, noise: Tensor) -> torch.optim.Optimizer:
        """A fresh optimizer over latents (N, K) and (N, Z), each its own parameter group with its own rate."""
        groups: list[dict[str, Any]] = [
            {"params": [class_vector], "lr": self.lr, "name": "class_vector"},
            {"params": [noise], "lr": self.lr, "name": "noise"},
        ]
        build: Build = self.cls
        return build(groups, lr=self.lr, **self.options)
