"""The optimizer's steps: a torch optimizer over the latents of a batch, and the closure that it evaluates them by."""

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from icbench.engine.cuda_graph import make_capturable, supports_cuda_graph
from icbench.engine.latents import LatentState
from icbench.engine.objective import EvaluationCounter, Objective
from icbench.engine.optimizer_state import transfer_state
from icbench.engine.rng import normal
from icbench.engine.settings import Components, Settings
from icbench.kinds.optimizer import Closure, Linearisation, has_modes


@dataclass(frozen=True)
class StepOutcome:
    """What a step evaluated.

    Args:
        energies: (N,) of each evaluation, in their order.
        counter: the evaluations of each row.
    """

    energies: tuple[Tensor, ...]
    counter: EvaluationCounter


class Descent:
    """Moves the latents of a batch, step by step.

    Args:
        components: of the inversion.
        objective: what is minimised.
        state: the latents, moved in place.
        settings: how.
    """

    def __init__(self, components: Components, objective: Objective, state: LatentState, settings: Settings) -> None:
        self.schedule, self.component = components.schedule, components.optimizer
        self.objective, self.state, self.settings = objective, state, settings
        self.rates = [self.schedule.rates(step, settings.steps) for step in range(settings.steps)]
        self.optimizer = self._fresh_optimizer()

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return len(self.rates)

    @property
    def is_capturable(self) -> bool:
        """Whether steps may be captured in a CUDA graph."""
        return supports_cuda_graph(self.settings.device, self.schedule, self.optimizer)

    def plan(self, step: int) -> Hashable:
        """What decides which work a step is: the optimizer, which latents move and how many hypotheses are left."""
        rates = self.rates[step]
        left = self.schedule.survivors(step, self.steps, self.state.active.total)
        return self.optimizer, rates.class_vector != 0, rates.noise != 0, left

    def make_step(self, step: int) -> StepOutcome:
        """Make one step."""
        self.set_learning_rates(step)
        return self.optimizer_step(step)

    def set_learning_rates(self, step: int) -> None:
        """Put the step's rates into the parameter groups, and let the latents that have one take gradients."""
        rates = self.rates[step]
        factors = (rates.class_vector, rates.noise)
        latents = (self.state.coordinates, self.state.noise)
        for latent, factor, group in zip(latents, factors, self.optimizer.param_groups, strict=True):
            rate = self.component.lr * factor
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
            latent.requires_grad_(factor != 0)
            latent.grad = None

    def optimizer_step(self, step: int) -> StepOutcome:
        """Let the optimizer move the latents that take gradients."""
        closure = StepClosure(self.objective, self.state, step, self.settings)
        if closure.moves_coordinates:
            self.state.constrained = False
        self._switch("train")
        # torch types a closure's result as a float; here it is one energy per hypothesis.
        self.optimizer.step(closure)  # type: ignore[arg-type]
        self._switch("eval")
        return StepOutcome(tuple(closure.energies), closure.counter)

    def go_on_with(self, state: LatentState, rows: Tensor) -> None:
        """Move the latents of another state from now on: those at places (M,) in the N rows of the present one."""
        before = self.optimizer
        self.state = state
        self.optimizer = self._fresh_optimizer()
        transfer_state(before, self.optimizer, rows)

    def _fresh_optimizer(self) -> torch.optim.Optimizer:
        """One over the latents as they are."""
        optimizer = self.component.over(self.state.coordinates, self.state.noise)
        if supports_cuda_graph(self.settings.device, self.schedule, optimizer):
            make_capturable(optimizer, self.settings.device)
        return optimizer

    @torch.no_grad()
    def _switch(self, mode: str) -> None:
        """Let an optimizer that steps from other latents than are to be read put the ones or the others in place."""
        if not has_modes(self.optimizer):
            return
        getattr(self.optimizer, mode)()
        self.state.constrained = self.state.constrained and self.state.coordinates not in self.optimizer.state


class StepClosure(Closure):
    """One step's evaluations of the latents that take gradients.

    Args:
        objective: what is evaluated.
        state: the latents.
        step: from 0.
        settings: of the inversion.
    """

    def __init__(self, objective: Objective, state: LatentState, step: int, settings: Settings) -> None:
        self.objective, self.state, self.step, self.settings = objective, state, step, settings
        self.moving = [latent for latent in (state.coordinates, state.noise) if latent.requires_grad]
        self.moves_coordinates = state.coordinates.requires_grad
        self.progress = step / settings.steps
        self.energies: list[Tensor] = []
        self.counter = EvaluationCounter()
        self.drawn = 0

    @torch.enable_grad()
    def __call__(self) -> Tensor:
        energy = self._evaluate()
        self.counter.backward += 1
        if not energy.requires_grad:
            # Nothing moves, or what moves has no effect, as noise of no dimension with the class vector held.
            return energy
        # Summed, not weighted by ones: to compare the shapes of weights, torch would import sympy for half a second.
        gradients = torch.autograd.grad(energy.sum(), self.moving, allow_unused=True)
        for latent, gradient in zip(self.moving, gradients, strict=True):
            latent.grad = gradient
        return energy.detach()

    @torch.no_grad()
    def energy(self) -> Tensor:
        return self._evaluate()

    @torch.enable_grad()
    def linearise(self) -> Linearisation:
        linear = self.objective.linearise(self.state, self.progress, self.settings.precision, self.moving)
        self._note(linear.energy)
        self.counter.backward += 1 + linear.jacobian.shape[2]
        return linear

    def normal(self, count: int) -> Tensor:
        begin, blocks = self.drawn, -(-count // 4)
        self.drawn += blocks
        state = self.state
        return normal(self.settings.seed, state.image, state.restart, self.step, begin, blocks)[:, :count]

    def _evaluate(self) -> Tensor:
        energy = self.objective.evaluate(self.state, self.progress, self.settings.precision).energy
        self._note(energy.detach())
        return energy

    def _note(self, energy: Tensor) -> None:
        """Keep the energies (N,) of an evaluation, and count it."""
        self.energies.append(energy)
        self.counter.forward += 1
        # Before the next one the optimizer may move the coordinates again.
        self.state.constrained = not self.moves_coordinates
