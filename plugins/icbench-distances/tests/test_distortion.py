"""The image distortion model, against loops over pixels."""

import itertools

import numpy as np
import pytest
import torch
from scipy import ndimage


def slopes(image, margin):
    padded = np.pad(image, margin)
    kernel = np.outer([-1, 0, 1], [1, 2, 1]) / 8
    return np.stack([ndimage.correlate(padded, k, mode="constant") for k in (kernel, kernel.T)])


def distortion_by_loops(reconstruction, target, warp, context):
    height, width = target.shape
    margin = warp + context + 1
    found, sought = slopes(reconstruction, margin), slopes(target, margin)

    def around(image, row, column):
        return image[:, row - context : row + context + 1, column - context : column + context + 1]

    total = 0.0
    for row, column in itertools.product(range(margin, margin + height), range(margin, margin + width)):
        own = around(sought, row, column)
        total += min(
            np.square(around(found, row + down, column + right) - own).sum()
            for down, right in itertools.product(range(-warp, warp + 1), repeat=2)
        )
    return total / (height * width * (2 * context + 1) ** 2)


@pytest.mark.parametrize(("warp", "context"), [(0, 0), (1, 0), (0, 1), (1, 1), (2, 1), (2, 2)])
def test_idm_is_the_sum_of_each_pixels_best_match(build, noise, warp, context):
    first, second = noise(3, 1, 7, 6), noise(3, 1, 7, 6, seed=1)
    found = build("idm", warp=warp, context=context)(first, second)
    pairs = zip(first[:, 0].numpy(), second[:, 0].numpy(), strict=True)
    np.testing.assert_allclose(found, [distortion_by_loops(*pair, warp, context) for pair in pairs], rtol=1e-9)


def test_idm_without_displacement_and_context_is_the_gradient_distance(build, digits):
    found = build("idm", warp=0, context=0)(digits[:6], digits[6:])
    torch.testing.assert_close(found, build("gradient")(digits[:6], digits[6:]))


@pytest.mark.parametrize("shift", [(1, 0), (-1, 1), (2, -2)])
def test_a_digit_shifted_within_the_warp_range_has_distance_zero(build, digits, shift):
    digits = digits * torch.nn.functional.pad(torch.ones(22, 22), (3, 3, 3, 3))
    shifted = digits.roll(shift, dims=(2, 3))
    assert build("idm", warp=2)(shifted, digits).max() < 1e-12
    assert (build("idm", warp=0)(shifted, digits) > 1e-3).all()


def test_of_equally_good_matches_the_one_in_place_counts(build, digits):
    black = [torch.zeros_like(digits).requires_grad_() for _ in range(2)]
    for image, warp in zip(black, (0, 2), strict=True):
        build("idm", warp=warp)(image, digits).sum().backward()
    torch.testing.assert_close(black[0].grad, black[1].grad)


def test_a_wider_warp_is_never_farther(build, digits):
    values = [build("idm", warp=warp)(digits[:6], digits[6:]) for warp in range(4)]
    assert all((wider <= narrower).all() for narrower, wider in itertools.pairwise(values))


@pytest.mark.parametrize("context", [0, 1, 2])
def test_the_value_and_gradient_are_those_of_the_residuals(build, digits, context):
    idm = build("idm", context=context)
    features = idm.features(digits[6:])
    points = [digits[:6].clone().requires_grad_() for _ in range(2)]
    values = idm.compare(points[0], features), idm.residuals(points[1], features).square().sum(dim=1) / 2
    torch.testing.assert_close(*values)
    for value in values:
        value.sum().backward()
    torch.testing.assert_close(points[0].grad, points[1].grad)


def test_more_images_than_are_searched_together_keep_their_distances(build, digits):
    idm, many = build("idm"), digits.repeat(4, 1, 1, 1)
    torch.testing.assert_close(idm(many, many.flip(0)), idm(digits, digits.flip(0)).repeat(4))


def test_mse_idm_steps_by_the_squared_error_and_adds_the_distortion_model_at_the_end(build, digits):
    found, first, second = build("mse-idm", warp=1, weight=3.0), digits[:6], digits[6:]
    features, errors = found.features(second), (first - second).square().flatten(1).mean(dim=1)
    torch.testing.assert_close(found.compare(first, features), errors)
    expected = errors + 3 * build("idm", warp=1, context=2)(first, second)
    torch.testing.assert_close(found.compare_final(first, features), expected)


@pytest.mark.parametrize(("warp", "context"), [(0, 0), (2, 0), (2, 1), (1, 2)])
def test_idm_has_the_same_value_whether_a_gradient_is_asked_for_or_not(build, noise, warp, context):
    first, second = noise(5, 2, 9, 7), noise(5, 2, 9, 7, seed=1)
    distance = build("idm", warp=warp, context=context)
    expected = distance(first.clone().requires_grad_(), second).detach()
    torch.testing.assert_close(distance(first, second), expected, rtol=1e-12, atol=0)
