"""Whether what a schedule moves has a gradient; without one the starts would be ranked as an inversion."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from icbench.engine.batch import BatchInversion
from icbench.engine.decode import generate
from icbench.engine.objective import Evaluation
from icbench.engine.preflight.trial import Trial, first_moving, latents, take_step
from icbench.errors import FAULT_HINT, ComponentError

CHECKED = 4
"""Images: a single one may start where it is flat."""
NAMES = ("class vector", "noise")


def check_gradients(trial: Trial, labels: Mapping[str, str]) -> None:
    """Take a gradient of the distance by each latent, at the start and at the rates of the first step that moves it.

    Where nothing moves, or the optimizer takes no gradient, none is needed.

    Raises:
        ComponentError: it is missing, zero for all images or not finite; the component at fault is named, where one is.
    """
    index = np.arange(min(CHECKED, len(trial.images)))
    for place, step in first_moving(trial.begin(index)).items():
        inversion = trial.begin(index)
        evaluation = _evaluate(inversion, step)
        fault = _fault(evaluation.distance, latents(inversion)[place])
        if fault and _takes_gradients(trial.begin(index), step):
            raise ComponentError(
                f"{_culprit(inversion, evaluation.class_vector, place, labels)}, so that no inversion can find the "
                f"{NAMES[place]}",
                f"Nothing on the way may be under torch.no_grad, detached, rounded or cut off. {FAULT_HINT}",
            )


@torch.enable_grad()
def _evaluate(inversion: BatchInversion, step: int) -> Evaluation:
    """An evaluation at the rates of a step, differentiable in the latents that these move."""
    inversion.descent.set_learning_rates(step)
    return inversion.evaluate(step, inversion.settings.precision)


def _fault(values: Tensor, by: Tensor, weights: Tensor | None = None) -> str:
    """What is wrong with the gradient of the (weighted) sum of values; empty if nothing is."""
    if not values.requires_grad:
        return "has no gradient"
    total = (values if weights is None else values * weights).sum()
    (gradient,) = torch.autograd.grad(total, by, allow_unused=True, retain_graph=True)
    if gradient is None:
        return "has no gradient"
    if not gradient.isfinite().all():
        return "has a gradient that is not finite"
    return "" if gradient.any() else "has a gradient of zero"


def _takes_gradients(inversion: BatchInversion, step: int) -> bool:
    """Whether the optimizer evaluates one in a step, or fails for want of it."""
    try:
        take_step(inversion, step)
    except Exception:
        return True
    return inversion.counter.backward > 0


@torch.enable_grad()
def _culprit(inversion: BatchInversion, class_vector: Tensor, place: int, labels: Mapping[str, str]) -> str:
    """Which component has no gradient in what, told from the class vectors that were evaluated."""
    precision, generator = inversion.settings.precision, inversion.components.generator
    class_vector, noise = (latent.detach().requires_grad_() for latent in (class_vector, inversion.state.noise))
    images = generate(generator, class_vector, noise, precision)
    pixels = images.detach().requires_grad_()
    distance = inversion.components.distance.compare(pixels, inversion.state.features)
    fault = _fault(distance, pixels)
    if fault:
        return f"{labels['distance']} {fault} in the images"
    (direction,) = torch.autograd.grad(distance.sum(), pixels)
    fault = _fault(images, (class_vector, noise)[place], direction)
    if fault:
        return f"{labels['generator']} {fault} in the {NAMES[place]}"
    return f"{labels['schedule']} passes no gradient of the distance on"
