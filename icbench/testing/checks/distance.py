"""Checks of a distance."""

from copy import deepcopy

import torch
from torch import Tensor

from icbench.kinds.distance import Distance, Features, LeastSquares
from icbench.testing.assertions import Skipped, expect, expect_close, expect_unchanged
from icbench.testing.gradients import expect_gradient, expect_own_row_only, gradient_at
from icbench.testing.subject import Check, Subject
from icbench.testing.synthetic import reconstructions, targets

ROWS = 5
ZERO = 1e-5
"""A distance below this share of the one between different images counts as zero: rounding leaves so much."""


def features_have_a_row_per_image(subject: Subject) -> None:
    """Features are a tensor or a tuple of tensors, each with one row per image."""
    features = subject.component.features(targets(ROWS))
    expect(isinstance(features, Tensor | tuple), f"features are {type(features).__name__}")
    for part in _parts(features):
        expect(isinstance(part, Tensor), f"a part of the features is {type(part).__name__}, not a tensor")
        shape = tuple(part.shape)
        expect(shape[:1] == (ROWS,), f"for {ROWS} images, a part of the features has shape {shape}")


def there_is_one_number_per_image(subject: Subject) -> None:
    """B images give B floating-point numbers."""
    values = _values(subject, reconstructions(ROWS), targets(ROWS))
    expect(tuple(values.shape) == (ROWS,), f"{ROWS} images give shape {tuple(values.shape)}, not ({ROWS},)")
    expect(values.is_floating_point(), f"the numbers are {values.dtype}")


def distances_are_finite(subject: Subject) -> None:
    """Distances between usual images are finite."""
    values = _values(subject, reconstructions(ROWS), targets(ROWS))
    expect(values.isfinite().all(), f"some are not finite: {values.tolist()}")


def one_image_gives_one_number(subject: Subject) -> None:
    """A batch of one image is a batch."""
    shape = tuple(_values(subject, reconstructions(1), targets(1)).shape)
    expect(shape == (1,), f"1 image gives shape {shape}, not (1,)")


def extreme_images_give_finite_distances(subject: Subject) -> None:
    """Distances between black, white and equal images are finite."""
    for name, first, second in _extremes():
        values = _values(subject, first, second)
        expect(values.isfinite().all(), f"it is not finite for {name}: {values.tolist()}")


def extreme_images_give_finite_gradients(subject: Subject) -> None:
    """Gradients at black and white reconstructions are finite."""
    for name, first, second in _extremes():
        if name != "equal images":
            _expect_finite_gradient(subject, name, first, second)


def gradient_is_finite_at_equality(subject: Subject) -> None:
    """Where the reconstruction is the target, the gradient is finite."""
    _expect_finite_gradient(subject, "equal images", targets(ROWS), targets(ROWS))


def gradient_is_right(subject: Subject) -> None:
    """The gradient with respect to the reconstruction agrees with central differences."""
    distance, target = subject.component, targets(3)
    expect_gradient(lambda point: distance(point, target.to(point.dtype)), reconstructions(3), "the distance")


def rows_are_independent(subject: Subject) -> None:
    """An image has the same distance alone, in a batch, and in a permuted batch."""
    subject.needs_independent_rows()
    first, second = reconstructions(ROWS), targets(ROWS)
    values = _values(subject, first, second)
    order = torch.arange(ROWS).flip(0)
    expect_close(_values(subject, first[order], second[order]), values[order], "a permuted batch has other distances")
    for row in range(ROWS):
        alone = _values(subject, first[row : row + 1], second[row : row + 1])
        expect_close(alone, values[row : row + 1], f"image {row} has another distance alone than in a batch")


def gradients_stay_in_their_row(subject: Subject) -> None:
    """A distance's gradient is in its own image alone."""
    subject.needs_independent_rows()
    distance, features = subject.component, subject.component.features(targets(ROWS))
    expect_own_row_only(lambda point: distance.compare(point, features), reconstructions(ROWS), "image")


def final_distances_are_like_any(subject: Subject) -> None:
    """What the class is read from is a finite number for each image, the same alone as in a batch."""
    subject.needs_independent_rows()
    first, second = reconstructions(ROWS), targets(ROWS)
    values = _final_values(subject, first, second)
    expect(tuple(values.shape) == (ROWS,), f"{ROWS} images give final distances of shape {tuple(values.shape)}")
    expect(values.isfinite().all(), f"some final distances are not finite: {values.tolist()}")
    for row in range(ROWS):
        alone = _final_values(subject, first[row : row + 1], second[row : row + 1])
        expect_close(alone, values[row : row + 1], f"image {row} has another final distance alone than in a batch")


def a_bad_row_leaves_the_others_alone(subject: Subject) -> None:
    """A reconstruction that is not a number spoils its own distance alone."""
    subject.needs_independent_rows()
    first, second = reconstructions(ROWS), targets(ROWS)
    values = _values(subject, first, second)
    first[0] = torch.nan
    expect_close(_values(subject, first, second)[1:], values[1:], "an image that is not a number changes others")


def features_once_suffice(subject: Subject) -> None:
    """Features made once serve every step: comparing leaves them as they are, and needs nothing else."""
    distance, target = subject.component, targets(ROWS)
    features = distance.features(target)
    copies = [part.clone() for part in _parts(features)]
    distance.features(targets(ROWS, seed=50))
    for seed in (100, 200):
        with torch.no_grad():
            values = distance.compare(reconstructions(ROWS, seed), features)
        expected = _values(subject, reconstructions(ROWS, seed), target)
        expect_close(values, expected, "features made before other images' give other distances")
    for part, copy in zip(_parts(features), copies, strict=True):
        expect(torch.equal(part.nan_to_num(), copy.nan_to_num()), "comparing changes the features")


def features_can_be_repeated(subject: Subject) -> None:
    """Features repeated row by row serve several hypotheses of an image."""
    distance, features = subject.component, subject.component.features(targets(ROWS))
    repeated = tuple(part.repeat_interleave(2, dim=0) for part in _parts(features))
    with torch.no_grad():
        values = distance.compare(
            reconstructions(ROWS).repeat_interleave(2, dim=0), repeated[0] if isinstance(features, Tensor) else repeated
        )
        expected = distance.compare(reconstructions(ROWS), features).repeat_interleave(2)
    expect_close(values, expected, "with repeated features it gives other distances")


def earlier_images_do_not_matter(subject: Subject) -> None:
    """Nothing is kept of the first images it saw, such as their mean."""
    fresh = subject.ready()
    used = deepcopy(fresh)
    with torch.no_grad():
        used(reconstructions(ROWS, seed=300), targets(ROWS, seed=50) / 2)
        values, expected = (one(reconstructions(ROWS), targets(ROWS)) for one in (used, fresh))
    expect_close(values, expected, "after other images it gives other distances")


def features_carry_no_gradient(subject: Subject) -> None:
    """Features require no gradient: the first step would free their graph, and the second would fail."""
    parts = _parts(subject.component.features(targets(ROWS)))
    expect(not any(part.requires_grad for part in parts), "features require a gradient; detach them")


def inputs_are_not_changed(subject: Subject) -> None:
    """Reconstruction and target are the same after a call."""
    first, second = reconstructions(ROWS), targets(ROWS)
    copies = first.clone(), second.clone()
    _values(subject, first, second)
    expect_unchanged(first, copies[0], "the reconstruction")
    expect_unchanged(second, copies[1], "the target")


def strided_images_can_be_compared(subject: Subject) -> None:
    """Reconstructions need not be contiguous in memory, as after a transposition."""
    first, second = reconstructions(ROWS), targets(ROWS)
    strided = first.transpose(2, 3).contiguous().transpose(2, 3)
    expect_close(_values(subject, strided, second), _values(subject, first, second), "strided images give others")


def equality_is_no_worse(subject: Subject) -> None:
    """No reconstruction is nearer to a target than the target itself."""
    target = targets(ROWS)
    equal, scale = _values(subject, target, target), _typical(subject)
    grain = 0.2 * (reconstructions(ROWS) - 0.5)
    others = {
        "other images": reconstructions(ROWS),
        "the target with noise": (target + grain).clamp(0, 1),
        "the target shifted by a pixel": target.roll(1, dims=3),
        "black images": torch.zeros_like(target),
        "white images": torch.ones_like(target),
    }
    for name, other in others.items():
        nearer = (equal - _values(subject, other, target)).max().item()
        expect(nearer <= 10 * ZERO * scale, f"{name} are nearer to the target than itself, by {nearer:.3g}")


def zero_at_equality_is_honest(subject: Subject) -> None:
    """It is 0 between equal images if, and only if, it declares zero-at-equality."""
    largest = _values(subject, targets(ROWS), targets(ROWS)).abs().max().item()
    zero = largest <= ZERO * _typical(subject)
    if subject.has("zero-at-equality"):
        expect(zero, f"it declares zero-at-equality, and is {largest:.3g} between equal images")
    else:
        expect(not zero, "it is 0 between equal images; declare the trait zero-at-equality")


def other_images_are_farther(subject: Subject) -> None:
    """It tells different images from equal ones."""
    target = targets(ROWS)
    equal, other = _values(subject, target, target), _values(subject, reconstructions(ROWS), target)
    same = bool((other - equal <= 1e-6 * other.abs()).any())
    expect(not same, "a different image is as near to the target as the target itself")


def least_squares_is_declared(subject: Subject) -> None:
    """It offers residuals if, and only if, it declares least-squares."""
    offers, declares = isinstance(subject.component, LeastSquares), subject.has("least-squares")
    expect(declares or not offers, "it is a LeastSquares; declare the trait least-squares")
    expect(offers or not declares, "it declares least-squares, and is not an icbench.kinds.distance.LeastSquares")


def residuals_are_honest(subject: Subject) -> None:
    """Half the squared length of the residuals is the distance, and has its gradient."""
    distance = subject.component
    if not isinstance(distance, LeastSquares):
        raise Skipped("it has no residuals")
    features = distance.features(targets(ROWS))

    def halves(point: Tensor) -> Tensor:
        residuals = distance.residuals(point, features)
        sound = residuals.ndim == 2 and len(residuals) == ROWS
        expect(sound, f"residuals of {ROWS} images have shape {tuple(residuals.shape)}, not ({ROWS}, R)")
        return residuals.square().sum(dim=1) / 2

    def values(point: Tensor) -> Tensor:
        return distance.compare(point, features)

    point = reconstructions(ROWS)
    with torch.no_grad():
        expect_close(halves(point), values(point), "half the squared length of the residuals is not the distance")
    expect_close(gradient_at(halves, point), gradient_at(values, point), "the residuals have another gradient", 1e-3)


GATES: tuple[Check, ...] = (
    features_have_a_row_per_image,
    features_carry_no_gradient,
    there_is_one_number_per_image,
    distances_are_finite,
    extreme_images_give_finite_distances,
)
CHECKS: tuple[Check, ...] = (
    one_image_gives_one_number,
    extreme_images_give_finite_gradients,
    gradient_is_finite_at_equality,
    gradient_is_right,
    rows_are_independent,
    gradients_stay_in_their_row,
    final_distances_are_like_any,
    a_bad_row_leaves_the_others_alone,
    features_once_suffice,
    features_can_be_repeated,
    earlier_images_do_not_matter,
    inputs_are_not_changed,
    strided_images_can_be_compared,
    equality_is_no_worse,
    zero_at_equality_is_honest,
    other_images_are_farther,
    least_squares_is_declared,
    residuals_are_honest,
)


def _values(subject: Subject, reconstruction: Tensor, target: Tensor) -> Tensor:
    distance: Distance = subject.component
    with torch.no_grad():
        return distance(reconstruction, target)


def _final_values(subject: Subject, reconstruction: Tensor, target: Tensor) -> Tensor:
    distance: Distance = subject.component
    with torch.no_grad():
        return distance.compare_final(reconstruction, distance.features(target))


def _parts(features: Features) -> tuple[Tensor, ...]:
    return (features,) if isinstance(features, Tensor) else features


def _typical(subject: Subject) -> float:
    """The size of a distance between different images."""
    return _values(subject, reconstructions(ROWS), targets(ROWS)).abs().mean().item()


def _extremes() -> list[tuple[str, Tensor, Tensor]]:
    """Names, reconstructions and targets."""
    black, white, usual = torch.zeros(ROWS, 1, 28, 28), torch.ones(ROWS, 1, 28, 28), targets(ROWS)
    return [
        ("equal images", usual, usual),
        ("black on black", black, black),
        ("white on white", white, white),
        ("black on white", black, white),
        ("white on black", white, black),
        ("black on usual images", black, usual),
        ("white on usual images", white, usual),
        ("usual images on black", reconstructions(ROWS), black),
    ]


def _expect_finite_gradient(subject: Subject, name: str, first: Tensor, second: Tensor) -> None:
    distance = subject.component
    gradient = gradient_at(lambda point: distance(point, second), first)
    expect(gradient.isfinite().all(), f"the gradient is not finite for {name}")
