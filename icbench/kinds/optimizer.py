"""What an optimizer is: a way to build a `torch.optim.Optimizer` over the latents, and what its steps may ask for."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor

Build: TypeAlias = Callable[..., torch.optim.Optimizer]
"""What makes an optimizer of parameter groups and keywords: its class."""


@dataclass(frozen=True)
class Linearisation:
    """The energies near the current latents, to second order: exact for the prior, Gauss-Newton for the distance.

    The D coordinates are those of the latents that move, in the order of the parameter groups.

    Args:
        energy: (N,).
        residuals: (N, R), of a distance that is half their squared length.
        jacobian: (N, R, D), the residuals' derivative.
        prior_gradient: (N, D), the derivative of the schedule's prior; zero where it has none.
        prior_curvature: (N, D, D), its second derivative, which need not be positive.
    """

    energy: Tensor
    residuals: Tensor
    jacobian: Tensor
    prior_gradient: Tensor
    prior_curvature: Tensor

    @property
    def gradient(self) -> Tensor:
        """The energies' derivative: (N, D)."""
        return torch.einsum("nrd,nr->nd", self.jacobian, self.residuals) + self.prior_gradient

    @property
    def curvature(self) -> Tensor:
        """The energies' second derivative without the residuals' own: (N, D, D)."""
        return self.jacobian.mT @ self.jacobian + self.prior_curvature


class Closure(ABC):
    """What the engine hands to a step, over N rows, one for each hypothesis of each image.

    Each method evaluates the latents as they are. First it puts their class vectors back on the simplex, in place, as
    the schedule has it: every energy is that of latents that a run may end with, so an optimizer that tries a point
    reads afterwards what became of it. Evaluations are counted for all rows alike; how many a step makes must
    therefore not depend on the rows' numbers.
    """

    @abstractmethod
    def __call__(self) -> Tensor:
        """The energies (N,), leaving gradients in the latents that move: one forward, one backward evaluation."""

    @abstractmethod
    def energy(self) -> Tensor:
        """The energies (N,) alone: one forward evaluation."""

    @abstractmethod
    def linearise(self) -> Linearisation:
        """The energies to second order; only for an optimizer that declares `linearises`.

        One forward and 1 + D backward evaluations: a Jacobian's column costs as much as a gradient.
        """

    @abstractmethod
    def normal(self, count: int) -> Tensor:
        """Fresh N(0, 1) numbers (N, count), different at each call, from a row's seed, image, restart and step alone.

        Neither the batch nor the device changes them, by more than the rounding of a logarithm and a cosine. They are
        the only random numbers that a step may use; an optimizer that does so declares the trait `stochastic`.
        """


class Optimizer:
    """Any `torch.optim.Optimizer` class, over two parameter groups named `class_vector` and `noise`.

    A step must treat every row of a latent alone: keep state per element or per row, and never mix rows, so that an
    image's path does not depend on its batch mates. Each step is called with a `Closure`; to a class that was not
    written for icbench it is the closure that torch knows. An optimizer that needs several evaluations a step makes
    them, and the engine counts each. A latent that rests at a step has rate 0 and no gradient, which torch's optimizers
    skip.

    One with methods `train` and `eval`, as schedule-free ones have, is put into the one mode before each step and into
    the other after it: what is read of the latents is what `eval` leaves. Gradients come without a graph of their own,
    so an optimizer that differentiates them again is refused before a run.

    Args:
        cls: the optimizer class.
        lr: the learning rate at relative rate 1.
        options: further keywords of `cls`, such as `betas`.
    """

    linearises: ClassVar[bool] = False
    """Whether its steps call `Closure.linearise`; a run then needs a distance that is a `LeastSquares`."""

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


def has_modes(optimizer: torch.optim.Optimizer) -> bool:
    """Whether it keeps other latents while it steps than those to be read, and switches by `train()` and `eval()`."""
    return all(callable(getattr(optimizer, mode, None)) for mode in ("train", "eval"))
