"""L-BFGS with a history and a line search for each row, all rows in step."""

from collections.abc import Iterable
from typing import Any

import torch
from icbench.kinds.optimizer import Closure, Optimizer
from torch import Tensor

from icbench_optimizers.latents import Moving, Plane

SUFFICIENT = 1e-4
"""The share of the predicted decrease that a step must reach (Nocedal and Wright 2006, equation 3.6a)."""
SHRINK = (0.1, 0.5)
"""How much shorter the next trial is than one that failed."""
CURVED = 1e-6
"""The least cosine between a step and the change of gradient along it for the pair to be kept."""
SAME = 1e-5
"""How far latents may be from where they were left: the constraint, applied again, moves them by a rounding."""
TINY = 1e-30
"""Keeps a direction of length 0 from being divided by it."""


class LBFGSSteps(torch.optim.Optimizer):
    """One evaluation a step, at a point of each row's own line search; latents are left at their best point so far."""

    def __init__(self, params: Iterable[dict[str, Any]], lr: float, history: int) -> None:
        super().__init__(params, {"lr": lr})
        self.history = history
        self.searched: tuple[str, ...] = ()

    @torch.no_grad()
    def step(self, closure: Closure) -> None:  # type: ignore[override]
        moving = Moving(self.param_groups)
        here = moving.read()
        if moving.names != self.searched:
            self.searched, self.search = moving.names, _Search(here, self.history)
        moving.write(self.search.trial(here))
        self.search.judge(closure(), moving)
        moving.write(self.search.point)


class _Search:
    """The line searches of N rows: the point that each starts from, its direction, and the length to try next.

    Args:
        here: (N, D), where the latents are.
        history: the number of steps to remember.
    """

    def __init__(self, here: Tensor, history: int) -> None:
        self.point, self.gradient, self.direction = here, torch.zeros_like(here), torch.zeros_like(here)
        self.energy = here.new_full((len(here),), torch.inf)
        self.length = torch.ones_like(self.energy)
        self.fresh = torch.ones_like(self.energy, dtype=torch.bool)
        self.memory = _Memory(here, history)

    def trial(self, here: Tensor) -> Tensor:
        """Where to evaluate: further down the line, or first the place that a row was moved to by others."""
        self.fresh |= (here - self.point).abs().amax(dim=1) > SAME
        self.point = here
        return torch.where(self.fresh[:, None], here, here + self.length[:, None] * self.direction)

    def judge(self, energy: Tensor, moving: Moving) -> None:
        """Take the trial, as the constraint left it, where its energy (N,) is low enough; else shorten the next."""
        reached, gradient = moving.read(), moving.plane().project(moving.gradient())
        step, change = reached - self.point, gradient - self.gradient
        slope = _dot(self.gradient, step).clamp(max=0)
        taken = self.fresh | (energy < self.energy + SUFFICIENT * slope)
        shorter = self.length * _lowest(slope, energy - self.energy).clamp(*SHRINK)
        self.memory.add(step, change, moving.rates(), taken & ~self.fresh)
        self.point = torch.where(taken[:, None], reached, self.point)
        self.gradient = torch.where(taken[:, None], gradient, self.gradient)
        self.energy = torch.where(taken, energy, self.energy)
        self.fresh = torch.zeros_like(self.fresh)
        direction = self._descent(moving.tangent(self.point, self.gradient), moving.rates())
        self.direction = torch.where(taken[:, None], direction, self.direction)
        self.length = torch.where(taken, 1.0, shorter)

    def _descent(self, tangent: Plane, rates: Tensor) -> Tensor:
        """The quasi-Newton direction within the simplex, or down the gradient where that goes up; at most `lr` long."""
        gradient = tangent.project(self.gradient)
        direction = tangent.project(self.memory.direction(gradient, rates))
        down = _dot(direction, gradient) < 0
        direction = torch.where(down[:, None], direction, -rates * gradient)
        unit = 1 / _length(direction / rates).clamp(min=TINY)
        shrunk = torch.where(down & self.memory.known, unit.clamp(max=1), unit)
        return torch.where(direction.isfinite().all(dim=1, keepdim=True), shrunk[:, None] * direction, 0.0)


class _Memory:
    """The last steps of N rows and how the gradient changed along them: an estimate of each row's inverse Hessian."""

    def __init__(self, like: Tensor, size: int) -> None:
        self.steps, self.changes = like.new_zeros(size, *like.shape), like.new_zeros(size, *like.shape)
        self.weights = like.new_zeros(size, len(like))
        self.scale = like.new_ones(len(like))

    @property
    def known(self) -> Tensor:
        """The rows that remember a step: (N,) bool."""
        return self.weights[0] > 0

    def add(self, step: Tensor, change: Tensor, rates: Tensor, wanted: Tensor) -> None:
        """Remember steps (N, D) of the wanted rows (N,), where the energy curves up along them."""
        product = _dot(step, change)
        kept = wanted & (product > CURVED * _length(step) * _length(change))
        self.steps = _push(self.steps, step, kept[:, None])
        self.changes = _push(self.changes, change, kept[:, None])
        self.weights = _push(self.weights, 1 / product, kept)
        self.scale = torch.where(kept, product / _dot(change, rates * change), self.scale)

    def direction(self, gradient: Tensor, rates: Tensor) -> Tensor:
        """Minus the inverse Hessian times the gradient, by two loops (Nocedal and Wright 2006, algorithm 7.4).

        The first estimate of the inverse Hessian is in proportion to the rates (D,).
        """
        left, shares = gradient, []
        pairs = list(zip(self.steps, self.changes, self.weights, strict=True))
        for step, change, weight in pairs:
            shares.append(weight * _dot(step, left))
            left = left - shares[-1][:, None] * change
        left = self.scale[:, None] * rates * left
        for (step, change, weight), share in zip(reversed(pairs), reversed(shares), strict=True):
            left = left + (share - weight * _dot(change, left))[:, None] * step
        return -left


def _lowest(slope: Tensor, rise: Tensor) -> Tensor:
    """Where a parabola through 0 with this slope there, and this rise at 1, is lowest; 0 where that is no number."""
    return (-slope / (2 * (rise - slope))).nan_to_num(0.0, 0.0, 0.0)


def _push(stack: Tensor, newest: Tensor, rows: Tensor) -> Tensor:
    return torch.where(rows, torch.cat([newest[None], stack[:-1]]), stack)


def _dot(left: Tensor, right: Tensor) -> Tensor:
    return (left * right).sum(dim=1)


def _length(vector: Tensor) -> Tensor:
    return vector.square().sum(dim=1).sqrt()


def lbfgs(lr: float, history: int) -> Optimizer:
    """L-BFGS (Liu and Nocedal 1989) with backtracking, in which every row has its own history and step lengths.

    A step is one evaluation of energy and gradient for all rows; a row whose trial fails tries a shorter one at the
    next step, while others go on. So no row waits for another, and all rows cost the same.

    Args:
        lr: the length of the first step and of the longest; the rates are the proportions of the first.
        history: how many steps a row remembers.
    """
    return Optimizer(LBFGSSteps, lr, history=history)
