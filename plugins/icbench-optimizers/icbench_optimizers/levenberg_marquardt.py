"""Levenberg-Marquardt: Gauss-Newton steps with a damping for each row."""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from icbench.kinds.optimizer import Closure, Linearisation, Optimizer
from torch import Tensor

from icbench_optimizers.latents import Moving

DAMPING_RANGE = (1e-7, 1e7)
"""Keeps a damping finite and above 0, however often it falls or rises."""


class LevenbergMarquardtSteps(torch.optim.Optimizer):
    """Steps that solve (curvature + damping / lr) * step = -gradient, of the damping that lowers the energy most."""

    def __init__(self, params: Iterable[dict[str, Any]], lr: float, trials: int, factor: float) -> None:
        super().__init__(params, {"lr": lr})
        self.trials, self.factor = trials, factor
        latent = self.param_groups[0]["params"][0]
        self.damping = latent.new_ones(len(latent))

    @torch.no_grad()
    def step(self, closure: Closure) -> None:  # type: ignore[override]
        moving = Moving(self.param_groups)
        linear = closure.linearise()
        start = best = moving.read()
        gradient, curvature = _within_simplex(linear, moving, start)
        lowest, kept, tried = linear.energy, self.damping * self.factor**self.trials, self.damping / self.factor
        for _ in range(self.trials):
            damped = curvature + torch.diag_embed(tried[:, None] / moving.rates())
            moving.write(start + solve(damped, -gradient))
            energy = closure.energy()
            lower = energy < lowest
            lowest, kept = torch.where(lower, energy, lowest), torch.where(lower, tried, kept)
            best = torch.where(lower[:, None], moving.read(), best)
            tried = tried * self.factor
        moving.write(best)
        self.damping = kept.clamp(*DAMPING_RANGE)


def solve(matrix: Tensor, right: Tensor) -> Tensor:
    """The solutions (N, D) of N symmetric systems; 0 for a row whose matrix is not positive or not finite."""
    factor, failed = torch.linalg.cholesky_ex(matrix)
    solution = torch.cholesky_solve(right[:, :, None], factor)[:, :, 0]
    usable = (failed == 0) & solution.isfinite().all(dim=1)
    return torch.where(usable[:, None], solution, 0.0)


def _within_simplex(linear: Linearisation, moving: Moving, here: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient and curvature along the directions that stay on the simplex; what is across them the damping keeps."""
    gradient = linear.gradient
    tangent = moving.tangent(here, gradient)
    return tangent.project(gradient), tangent.project(tangent.project(linear.curvature).mT)


class LevenbergMarquardt(Optimizer):
    """Levenberg-Marquardt (Marquardt 1963) for distances with residuals and latents of few numbers.

    A step costs 2 + D evaluations for D moving numbers, and one for each trial: trials are cheap beside a Jacobian, so
    the best of several is taken. A row that no trial lowers stays, and tries larger dampings at its next step.

    Args:
        lr: the first damping is 1 / lr; a latent's rate divides its share of the damping.
        trials: how many dampings are tried with each Jacobian, the first a `factor` below the row's last best.
        factor: between one damping and the next.
    """

    linearises: ClassVar[bool] = True

    def __init__(self, lr: float, trials: int, factor: float) -> None:
        super().__init__(LevenbergMarquardtSteps, lr, trials=trials, factor=factor)
