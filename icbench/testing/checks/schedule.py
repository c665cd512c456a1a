"""Checks of a schedule."""

from dataclasses import replace
from functools import partial
from math import isfinite

import numpy as np
import torch
from torch import Tensor

from icbench.kinds.optimizer import Optimizer
from icbench.kinds.schedule import Hypotheses, Rates
from icbench.testing.assertions import Skipped, expect, expect_close, expect_unchanged
from icbench.testing.gradients import expect_own_row_only, gradient_at
from icbench.testing.subject import Check, Subject
from icbench.testing.synthetic import CLASSES, NOISE, Toy, normal, uniform

ROWS = 6
SUM_ERROR = 1e-5
INVERSION_STEPS = 5
PROGRESS = 0.5
START_ERROR = 0.01
COUNTS = (2, CLASSES, 10)


def default_steps_are_declared(subject: Subject) -> None:
    """`default_steps` is an integer of 1 or more."""
    steps = getattr(subject.component, "default_steps", None)
    expect(isinstance(steps, int) and steps >= 1, f"default_steps is {steps!r}, not an integer of 1 or more")


def hypotheses_have_their_shape(subject: Subject) -> None:
    """For any number of classes K, hypotheses are class vectors (H, K) and H restart numbers of 0 or more."""
    for class_dim in COUNTS:
        found = subject.component.hypotheses(class_dim)
        expect(isinstance(found, Hypotheses), f"hypotheses returned {type(found).__name__}, not Hypotheses")
        count, shape = len(found.restart), tuple(found.class_vector.shape)
        expect(count >= 1, "there is no hypothesis")
        expect(shape == (count, class_dim), f"{count} restarts of {class_dim} classes have class vectors {shape}")
        dtype = found.class_vector.dtype
        expect(dtype is torch.float32, f"class vectors start as {dtype}, not float32")
        sound = all(isinstance(number, int) and number >= 0 for number in found.restart)
        expect(sound, f"restart numbers are {found.restart[:9]}, not integers of 0 or more")


def rates_are_finite(subject: Subject) -> None:
    """At every step both rates are finite numbers of 0 or more."""
    for steps in _lengths(subject):
        for step in range(steps):
            rates = subject.component.rates(step, steps)
            expect(isinstance(rates, Rates), f"rates returned {type(rates).__name__}, not Rates")
            numbers = (rates.class_vector, rates.noise)
            sound = all(isinstance(rate, int | float) and isfinite(rate) and rate >= 0 for rate in numbers)
            expect(sound, f"at step {step} of {steps} the rates are {numbers}")


def survivors_only_fall(subject: Subject) -> None:
    """At every step the number of survivors is an integer from 1 to H, and never more than the step before."""
    hypotheses = len(subject.component.hypotheses(CLASSES).restart)
    for steps in _lengths(subject):
        before = hypotheses
        for step in range(steps):
            count = subject.component.survivors(step, steps, hypotheses)
            sound = isinstance(count, int) and 1 <= count <= before
            expect(sound, f"at step {step} of {steps} {count!r} of {hypotheses} hypotheses go on, after {before}")
            before = count


def constrain_tells_the_reset_rows(subject: Subject) -> None:
    """`constrain` changes its argument in place and returns which of the N rows were reset, as bool (N,)."""
    vectors = _vectors()
    before = vectors.clone()
    reset = subject.component.constrain(vectors)
    sound = isinstance(reset, Tensor) and reset.dtype is torch.bool and tuple(reset.shape) == (len(vectors),)
    expect(sound, f"for {len(vectors)} rows it returned {_describe(reset)}, not ({len(vectors)},) bool")
    if torch.equal(vectors, before) and not _are_on_simplex(subject.component.class_vector_of(vectors, PROGRESS)):
        raise AssertionError("rows off the simplex are as they were; change the argument in place")


def hypotheses_are_on_the_simplex(subject: Subject) -> None:
    """Every hypothesis starts on the simplex."""
    for count in COUNTS:
        _expect_on_simplex(subject.component.hypotheses(count).class_vector, f"with {count} classes, a start")


def hypotheses_are_the_same_every_time(subject: Subject) -> None:
    """Hypotheses depend on the number of classes alone; changing those that were returned changes no later ones."""
    first = subject.component.hypotheses(CLASSES)
    copy = first.class_vector.clone()
    first.class_vector.fill_(0.5)
    again = subject.component.hypotheses(CLASSES)
    same = torch.equal(again.class_vector, copy) and again.restart == first.restart
    expect(same, "asked again, after the first answer was changed in place, it starts elsewhere")


def rates_are_pure(subject: Subject) -> None:
    """Rates depend on the step and the number of steps alone, in whatever order they are asked for."""
    steps = _lengths(subject)[-1]
    forwards = [subject.component.rates(step, steps) for step in range(steps)]
    backwards = [subject.component.rates(step, steps) for step in reversed(range(steps))]
    expect(forwards == backwards[::-1], "asked for again, in another order, rates are others")


def something_moves_at_every_step(subject: Subject) -> None:
    """At every step some latent moves; a step at which both rest has no gradient to take."""
    for steps in _lengths(subject):
        for step in range(steps):
            rates = subject.component.rates(step, steps)
            expect(rates.class_vector or rates.noise, f"at step {step} of {steps} both rates are 0")


def constrained_is_on_the_simplex(subject: Subject) -> None:
    """Class vectors of constrained coordinates are on the simplex, at any step and wherever it had taken them."""
    coordinates = _vectors()
    subject.component.constrain(coordinates)
    for progress in (0.0, PROGRESS, 1.0):
        vectors = subject.component.class_vector_of(coordinates, progress)
        _expect_on_simplex(vectors, "after `constrain`, a class vector")


def coordinates_lead_back_to_the_start(subject: Subject) -> None:
    """A start's coordinates, constrained, give its class vector, or one so near that a logarithm can be taken."""
    starts = subject.component.hypotheses(CLASSES).class_vector
    if not _are_on_simplex(starts):
        raise Skipped("its starts are not on the simplex")
    coordinates = subject.component.coordinates(starts.clone())
    subject.component.constrain(coordinates)
    error = (subject.component.class_vector_of(coordinates, 0.0) - starts).abs().max().item()
    expect(error <= START_ERROR, f"its coordinates give a class vector that is {error:.3g} from the start")


def class_vectors_are_row_by_row(subject: Subject) -> None:
    """A row's class vector depends on that row's coordinates alone."""
    coordinates = _vectors()
    subject.component.constrain(coordinates)
    together = subject.component.class_vector_of(coordinates, PROGRESS)
    for row in range(len(coordinates)):
        alone = subject.component.class_vector_of(coordinates[row : row + 1], PROGRESS)
        expect_close(alone[0], together[row], f"row {row} alone has another class vector")
    expect_own_row_only(lambda point: subject.component.class_vector_of(point, PROGRESS), _on_simplex(), "row")


def constraining_twice_is_constraining_once(subject: Subject) -> None:
    """A constrained class vector stays where it is, and counts as no reset."""
    vectors = _vectors()
    subject.component.constrain(vectors)
    before = vectors.clone()
    reset = subject.component.constrain(vectors)
    expect_close(vectors, before, "constrained again, class vectors move", SUM_ERROR)
    expect(not reset.any(), "constrained again, rows are reset")


def constrain_is_row_by_row(subject: Subject) -> None:
    """A row is constrained the same alone and in a batch."""
    vectors = _vectors()
    alone = [row.clone()[None] for row in vectors]
    reset = subject.component.constrain(vectors)
    for number, row in enumerate(alone):
        expect(bool(subject.component.constrain(row)[0]) == bool(reset[number]), f"row {number} alone is reset or not")
        expect_close(row[0], vectors[number], f"row {number} is constrained to another place alone")


def what_does_not_anneal_is_the_same_at_every_step(subject: Subject) -> None:
    """A schedule that does not say that it anneals has the same class vectors and prior at every progress."""
    if subject.component.anneals:
        raise Skipped("it anneals")
    coordinates, noise = _vectors(), torch.ones(len(_vectors()), NOISE)
    subject.component.constrain(coordinates)
    vectors = [subject.component.class_vector_of(coordinates, progress) for progress in (0.0, PROGRESS, 1.0)]
    priors = [subject.component.prior(vectors[0], noise, progress) for progress in (0.0, PROGRESS, 1.0)]
    for later in (1, 2):
        expect_close(vectors[later], vectors[0], "it does not say that it anneals, but class vectors do")
        one, other = priors[0], priors[later]
        expect((one is None) == (other is None), "it does not say that it anneals, but its prior comes and goes")
        if one is not None and other is not None:
            expect_close(other, one, "it does not say that it anneals, but its prior does")


def prior_is_one_number_per_row(subject: Subject) -> None:
    """The prior is None, or one finite, differentiable number per row, with noise and without."""
    for noise_dim in (NOISE, 0):
        vectors, noise = _on_simplex(), normal(ROWS, noise_dim, seed=1)
        prior = subject.component.prior(vectors, noise, PROGRESS)
        if prior is None:
            continue
        expect(tuple(prior.shape) == (ROWS,), f"for {ROWS} rows it is of shape {tuple(prior.shape)}, not ({ROWS},)")
        of_which = "" if noise_dim else f" of noise of shape ({ROWS}, 0), as a generator without noise has it"
        expect(prior.isfinite().all(), f"it is not finite{of_which}")
        corner = torch.eye(CLASSES)[:1].expand(ROWS, -1)
        for at, name in ((vectors, "inside the simplex"), (corner, "at a corner")):
            gradient = gradient_at(partial(subject.component.prior, noise=noise, progress=PROGRESS), at)
            expect(gradient.isfinite().all(), f"its gradient is not finite {name}")


def prior_is_row_by_row(subject: Subject) -> None:
    """A row's prior depends on that row's latents alone."""
    vectors, noise = _on_simplex(), normal(ROWS, NOISE, seed=1)
    prior = subject.component.prior(vectors, noise, PROGRESS)
    if prior is None:
        raise Skipped("it has no prior")
    for row in range(ROWS):
        alone = subject.component.prior(vectors[row : row + 1], noise[row : row + 1], PROGRESS)
        expect_close(alone, prior[row : row + 1], f"row {row} alone has another prior")
    expect_own_row_only(lambda point: subject.component.prior(vectors, point, PROGRESS), noise, "row")
    expect_own_row_only(lambda point: subject.component.prior(point, noise, PROGRESS), vectors, "row")


def scores_have_a_column_per_class(subject: Subject) -> None:
    """Class scores are finite and of shape (B, K)."""
    energy, vectors = _ends(subject)
    scores = subject.component.class_scores(energy, vectors)
    expected = (ROWS, CLASSES)
    expect(tuple(scores.shape) == expected, f"{ROWS} images give scores of shape {tuple(scores.shape)}, not {expected}")
    expect(scores.isfinite().all(), "some scores are not finite")


def scores_are_row_by_row(subject: Subject) -> None:
    """An image has the same scores alone and in a batch."""
    energy, vectors = _ends(subject)
    scores = subject.component.class_scores(energy, vectors)
    for row in range(ROWS):
        alone = subject.component.class_scores(energy[row : row + 1], vectors[row : row + 1])
        expect_close(alone, scores[row : row + 1], f"image {row} alone has other scores")


def scores_name_the_best_class(subject: Subject) -> None:
    """Where all hypotheses agree on a class, or that class has the least energy, its score is the highest."""
    hypotheses = subject.component.hypotheses(CLASSES)
    held = hypotheses.class_vector.amax(dim=1) == 1
    for wanted in range(CLASSES):
        vectors = torch.where(held[:, None], hypotheses.class_vector, torch.eye(CLASSES)[wanted])
        energy = (vectors.argmax(dim=1) != wanted).float() + 0.1
        found = int(subject.component.class_scores(energy[None], vectors[None]).argmax())
        expect(found == wanted, f"class {wanted} has the least energy, and class {found} the highest score")


def inputs_are_not_changed(subject: Subject) -> None:
    """Reading priors and scores changes none of the tensors it is given."""
    energy, vectors = _ends(subject)
    copies = energy.clone(), vectors.clone()
    subject.component.class_scores(energy, vectors)
    expect_unchanged(energy, copies[0], "the energies")
    expect_unchanged(vectors, copies[1], "the class vectors")
    latent, noise = _on_simplex(), normal(ROWS, NOISE, seed=1)
    copies = latent.clone(), noise.clone()
    subject.component.prior(latent, noise, PROGRESS)
    expect_unchanged(latent, copies[0], "the class vectors")
    expect_unchanged(noise, copies[1], "the noise")


def an_inversion_finishes(subject: Subject) -> None:
    """A short inversion through the engine ends with finite results and classes in range."""
    result = _toy(subject).invert()
    for name in ("class_scores", "distance", "energy", "class_vector", "noise"):
        expect(np.isfinite(getattr(result, name)).all(), f"{name} is not finite")
    expect(((result.prediction >= 0) & (result.prediction < CLASSES)).all(), f"classes are {result.prediction}")


def an_inversion_is_the_same_in_every_batch(subject: Subject) -> None:
    """A short inversion ends the same for an image alone and in a batch."""
    together, alone = _toy(subject).invert(), replace(_toy(subject), batch_size=1).invert()
    for name in ("energy", "class_scores"):
        first, second = (torch.from_numpy(getattr(result, name)) for result in (alone, together))
        expect_close(first, second, f"alone, an image's {name.replace('_', ' ')} is another", 1e-3)


GATES: tuple[Check, ...] = (
    default_steps_are_declared,
    hypotheses_have_their_shape,
    rates_are_finite,
    survivors_only_fall,
    constrain_tells_the_reset_rows,
    prior_is_one_number_per_row,
    scores_have_a_column_per_class,
)
CHECKS: tuple[Check, ...] = (
    hypotheses_are_on_the_simplex,
    hypotheses_are_the_same_every_time,
    rates_are_pure,
    something_moves_at_every_step,
    constrained_is_on_the_simplex,
    coordinates_lead_back_to_the_start,
    class_vectors_are_row_by_row,
    constraining_twice_is_constraining_once,
    constrain_is_row_by_row,
    what_does_not_anneal_is_the_same_at_every_step,
    prior_is_row_by_row,
    scores_are_row_by_row,
    scores_name_the_best_class,
    inputs_are_not_changed,
    an_inversion_finishes,
    an_inversion_is_the_same_in_every_batch,
)


def _lengths(subject: Subject) -> tuple[int, ...]:
    return 1, 7, subject.component.default_steps


def _vectors() -> Tensor:
    """Class vectors where a step may leave them: near the simplex, far off it, negative in all classes, zero."""
    near = _on_simplex() + 0.1 * normal(ROWS, CLASSES, seed=4)
    far = 100 * normal(2, CLASSES, seed=5)
    return torch.cat([near, far, -uniform(1, CLASSES, seed=6) - 0.1, torch.zeros(1, CLASSES)])


def _on_simplex() -> Tensor:
    return normal(ROWS, CLASSES, seed=3).softmax(dim=1)


def _ends(subject: Subject) -> tuple[Tensor, Tensor]:
    """Energies (B, H) and class vectors (B, H, K) where an inversion may end."""
    hypotheses = len(subject.component.hypotheses(CLASSES).restart)
    vectors = normal(ROWS, hypotheses, CLASSES, seed=8).softmax(dim=2)
    return uniform(ROWS, hypotheses, seed=9), vectors


def _are_on_simplex(vectors: Tensor) -> bool:
    return bool((vectors >= 0).all()) and bool(((vectors.sum(dim=1) - 1).abs() <= SUM_ERROR).all())


def _expect_on_simplex(vectors: Tensor, what: str) -> None:
    low, error = vectors.min().item(), (vectors.sum(dim=1) - 1).abs().max().item()
    expect(vectors.isfinite().all(), f"{what} is not finite")
    expect(low >= 0, f"{what} has an element of {low:.3g}")
    expect(error <= SUM_ERROR, f"{what} sums to 1 but for {error:.3g}")


def _toy(subject: Subject) -> Toy:
    return Toy(Optimizer(torch.optim.SGD, 0.5), schedule=subject.component, steps=INVERSION_STEPS)


def _describe(value: object) -> str:
    return f"{tuple(value.shape)} {value.dtype}" if isinstance(value, Tensor) else type(value).__name__
