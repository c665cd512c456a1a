"""Checks of an optimizer: of what its `over` returns, and of small inversions through the engine, which calls it."""

from dataclasses import replace
from math import isfinite
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from icbench.engine.result import InversionResult
from icbench.testing.assertions import Skipped, expect, expect_close
from icbench.testing.subject import Check, Subject
from icbench.testing.synthetic import (
    CLASSES,
    NOISE,
    FlatDistance,
    FragileDistance,
    SteadySchedule,
    Toy,
    normal,
    starting_noise,
)

STEPS, DESCENT_STEPS = 8, 40
IMAGES = (0, 1, 2, 3, 4, 5)
SAME = 1e-3
"""Paths of one image in two batches drift apart by rounding, a little more at every step."""

Rows: TypeAlias = slice | list[int]
ALL, OTHERS = slice(None), slice(1, None)


def it_is_a_torch_optimizer(subject: Subject) -> None:
    """`over` returns a torch.optim.Optimizer with two groups, the class vector and then the noise."""
    class_vector, noise = torch.full((2, CLASSES), 1 / CLASSES), normal(2, NOISE)
    optimizer = subject.component.over(class_vector, noise)
    expect(isinstance(optimizer, torch.optim.Optimizer), f"`over` returned {type(optimizer).__name__}")
    groups = optimizer.param_groups
    expect(len(groups) == 2, f"it has {len(groups)} parameter groups, not 2")
    for name, latent, group in zip(("class vector", "noise"), (class_vector, noise), groups, strict=True):
        alone = len(group["params"]) == 1 and group["params"][0] is latent
        expect(alone, f"the group of the {name} does not hold the very tensor that `over` was given, and it alone")


def an_inversion_finishes(subject: Subject) -> None:
    """A short inversion ends with finite latents."""
    _expect_finite(_invert(subject), "after a few steps")


def every_inversion_starts_afresh(subject: Subject) -> None:
    """An inversion is the same after another one: no state is carried over."""
    first = _invert(subject)
    _invert(subject, index=(6, 7, 6, 7, 6, 7))
    _expect_same(_invert(subject), first, "after other images were inverted", tolerance=1e-5)


def learning_rate_is_declared(subject: Subject) -> None:
    """`lr` is a finite number of 0 or more, and both groups begin with it."""
    lr = subject.component.lr
    sound = isinstance(lr, int | float) and isfinite(lr) and lr >= 0
    expect(sound, f"lr is {lr!r}")
    groups = subject.component.over(torch.full((2, CLASSES), 1 / CLASSES), normal(2, NOISE)).param_groups
    expect(
        all(group.get("lr") == lr for group in groups), f"groups begin with {[g.get('lr') for g in groups]}, not {lr}"
    )


def every_step_evaluates(subject: Subject) -> None:
    """Every step calls its closure, so that the engine can count what it costs."""
    evaluations = _invert(subject, steps=STEPS).forward - 1
    expect(evaluations >= STEPS, f"{STEPS} steps made {evaluations} evaluations")


def energy_descends(subject: Subject) -> None:
    """On a well conditioned quadratic, the energy of every image falls; of a stochastic optimizer, their mean."""
    before = _invert(subject, steps=0).energy
    after = _invert(subject, steps=DESCENT_STEPS).energy
    falls = after.mean() < before.mean() if subject.has("stochastic") else (after < before).all()
    expect(falls, f"after {DESCENT_STEPS} steps energies are {_short(after)}, before they were {_short(before)}")


def both_latents_move(subject: Subject) -> None:
    """Class vector and noise both move."""
    result = _invert(subject)
    for name, moved in (
        ("class vector", result.class_vector != 1 / CLASSES),
        ("noise", result.noise != starting_noise()[list(IMAGES)]),
    ):
        expect(moved.any(axis=1).all(), f"the {name} of some image has not moved after {STEPS} steps")


def a_resting_noise_stays(subject: Subject) -> None:
    """At rate 0 and without a gradient, the noise stays as it is while the class vector moves."""
    result = _invert(subject, schedule=SteadySchedule(1.0, 0.0))
    expect(
        (result.noise == starting_noise()[list(IMAGES)]).all(),
        "the noise moved though its rate was 0 and it had no gradient",
    )
    expect((result.class_vector != 1 / CLASSES).any(), "with the noise at rest, the class vector rests too")


def a_resting_class_vector_stays(subject: Subject) -> None:
    """At rate 0 and without a gradient, the class vector stays as it is while the noise moves."""
    result = _invert(subject, schedule=SteadySchedule(0.0, 1.0))
    still = (result.class_vector == np.float32(1 / CLASSES)).all()
    expect(still, "the class vector moved though its rate was 0 and it had no gradient")
    expect((result.noise != starting_noise()[list(IMAGES)]).any(), "with the class vector at rest, the noise rests too")


def rates_are_heeded(subject: Subject) -> None:
    """A group's rate, set anew before every step, decides how its latent moves."""
    fast, slow = (_invert(subject, schedule=SteadySchedule(1.0, rate)) for rate in (1.0, 0.25))
    expect((fast.noise != slow.noise).any(), "the noise moves the same at a quarter of the rate")


def rows_are_independent(subject: Subject) -> None:
    """An image's latents end at the same place alone, in a batch, and in a permuted batch."""
    subject.needs_independent_rows()
    together = _invert(subject)
    permuted = _invert(subject, index=IMAGES[::-1])
    _expect_same(permuted, together, "in a permuted batch", slice(None, None, -1))
    _expect_same(_invert(subject, batch_size=1), together, "alone")


def a_bad_row_leaves_the_others_alone(subject: Subject) -> None:
    """An image whose distance is not a number leaves the others' paths alone."""
    subject.needs_independent_rows()
    broken = _invert(subject, white=0, distance=FragileDistance())
    sound = _invert(subject, white=0)
    _expect_same(broken, sound, "beside an image whose distance is not a number", OTHERS, OTHERS)


def a_flat_energy_is_survived(subject: Subject) -> None:
    """Where the gradient is zero, latents stay finite."""
    _expect_finite(_invert(subject, distance=FlatDistance()), "where the gradient is zero")


def latents_without_noise_can_be_inverted(subject: Subject) -> None:
    """A generator without noise can be inverted."""
    _expect_finite(_invert(subject, noise_dim=0), "without noise")


def stochastic_is_honest(subject: Subject) -> None:
    """The seed changes its path from the same start if, and only if, it declares stochastic."""
    first, second = (_invert(subject, seed=seed) for seed in (0, 1))
    same = np.array_equal(first.class_vector, second.class_vector) and np.array_equal(first.noise, second.noise)
    if subject.has("stochastic"):
        expect(not same, "it declares stochastic, and its path is the same under every seed")
    else:
        expect(same, "its path depends on the seed; declare the trait stochastic")


def draws_depend_on_the_image_alone(subject: Subject) -> None:
    """A stochastic optimizer draws for an image by its seed, position and restart, not by its place in the batch."""
    if not subject.has("stochastic"):
        raise Skipped("it does not declare stochastic")
    some = _invert(subject, index=(3, 5))
    _expect_same(some, _invert(subject), "among fewer images", expected_rows=[3, 5])


GATES: tuple[Check, ...] = (it_is_a_torch_optimizer, an_inversion_finishes, every_inversion_starts_afresh)
CHECKS: tuple[Check, ...] = (
    learning_rate_is_declared,
    every_step_evaluates,
    energy_descends,
    both_latents_move,
    a_resting_noise_stays,
    a_resting_class_vector_stays,
    rates_are_heeded,
    rows_are_independent,
    a_bad_row_leaves_the_others_alone,
    a_flat_energy_is_survived,
    latents_without_noise_can_be_inverted,
    stochastic_is_honest,
    draws_depend_on_the_image_alone,
)


def _invert(subject: Subject, **changes: Any) -> InversionResult:
    """A small inversion, under global seeds that are the same in each, so that only what a check varies can differ."""
    torch.manual_seed(0)
    np.random.seed(0)
    return replace(Toy(subject.component, steps=STEPS, index=IMAGES), **changes).invert()


def _expect_finite(result: InversionResult, when: str) -> None:
    for name, values in (("class vectors", result.class_vector), ("noise", result.noise)):
        expect(np.isfinite(values).all(), f"{when}, {name} are not finite")


def _expect_same(
    found: InversionResult,
    expected: InversionResult,
    when: str,
    rows: Rows = ALL,
    expected_rows: Rows = ALL,
    tolerance: float = SAME,
) -> None:
    """Let latents end at the same place, compared in these rows of the one and those of the other."""
    for name in ("class_vector", "noise"):
        first = torch.from_numpy(getattr(found, name)[rows].copy())
        second = torch.from_numpy(getattr(expected, name)[expected_rows].copy())
        expect_close(first, second, f"{when}, the {name.replace('_', ' ')} ends elsewhere", tolerance)


def _short(values: NDArray[np.float32]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
