"""One-sided tangent distance: against least squares by numpy, and on digits that were moved."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import ndimage

from icbench_distances.filters import apply_taps, gaussian
from icbench_distances.tangent import orthonormal, tangent_vectors


def tangents_by_scipy(image, sigma):
    """The seven tangent vectors (7, 784) of an image (28, 28)."""

    def slope(order):
        return ndimage.gaussian_filter(image, sigma, order=order, mode="constant", radius=int(5 * sigma))

    down, right = slope((1, 0)), slope((0, 1))
    y, x = np.meshgrid(np.linspace(-1, 1, 28), np.linspace(-1, 1, 28), indexing="ij")
    along = [down, right, x * right + y * down, y * right - x * down]
    along += [x * right - y * down, y * right + x * down, right**2 + down**2]
    return np.stack([vector.ravel() for vector in along])


def smoothed_squares(first, second):
    """The mean squared error between images smoothed with sigma 1: (B,)."""
    return apply_taps(first - second, gaussian(1.0), gaussian(1.0)).square().mean(dim=(1, 2, 3))


def moved(images, function):
    return torch.from_numpy(np.stack([function(image[0].numpy())[None] for image in images])).clamp(0, 1)


def affine(matrix):
    """A transformation about the middle of the image."""
    middle = np.full(2, 13.5)
    return lambda image: ndimage.affine_transform(image, matrix, middle - np.array(matrix) @ middle, order=1)


def turned(degrees):
    angle = np.radians(degrees)
    return affine([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def test_tangent_distance_is_the_least_squares_residual_of_the_seven_tangents(build, digits):
    found = build("tangent", sigma=1.0)(digits[:6], digits[6:])
    for value, reconstruction, target in zip(found, digits[:6].numpy(), digits[6:].numpy(), strict=True):
        tangents = tangents_by_scipy(target[0], 1.0)
        difference = ndimage.gaussian_filter(reconstruction[0] - target[0], 1.0, mode="constant", radius=5).ravel()
        _, squares, _, _ = np.linalg.lstsq(tangents.T, difference, rcond=None)
        assert value.item() == pytest.approx(squares[0] / 784, rel=1e-5)


MOVES = {
    "moved by a pixel": (lambda image: np.roll(image, 1, axis=1), 0.06),
    "moved by 0.7 pixels": (lambda image: ndimage.shift(image, (0.7, 0.0), order=1), 0.06),
    "turned by 5 degrees": (turned(5), 0.06),
    "larger by 6 %": (affine(np.diag([0.94, 0.94])), 0.06),
    "narrower and higher": (affine(np.diag([0.95, 1.05])), 0.06),
    "sheared diagonally": (affine([[1, 0.05], [0.05, 1]]), 0.06),
    "thickened": (lambda image: image + 0.3 * (ndimage.grey_dilation(image, 3) - image), 0.2),
}


@pytest.mark.parametrize("move", MOVES)
def test_a_digit_that_was_moved_a_little_is_far_nearer_than_its_squared_error_says(build, digits, move):
    function, share = MOVES[move]
    other = moved(digits, function)
    tangent, squared = build("tangent")(other, digits), build("mse")(other, digits)
    assert (tangent < share * squared).all()


def test_another_digit_stays_far(build, digits):
    other = digits.roll(5, dims=0)
    assert (build("tangent")(other, digits) > 0.15 * build("mse")(other, digits)).all()


def test_a_tangent_vector_is_the_change_of_a_moving_image():
    y, x = torch.meshgrid(torch.linspace(-1, 1, 28), torch.linspace(-1, 1, 28), indexing="ij")

    def blob(y, x):
        return torch.exp(-((x - 0.2) ** 2 + 0.5 * (y + 0.1) ** 2) / 0.08).double()[None, None]

    e = 0.01
    changes = [
        blob(y + e, x) - blob(y - e, x),
        blob(y, x + e) - blob(y, x - e),
        blob(y * (1 + e), x * (1 + e)) - blob(y * (1 - e), x * (1 - e)),
        blob(y - e * x, x + e * y) - blob(y + e * x, x - e * y),
        blob(y * (1 - e), x * (1 + e)) - blob(y * (1 + e), x * (1 - e)),
        blob(y + e * x, x + e * y) - blob(y - e * x, x - e * y),
    ]
    vectors = tangent_vectors(blob(y, x), sigma=0.6)[0]
    for vector, change in zip(vectors, changes, strict=False):
        assert torch.cosine_similarity(vector, change.flatten(), dim=0) > 0.99


def test_a_spring_leads_from_the_tangent_distance_to_the_squared_error(build, digits):
    first, second = digits[:6], digits[6:]
    springs = [build("tangent", spring=spring)(first, second) for spring in (0.0, 0.5, 2.0, 1e6)]
    assert all((weaker < stronger).all() for weaker, stronger in pairwise(springs))
    torch.testing.assert_close(springs[-1], smoothed_squares(first, second), rtol=1e-5, atol=0)
    torch.testing.assert_close(springs[1], (2 * springs[0] + springs[-1]) / 3, rtol=1e-5, atol=0)


def test_a_black_target_has_no_tangents_and_the_distance_is_the_squared_error(build, digits):
    black = torch.zeros_like(digits)
    torch.testing.assert_close(build("tangent")(digits, black), smoothed_squares(digits, black))


def test_dependent_vectors_add_nothing_to_the_basis(noise):
    vectors = noise(2, 3, 50)
    doubled = torch.cat([vectors, vectors[:, :1] + vectors[:, 1:2]], dim=1)
    basis = orthonormal(doubled)
    expected = torch.diag(torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=torch.float64)).expand(2, 4, 4)
    torch.testing.assert_close(basis @ basis.mT, expected, atol=1e-3, rtol=0)
