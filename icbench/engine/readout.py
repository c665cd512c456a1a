"""The reading of classes: latents evaluated once more, in float32, and what the schedule makes of their energies."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from icbench.engine.latents import LatentState
from icbench.engine.objective import Evaluation, EvaluationCounter, Objective
from icbench.engine.result import NOT_FINITE, InversionResult
from icbench.engine.settings import Components, Settings
from icbench.errors import FAULT_HINT, ComponentError
from icbench.kinds.generator import Generator
from icbench.kinds.schedule import Hypotheses


def group_by_class(values: Tensor, generator: Generator) -> Tensor:
    """Values (..., K), one for each entry of a class vector, as (..., classes, modes)."""
    return values.reshape(*values.shape[:-1], generator.num_classes, generator.modes_per_class)


@dataclass(frozen=True)
class Readout:
    """Reads classes from latents.

    Args:
        components: of the inversion.
        objective: what was minimised.
        hypotheses: the schedule's.
        settings: of the inversion.
    """

    components: Components
    objective: Objective
    hypotheses: Hypotheses
    settings: Settings

    @torch.no_grad()
    def score(self, state: LatentState, counter: EvaluationCounter, progress: float) -> InversionResult:
        """The result of latents as they are.

        Args:
            state: of B images.
            counter: of each image so far; what is evaluated here comes on top of it.
            progress: the share of the steps that are done.
        """
        counter = replace(counter)
        # In float32 whatever the steps took: rounding would decide between classes of nearly equal energy.
        evaluation = self.objective.evaluate(state, progress, torch.float32, final=True)
        counter.add(EvaluationCounter(forward=1), state.hypothesis_count)
        if self.components.schedule.linearises:
            corrected = evaluation.energy + self._laplace_correction(state, counter, progress)
            evaluation = replace(evaluation, energy=corrected)
        return self._result(state, counter, evaluation)

    def _laplace_correction(self, state: LatentState, counter: EvaluationCounter, progress: float) -> Tensor:
        """What the schedule adds to the energies (N,) for their curvature in the noise."""
        state.noise.requires_grad_()
        with torch.enable_grad():
            linear = self.objective.linearise(state, progress, self.settings.precision, [state.noise])
        state.noise.requires_grad_(False)
        counter.add(EvaluationCounter(forward=1, backward=1 + linear.jacobian.shape[2]), state.hypothesis_count)
        return self.components.schedule.laplace_correction(linear)

    def _result(self, state: LatentState, counter: EvaluationCounter, evaluation: Evaluation) -> InversionResult:
        images, finite = len(state.index), state.finite
        scores = self.class_scores(state, evaluation)
        energy, distance, vectors, noise = (
            values.view(images, state.hypothesis_count, *values.shape[1:])
            for values in (evaluation.energy, evaluation.distance, evaluation.class_vector, state.noise)
        )
        winner = energy.argmin(dim=1)
        rows = torch.arange(images, device=winner.device)
        return InversionResult(
            index=state.index,
            prediction=scores.argmax(dim=1).masked_fill(~finite, NOT_FINITE).cpu().numpy(),
            class_scores=scores.float().cpu().numpy(),
            distance=distance[rows, winner].masked_fill(~finite, torch.nan).float().cpu().numpy(),
            energy=energy[rows, winner].masked_fill(~finite, torch.nan).float().cpu().numpy(),
            class_vector=vectors[rows, winner].cpu().numpy(),
            noise=noise[rows, winner].cpu().numpy(),
            resets=state.resets.cpu().numpy(),
            class_dropped_at=state.active.class_dropped_at(self._start_classes(noise.device)).cpu().numpy(),
            forwards=np.full(images, counter.forward, np.int32),
            backwards=np.full(images, counter.backward, np.int32),
        )

    def class_scores(self, state: LatentState, evaluation: Evaluation) -> Tensor:
        """The scores (B, classes) of all hypotheses, dropped ones included.

        Raises:
            ComponentError: the schedule gives none for each image.
        """
        generator, images = self.components.generator, len(state.index)
        energies, vectors = state.active.merge(evaluation.energy, evaluation.class_vector)
        shares = group_by_class(vectors, generator).sum(dim=-1)
        scores = self.components.schedule.class_scores(energies, shares)
        if scores.ndim != 2 or len(scores) != images:
            raise ComponentError(
                f"the schedule gives {images} images class scores of shape {tuple(scores.shape)}", FAULT_HINT
            )
        if generator.modes_per_class > 1 and scores.shape[1] == generator.class_dim:
            # A schedule that scores hypotheses has one for each mode; a class is as good as its best.
            return group_by_class(scores, generator).amax(dim=-1)
        return scores

    def _start_classes(self, device: torch.device) -> Tensor:
        """The class shares (H, classes) that each hypothesis starts from."""
        return group_by_class(self.hypotheses.class_vector.to(device), self.components.generator).sum(dim=-1)
