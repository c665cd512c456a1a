"""Gradients against central differences, tolerant of kinks and rounding but not of a wrong formula."""

from collections.abc import Callable

import torch
from torch import Tensor

from icbench.testing.assertions import expect
from icbench.testing.synthetic import normal

Function = Callable[[Tensor], Tensor]

DIRECTIONS = 4
STEPS = {torch.float32: (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4), torch.float64: (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)}
ERROR = 0.02
"""A directional derivative may differ by so much of itself."""
SHARE = 0.75
"""So many of them must agree: a step across a kink, of a ReLU or of a minimum, spoils some."""
SMALL = 0.05
"""Inputs whose mean size is below this are varied by less."""
NEGLIGIBLE = 0.01
"""A derivative below this share of the typical one counts as that large: rounding hides it."""


def expect_gradient(function: Function, at: Tensor, what: str) -> None:
    """Let autograd's gradient agree with central differences.

    Args:
        function: (B, ...) to (B,), each row depending on its own row only; in float64 if it takes and returns that.
        at: (B, ...) float32, where.
        what: of what it is the gradient, for the message.

    Raises:
        AssertionError: they agree in fewer than `SHARE` of some random directions.
    """
    point = at.double() if _takes_float64(function, at) else at
    agreeing, worst = _agreement(function, point)
    expect(
        agreeing >= SHARE,
        f"the gradient of {what} disagrees with central differences in {1 - agreeing:.0%} of the directions tried: "
        f"{worst[0]:.4g} by autograd, {worst[1]:.4g} by differences",
    )


def gradient_at(function: Function, at: Tensor) -> Tensor:
    """The gradient of the sum of the function's values, of the shape of `at`; zero if it does not depend on it."""
    point = at.detach().clone().requires_grad_()
    values = function(point)
    if not values.requires_grad:
        return torch.zeros_like(point)
    (gradient,) = torch.autograd.grad(values.sum(), point, allow_unused=True)
    return torch.zeros_like(point) if gradient is None else gradient


def expect_own_row_only(function: Callable[[Tensor], Tensor], at: Tensor, what: str) -> None:
    """Let the first row of the result depend on the first row of the input alone.

    Args:
        function: (B, ...) to (B, ...).
        at: (B, ...), B of 2 or more.
        what: what the rows are, for the message.

    Raises:
        AssertionError: its gradient in another row is not 0.
    """
    gradient = gradient_at(lambda point: function(point)[:1].sum().view(1), at)
    expect(not gradient[1:].any(), f"the result of the first {what} has a gradient in another's row")


def _takes_float64(function: Function, at: Tensor) -> bool:
    try:
        with torch.no_grad():
            return function(at.double()).dtype is torch.float64
    except (RuntimeError, TypeError, AssertionError):
        return False


def _agreement(function: Function, point: Tensor) -> tuple[float, tuple[float, float]]:
    """The share of rows and directions that agree, and the two derivatives of the worst."""
    gradient = gradient_at(function, point)
    # Where numbers are small, as the shares of many entries are, steps are as much smaller.
    scale = min(1.0, float(point.abs().mean()) / SMALL) or 1.0
    directions = [scale * normal(*point.shape, seed=seed).to(point.dtype) for seed in range(DIRECTIONS)]
    exact = torch.stack([_dot(gradient, direction) for direction in directions]).double()
    differences = torch.stack(
        [_best_differences(function, point, d, e) for d, e in zip(directions, exact, strict=True)]
    )
    size = torch.maximum(exact.abs(), differences.abs())
    error = (exact - differences).abs() / size.clamp_min(NEGLIGIBLE * size.median()).clamp_min(1e-12)
    # Not a number is no agreement.
    agreeing = (error <= ERROR).double().mean().item()
    worst = int(torch.nan_to_num(error, nan=torch.inf).argmax())
    return agreeing, (exact.flatten()[worst].item(), differences.flatten()[worst].item())


@torch.no_grad()
def _best_differences(function: Function, point: Tensor, direction: Tensor, exact: Tensor) -> Tensor:
    """The central differences (B,) along a direction, of the step size that agrees best with the exact derivatives."""
    tried = torch.stack(
        [
            (function(point + step * direction).double() - function(point - step * direction).double()) / (2 * step)
            for step in STEPS[point.dtype]
        ]
    )
    nearest = (tried - exact).abs().nan_to_num(nan=torch.inf).argmin(dim=0)
    return tried.gather(0, nearest[None])[0]


def _dot(first: Tensor, second: Tensor) -> Tensor:
    return (first * second).flatten(1).sum(dim=1)
