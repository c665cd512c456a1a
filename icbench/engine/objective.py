"""What is minimised: the energy of latents, evaluated as often as the optimizer asks and counted each time."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from icbench.engine.decode import generate, generate_with_spread
from icbench.engine.jacobian import linearise
from icbench.engine.latents import LatentState
from icbench.engine.settings import Components
from icbench.errors import UsageError
from icbench.kinds.distance import LeastSquares
from icbench.kinds.optimizer import Linearisation


@dataclass(frozen=True)
class Evaluation:
    """What one evaluation of N rows gives.

    Args:
        energy: (N,), what is minimised: the data term, with the schedule's prior added.
        distance: (N,), between the images and their targets.
        class_vector: (N, K), the class vectors evaluated, on the simplex.
        images: (N, C, H, W), the generator's.
    """

    energy: Tensor
    distance: Tensor
    class_vector: Tensor
    images: Tensor


@dataclass
class EvaluationCounter:
    """Counts how often a generator was evaluated, for each image or for each row."""

    forward: int = 0
    backward: int = 0

    def add(self, other: "EvaluationCounter", times: int) -> None:
        """Count what another has, so many times: as often as an image has rows."""
        self.forward += times * other.forward
        self.backward += times * other.backward


class Objective:
    """The energies of latents for four components.

    Every evaluation first constrains the coordinates, in place, and marks the images whose distance is not finite.
    """

    def __init__(self, components: Components) -> None:
        self.generator, self.distance = components.generator, components.distance
        self.schedule = components.schedule

    def evaluate(self, state: LatentState, progress: float, precision: torch.dtype, final: bool = False) -> Evaluation:
        """Evaluate the latents as they are.

        Args:
            state: of N rows.
            progress: the share of the steps that are done, 1 after the last.
            precision: of the generator's products.
            final: by the distance that the class is read from, instead of that of the steps.
        """
        class_vector = self.class_vectors(state, progress)
        images, spread = self._images(class_vector, state.noise, precision)
        compare = self.distance.compare_final if final else self.distance.compare
        distance = compare(images, state.features)
        state.finite &= distance.isfinite().view(-1, state.hypothesis_count).all(dim=1)
        prior = self.schedule.prior(class_vector, state.noise, progress)
        data_term = self._data_term(distance, spread, class_vector)
        energy = data_term if prior is None else data_term + prior
        return Evaluation(energy, distance, class_vector, images)

    def linearise(
        self, state: LatentState, progress: float, precision: torch.dtype, latents: Sequence[Tensor]
    ) -> Linearisation:
        """The energies to second order in some of the latents, which take gradients."""
        assert isinstance(self.distance, LeastSquares)
        evaluation = self.evaluate(state, progress, precision)
        residuals = self.distance.residuals(evaluation.images, state.features)
        if self.schedule.calibrates:
            calibration = self.generator.error_calibration(evaluation.class_vector)
            residuals = residuals if calibration is None else residuals * calibration[0].sqrt()[:, None]
        prior = self.schedule.prior(evaluation.class_vector, state.noise, progress)
        return linearise(evaluation.energy, residuals, prior, latents)

    def class_vectors(self, state: LatentState, progress: float) -> Tensor:
        """The class vectors (N, K) of the latents, constrained."""
        self.constrain(state)
        return self.schedule.class_vector_of(state.coordinates, progress)

    @torch.no_grad()
    def constrain(self, state: LatentState) -> None:
        """Constrain the coordinates, unless they have been since they last moved: what rests is not even rounded."""
        if state.constrained:
            return
        reset = self.schedule.constrain(state.coordinates)
        state.resets += reset.view(-1, state.hypothesis_count).sum(dim=1)
        state.constrained = True

    def _images(self, class_vector: Tensor, noise: Tensor, precision: torch.dtype) -> tuple[Tensor, Tensor | None]:
        """The images of latents, and their spread (N,) where there is one and it counts."""
        if self.schedule.calibrates:
            return generate_with_spread(self.generator, class_vector, noise, precision)
        return generate(self.generator, class_vector, noise, precision), None

    def _data_term(self, distance: Tensor, spread: Tensor | None, class_vector: Tensor) -> Tensor:
        """What distances (N,) count in the energies."""
        if not self.schedule.calibrates:
            return distance
        calibration = self.generator.error_calibration(class_vector)
        if calibration is None and spread is None:
            raise UsageError(
                "the generator does not say how large its residuals usually are",
                "Leave out calibrate=true, or choose another generator.",
            )
        error = distance if spread is None else distance + spread
        return error if calibration is None else calibration[0] * error + calibration[1]
