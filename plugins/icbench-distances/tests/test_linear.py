"""Gradient, blur and IMED against scipy's filters and a full matrix."""

import numpy as np
import pytest
import torch
from scipy import ndimage

SOBEL = np.outer([1, 2, 1], [-1, 0, 1]) / 8


def mean_square(images):
    return np.square(images).mean(axis=(1, 2, 3))


def each(images, function):
    return np.stack([function(image[0])[None] for image in images])


def test_gradient_is_the_squared_error_of_the_sobel_images(build, digits):
    difference = (digits[:6] - digits[6:]).numpy()
    slopes = [
        each(difference, lambda image, k=k: ndimage.correlate(image, k, mode="constant")) for k in (SOBEL, SOBEL.T)
    ]
    expected = mean_square(slopes[0]) + mean_square(slopes[1])
    np.testing.assert_allclose(build("gradient")(digits[:6], digits[6:]), expected, rtol=1e-10)


def test_blur_is_the_weighted_squared_error_of_blurred_copies(build, digits):
    difference = (digits[:6] - digits[6:]).numpy()

    def blurred(sigma):
        return each(
            difference, lambda image: ndimage.gaussian_filter(image, sigma, mode="constant", radius=int(5 * sigma))
        )

    scales = [mean_square(difference), mean_square(blurred(1.0)), mean_square(blurred(2.0))]
    expected = (scales[0] + 3 * scales[1] + 9 * scales[2]) / 13
    found = build("blur", sigma=1.0, levels=2, growth=3.0)(digits[:6], digits[6:])
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_blur_without_blurred_copies_is_the_mean_squared_error(build, digits):
    found = build("blur", levels=0)(digits[:6], digits[6:])
    torch.testing.assert_close(found, build("mse")(digits[:6], digits[6:]))


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
def test_imed_is_the_quadratic_form_of_the_full_matrix(build, digits, sigma):
    places = np.indices((28, 28)).reshape(2, -1).T
    squares = np.square(places[:, None] - places[None]).sum(axis=2)
    matrix = np.exp(-squares / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    difference = (digits[:3] - digits[6:9]).flatten(1).numpy()
    expected = np.einsum("bi,ij,bj->b", difference, matrix, difference) / 784
    np.testing.assert_allclose(build("imed", sigma=sigma)(digits[:3], digits[6:9]), expected, rtol=1e-8)


def test_imed_forgives_a_shift_that_the_squared_error_does_not(build, digits):
    shifted = digits.roll(1, dims=3)
    imed, mse = build("imed")(shifted, digits), build("mse")(shifted, digits)
    far_imed, far_mse = build("imed")(digits.roll(5, dims=0), digits), build("mse")(digits.roll(5, dims=0), digits)
    assert (imed / far_imed < 0.8 * mse / far_mse).all()
