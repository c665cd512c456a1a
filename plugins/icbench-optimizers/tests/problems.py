"""Functions to minimise, one row each, behind the closure that the engine would hand to a step."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from icbench.engine.jacobian import linearise
from icbench.engine.rng import normal
from icbench.kinds.optimizer import Closure, Linearisation, Optimizer
from icbench.kinds.schedule import clamp_and_normalise
from torch import Tensor

Function = Callable[[Tensor], Tensor]


@dataclass
class Problem(Closure):
    """Rows of numbers to move, in float64, as the one latent that moves.

    Args:
        start: (N, D).
        residuals: (N, D) to (N, R); the energy is half their squared length. Or None.
        energy: (N, D) to (N,), where there are no residuals.
        prior: (N, D) to (N,), added to the energy. Or None.
        simplex: whether the rows are class vectors, which are constrained, rather than noise.
        seed: of the numbers drawn.
        image: (N,), which image a row is of; by default its place.
    """

    start: Tensor
    residuals: Function | None = None
    energy_of: Function | None = None
    prior: Function | None = None
    simplex: bool = False
    seed: int = 0
    image: Tensor | None = None
    calls: list[str] = field(default_factory=list)
    energies: list[Tensor] = field(default_factory=list)

    def run(self, optimizer: Optimizer, steps: int, rate: float = 1.0) -> Tensor:
        """Where the rows are after so many steps: (N, D)."""
        self.rows = self.start.detach().clone().requires_grad_()
        resting = torch.zeros(len(self.rows), 3, dtype=self.rows.dtype)
        built = optimizer.over(*((self.rows, resting) if self.simplex else (resting, self.rows)))
        for group in built.param_groups:
            group["lr"] = optimizer.lr * rate * group["params"][0].requires_grad
        for self.step in range(steps):
            self.drawn = 0
            built.step(self)
            self.energies.append(self._energy().detach())
        return self.rows.detach()

    def __call__(self) -> Tensor:
        self.calls.append("gradient")
        with torch.enable_grad():
            energy = self._energy()
            self.rows.grad = torch.autograd.grad(energy.sum(), self.rows)[0]
        return energy.detach()

    def energy(self) -> Tensor:
        self.calls.append("energy")
        return self._energy().detach()

    def linearise(self) -> Linearisation:
        self.calls.append("jacobian")
        assert self.residuals is not None
        with torch.enable_grad():
            energy = self._energy()
            prior = None if self.prior is None else self.prior(self.rows)
            return linearise(energy, self.residuals(self.rows), prior, [self.rows])

    def normal(self, count: int) -> Tensor:
        image = torch.arange(len(self.rows)) if self.image is None else self.image
        begin, blocks = self.drawn, -(-count // 4)
        self.drawn += blocks
        return normal(self.seed, image, torch.zeros_like(image), self.step, begin, blocks)[:, :count]

    def _energy(self) -> Tensor:
        if self.simplex:
            clamp_and_normalise(self.rows.data)
        if self.residuals is not None:
            energy = self.residuals(self.rows).square().sum(dim=1) / 2
        else:
            assert self.energy_of is not None
            energy = self.energy_of(self.rows)
        return energy if self.prior is None else energy + self.prior(self.rows)


def rosenbrock(rows: Tensor) -> Tensor:
    """Residuals of Rosenbrock's valley: the energy is half of its usual form, and 0 at (1, 1)."""
    return torch.stack([10 * (rows[:, 1] - rows[:, 0] ** 2), 1 - rows[:, 0]], dim=1)


def starts(count: int, size: int = 2, seed: int = 0) -> Tensor:
    """Starts (N, D) between -2 and 2."""
    return torch.rand(count, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 4 - 2
