"""Whether four components work together, found out on a few images before a run writes anything."""

from collections.abc import Mapping
from types import NoneType

import numpy as np
import torch
from torch import Tensor

from icbench.engine.blame import Methods, blame, expose
from icbench.engine.decode import as_target, generate
from icbench.engine.initialization import NoiseBank, draw_noise, initial_state
from icbench.engine.jacobian import linearise
from icbench.engine.preflight.gradients import check_gradients
from icbench.engine.preflight.independence import check_mates
from icbench.engine.preflight.trial import Trial, one_thread
from icbench.engine.settings import Components, Settings
from icbench.engine.targets import Pixels
from icbench.errors import FAULT_HINT, ComponentError, UsageError
from icbench.kinds.distance import Features, LeastSquares
from icbench.kinds.generator import Generator
from icbench.kinds.schedule import Hypotheses, Rates, Schedule

CHECKED = 4
TOLERANCE = 1e-3

METHODS: Mapping[str, Methods] = {
    "generator": {
        "forward": (Tensor,),
        "encode": (Tensor, NoneType),
        "error_calibration": (tuple, NoneType),
        "mean_and_spread": (tuple, NoneType),
    },
    "distance": {"features": (Tensor, tuple), "compare": (Tensor,), "compare_final": (Tensor,), "residuals": (Tensor,)},
    "optimizer": {"over": (torch.optim.Optimizer,)},
    "schedule": {
        "hypotheses": (Hypotheses,),
        "rates": (Rates,),
        "initial_noise": (Tensor,),
        "survivors": (int,),
        "coordinates": (Tensor,),
        "class_vector_of": (Tensor,),
        "constrain": (Tensor,),
        "prior": (Tensor, NoneType),
        "laplace_correction": (Tensor,),
        "class_scores": (Tensor,),
    },
}
"""What the engine asks of each kind of component, and what the answers are."""


def check_components(components: Components, images: Pixels, settings: Settings, names: Mapping[str, str]) -> None:
    """Try the components on a few images before a run, so that a broken one is named and nothing is written.

    Args:
        components: the components, the generator frozen on the device.
        images: (N, C, H, W), the split; the first few are compared with.
        settings: the run's settings.
        names: what to call each part, by kind.

    Raises:
        ComponentError: a component raises anything, or returns what its kind does not: images of the wrong shape or not
            in [0, 1], or anything but one finite number per image, or residuals that do not fit them; what the schedule
            moves has no gradient; an image's result depends on those that it is inverted beside.
        UsageError: the optimizer needs residuals, and the distance has none; the schedule moves nothing at a step, or
            starts from what the generator does not offer; images are to stop early that cannot.
    """
    labels = {kind: f"{kind} {name}" for kind, name in names.items()}
    with one_thread(), blame(f"inverting a few images with {', '.join(labels.values())}"):
        watched = expose_components(components, labels)
        _check_contracts(watched, images, settings, names)
        trial = Trial.of(watched, images, settings)
        check_gradients(trial, labels)
        _check_linearisations(watched, images, settings, names)
        check_mates(trial, labels)


def expose_components(components: Components, labels: Mapping[str, str]) -> Components:
    """The components, such that what they raise names them."""
    return Components(
        **{kind: expose(getattr(components, kind), labels[kind], methods) for kind, methods in METHODS.items()}
    )


def _check_contracts(components: Components, images: Pixels, settings: Settings, names: Mapping[str, str]) -> None:
    generator, shape = components.generator, images.shape[1:]
    _check_rates(components.schedule, settings.steps, names["schedule"])
    if settings.stop_when is not None:
        _check_stopping(components, names)
    if tuple(generator.image_shape) != shape:
        raise ComponentError(
            f"generator {names['generator']} makes images of {tuple(generator.image_shape)}, the dataset has {shape}",
            "Choose a dataset of the shape that the generator was trained on.",
        )
    target, latents = _trial_inputs(generator, images, settings)
    with torch.no_grad():
        generated = generate(generator, *latents, settings.precision)
        _check_images(generated, target.shape, names["generator"])
        features = components.distance.features(target)
        _check_features(features, len(target), names["distance"])
        for compare in (components.distance.compare, components.distance.compare_final):
            _check_distance(compare(generated, features), len(target), names["distance"])
        _check_schedule(components.schedule, generator, names["schedule"])
        _check_start(components, images, settings)
        known = (generator.error_calibration(latents[0]), generator.mean_and_spread(*latents))
        if components.schedule.calibrates and known == (None, None):
            raise UsageError(
                f"schedule {names['schedule']} calibrates, and generator {names['generator']} does not say how large "
                "its residuals usually are",
                "Leave out calibrate=true, or choose another generator.",
            )


def _trial_inputs(generator: Generator, images: Pixels, settings: Settings) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The first few targets, and as many latents: a class each."""
    target = as_target(images[:CHECKED], settings.device)
    noise = draw_noise(np.arange(len(target)), (0,), generator.noise_dim, settings.seed).flatten(0, 1)
    class_vector = torch.eye(generator.class_dim)[torch.arange(len(target)) % generator.class_dim]
    return target, (class_vector.to(settings.device), noise.to(settings.device))


def _check_linearisations(components: Components, images: Pixels, settings: Settings, names: Mapping[str, str]) -> None:
    target, latents = _trial_inputs(components.generator, images, settings)
    for kind, part in (("optimizer", components.optimizer), ("schedule", components.schedule)):
        if part.linearises:
            _check_linearisation(components, latents, target, settings.precision, names, f"{kind} {names[kind]}")


def _check_stopping(components: Components, names: Mapping[str, str]) -> None:
    if components.schedule.anneals:
        raise UsageError(
            f"schedule {names['schedule']} changes what it minimises from step to step, so no image can stop early",
            "Leave out --stop-when, or choose a schedule that does not anneal.",
        )
    if components.generator.batch_group_size > 1:
        raise UsageError(
            f"images of generator {names['generator']} depend on their batch mates, so none can stop before these",
            "Leave out --stop-when.",
        )


def _check_rates(schedule: Schedule, steps: int, name: str) -> None:
    for step in range(steps):
        rates = schedule.rates(step, steps)
        if rates.class_vector == 0 and rates.noise == 0:
            raise UsageError(
                f"schedule {name} moves neither class vector nor noise at step {step + 1} of {steps}",
                "Give one of them a rate above 0.",
            )


def _check_schedule(schedule: Schedule, generator: Generator, name: str) -> None:
    hypotheses, classes = schedule.hypotheses(generator.class_dim), generator.num_classes
    expected = (len(hypotheses.restart), generator.class_dim)
    coordinates = schedule.coordinates(hypotheses.class_vector).clone()
    schedule.constrain(coordinates)
    for what, vectors in (("starts", hypotheses.class_vector), ("moves", schedule.class_vector_of(coordinates, 0.0))):
        if tuple(vectors.shape) != expected or not vectors.isfinite().all():
            raise _fault(
                f"schedule {name} {what} class vectors of shape {tuple(vectors.shape)}, not finite ones of {expected}"
            )
    energy = torch.linspace(0, 1, CHECKED * len(hypotheses.restart)).view(CHECKED, -1)
    scores = tuple(schedule.class_scores(energy, energy[:, :, None].repeat(1, 1, classes)).shape)
    if scores not in ((CHECKED, classes), (CHECKED, generator.class_dim)):
        raise _fault(f"schedule {name} gives {CHECKED} images class scores {scores}, not {(CHECKED, classes)}")


def _check_start(components: Components, images: Pixels, settings: Settings) -> None:
    """Raise what a schedule or an encoder that cannot start raises."""
    hypotheses = components.schedule.hypotheses(components.generator.class_dim)
    index = np.arange(min(CHECKED, len(images)))
    initial_state(components, hypotheses, images, index, NoiseBank.of(components, settings), settings)


def _check_images(images: Tensor, expected: tuple[int, ...], name: str) -> None:
    if tuple(images.shape) != tuple(expected):
        raise _fault(f"generator {name} returned images of shape {tuple(images.shape)}, not {tuple(expected)}")
    if not images.isfinite().all():
        raise _fault(f"generator {name} returned values that are not finite")
    low, high = images.min().item(), images.max().item()
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise _fault(f"generator {name} returned values from {low:.3g} to {high:.3g}, not in [0, 1]")


def _check_features(features: Features, count: int, name: str) -> None:
    rows = [len(feature) for feature in (features if isinstance(features, tuple) else (features,))]
    if not rows or set(rows) != {count}:
        raise _fault(f"distance {name} returned features of {rows} rows for {count} images")


def _check_distance(distance: Tensor, count: int, name: str) -> None:
    if tuple(distance.shape) != (count,):
        raise _fault(f"distance {name} returned shape {tuple(distance.shape)} for {count} images, not ({count},)")
    if not distance.isfinite().all():
        raise _fault(f"distance {name} returned values that are not finite")


def _check_linearisation(
    components: Components,
    latents: tuple[Tensor, Tensor],
    target: Tensor,
    precision: torch.dtype,
    names: Mapping[str, str],
    asking: str,
) -> None:
    distance, name = components.distance, names["distance"]
    if not isinstance(distance, LeastSquares):
        raise UsageError(
            f"{asking} needs a distance with residuals, and {name} has none",
            f"Choose a distance with the trait `least-squares`, or another {asking.split()[0]} (`icbench plugins`).",
        )
    for latent in latents:
        latent.requires_grad_()
    images, features = generate(components.generator, *latents, precision), distance.features(target)
    energy, residuals = distance.compare(images, features), distance.residuals(images, features)
    if residuals.ndim != 2 or not torch.allclose(residuals.square().sum(dim=1) / 2, energy, rtol=TOLERANCE, atol=1e-6):
        raise _fault(f"distance {name} is not half the squared length of its residuals")
    reason = _without_second_derivatives(energy, residuals, latents)
    if reason:
        raise _fault(
            f"{asking} needs second derivatives, and generator {names['generator']} or "
            f"distance {name} has none: {reason}"
        )


def _without_second_derivatives(energy: Tensor, residuals: Tensor, latents: tuple[Tensor, Tensor]) -> str:
    """Why a Jacobian cannot be had, or is wrong: a layer that can be differentiated once may just give zeros."""
    gradients = torch.autograd.grad(energy.sum(), latents, retain_graph=True, allow_unused=True, materialize_grads=True)
    expected = torch.cat(gradients, dim=1)
    try:
        found = linearise(energy, residuals, None, latents).gradient
    except RuntimeError as error:
        return str(error).splitlines()[0]
    # Products in bfloat16 differ by some thousandths.
    wrong = (found - expected).norm() > 0.05 * expected.norm() + 1e-6
    return "the Jacobian does not give the gradient" if wrong else ""


def _fault(message: str) -> ComponentError:
    return ComponentError(message, FAULT_HINT)
