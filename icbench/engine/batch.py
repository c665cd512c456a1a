"""The inversion of one batch: its images' hypotheses as rows, moved step by step, dropped, stopped and read."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from icbench.compute.devices import float32_products
from icbench.engine.cuda_graph import GraphedStep
from icbench.engine.descent import Descent, StepOutcome
from icbench.engine.early_stopping import EarlyStopping
from icbench.engine.initialization import NoiseBank, initial_state
from icbench.engine.latents import LatentState
from icbench.engine.objective import Evaluation, EvaluationCounter, Objective
from icbench.engine.readout import Readout
from icbench.engine.result import InversionResult, in_order
from icbench.engine.settings import Components, Settings
from icbench.engine.targets import Pixels
from icbench.kinds.schedule import Hypotheses


class BatchInversion:
    """One batch of B images with H hypotheses each.

    Args:
        components: of the inversion; the generator prepared on `settings.device`.
        hypotheses: the schedule's.
        images: (N, C, H, W), a whole split.
        index: (B,) the images of the batch, by position in the split.
        bank: of the run.
        settings: how.
        classes: (B, m) the classes that each image is searched for in; None for all.
    """

    def __init__(
        self,
        components: Components,
        hypotheses: Hypotheses,
        images: Pixels,
        index: NDArray[np.int64],
        bank: NoiseBank,
        settings: Settings,
        classes: NDArray[np.int64] | None = None,
    ) -> None:
        self.components, self.settings = components, settings
        state, forward = initial_state(components, hypotheses, images, index, bank, settings, classes)
        self.counter = EvaluationCounter(forward)
        self.objective = Objective(components)
        self.descent = Descent(components, self.objective, state, settings)
        self.readout = Readout(components, self.objective, hypotheses, settings)
        self.stopping = None if settings.stop_when is None else EarlyStopping(settings.stop_when, self.descent.rates)
        self.stepper: Callable[[int], StepOutcome] = self.descent.make_step
        self.energy: Tensor | None = None
        """The energies (N,) of the latest evaluation."""

    @property
    def state(self) -> LatentState:
        """The latents as they are now."""
        return self.descent.state

    def progress(self, step: int) -> float:
        """The share of the steps that are done before `step`."""
        return step / self.settings.steps if self.settings.steps else 1.0

    def run(self, on_step: Callable[[int], None]) -> InversionResult:
        """Make all steps. `on_step` is told after each of how many images; those that stop early have all theirs told.

        Returns:
            the result, in the order of `index`.
        """
        steps, index, results = self.settings.steps, self.state.index, []
        if self.descent.is_capturable:
            self.stepper = GraphedStep(self.descent)
        for step in range(steps):
            self.drop_hypotheses(step)
            converged = self.find_converged(step)
            if converged is not None:
                results.append(self.score(self.state.subset(converged)[0], step))
                on_step(len(results[-1].index) * (steps - step))
                if converged.all():
                    return in_order(results, index)
                self._go_on_with(*self.state.subset(~converged))
            with float32_products(self.settings.device, self.settings.tf32):
                self.make_step(step)
            on_step(len(self.state.index))
        return in_order([*results, self.score(self.state, steps)], index)

    @torch.no_grad()
    def drop_hypotheses(self, step: int) -> None:
        """Go on with as many hypotheses as the schedule says: those of least energy when last evaluated."""
        state, schedule = self.state, self.components.schedule
        count = schedule.survivors(step, self.settings.steps, state.active.total)
        if count >= state.hypothesis_count:
            return
        if self.energy is None:
            self.counter.add(EvaluationCounter(forward=1), state.hypothesis_count)
            self._note([self.evaluate(step, self.settings.precision).energy])
        assert self.energy is not None
        class_vector = self.objective.class_vectors(state, self.progress(step))
        self._go_on_with(*state.keep_best(count, self.energy, class_vector, step))

    def find_converged(self, step: int) -> Tensor | None:
        """Which images, as a mask (B,), need no further steps; None where there is none."""
        if self.stopping is None or not self.stopping.is_due(step):
            return None
        converged = self.stopping.converged(step, len(self.state.index))
        return converged if converged.any() else None

    def make_step(self, step: int) -> None:
        """Make one step."""
        outcome = self.stepper(step)
        self.counter.add(outcome.counter, self.state.hypothesis_count)
        self._note(outcome.energies)

    def score(self, state: LatentState, step: int) -> InversionResult:
        """The result of latents as they are before `step`."""
        return self.readout.score(state, self.counter, self.progress(step))

    def evaluate(self, step: int, precision: torch.dtype) -> Evaluation:
        """Evaluate the latents as they are before `step`, and count nothing."""
        return self.objective.evaluate(self.state, self.progress(step), precision)

    def _go_on_with(self, state: LatentState, rows: Tensor) -> None:
        """Go on with a state that has some of the rows, at places (M,) in N."""
        self.descent.go_on_with(state, rows)
        self.energy = None if self.energy is None else self.energy[rows]
        if self.stopping is not None:
            self.stopping.select(rows)

    def _note(self, energies: Iterable[Tensor]) -> None:
        """Keep in mind the energies (N,) of evaluations."""
        for energy in energies:
            self.energy = energy
            if self.stopping is not None:
                self.stopping.note(energy)
