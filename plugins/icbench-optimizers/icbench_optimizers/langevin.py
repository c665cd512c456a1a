"""Langevin dynamics: gradient descent that explores."""

from collections.abc import Iterable
from typing import Any

import torch
from icbench.kinds.optimizer import Closure, Optimizer

from icbench_optimizers.latents import Moving


class LangevinSteps(torch.optim.Optimizer):
    """x <- x - lr * gradient + sqrt(2 * lr * temperature) * N(0, 1), the unadjusted Langevin algorithm."""

    def __init__(self, params: Iterable[dict[str, Any]], lr: float, temperature: float, half_life: int) -> None:
        super().__init__(params, {"lr": lr})
        self.temperature, self.half_life = temperature, half_life
        self.taken = 0

    @torch.no_grad()
    def step(self, closure: Closure) -> None:  # type: ignore[override]
        closure()
        moving = Moving(self.param_groups)
        here, rates = moving.read(), moving.rates()
        spread = (2 * rates * self._current_temperature()).sqrt()
        moving.write(here - rates * moving.gradient() + spread * closure.normal(here.shape[1]))
        self.taken += 1

    def _current_temperature(self) -> float:
        return self.temperature * (0.5 ** (self.taken / self.half_life) if self.half_life else 1.0)


def langevin(lr: float, temperature: float, half_life: int) -> Optimizer:
    """Stochastic gradient Langevin dynamics with the whole gradient (Welling and Teh 2011, equation 4).

    Without annealing the latents come to be distributed like exp(-energy / temperature), for small rates; with it they
    settle at a minimum that is deep rather than near.

    Args:
        lr: the step size; half of the paper's epsilon, in units of the temperature.
        temperature: in units of the energy.
        half_life: the number of steps in which the temperature falls by half; 0 keeps it.
    """
    return Optimizer(LangevinSteps, lr, temperature=temperature, half_life=half_life)
