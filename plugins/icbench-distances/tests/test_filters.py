"""Matrices in place of convolutions."""

import numpy as np
import torch
from scipy import ndimage

from icbench_distances import filters


def correlated(images, vertical, horizontal):
    kernel = np.outer(vertical, horizontal)
    return np.stack([[ndimage.correlate(channel, kernel, mode="constant") for channel in image] for image in images])


def test_a_filter_is_the_correlation_with_its_taps(noise):
    images = noise(2, 3, 9, 6)
    vertical, horizontal = (0.5, 2.0, -1.0), (1.0, 0.0, 3.0, 0.2, -0.7)
    found = filters.apply_taps(images, vertical, horizontal)
    np.testing.assert_allclose(found, correlated(images.numpy(), vertical, horizontal), atol=1e-12)


def test_a_margin_is_what_padding_with_black_gives(noise):
    images, taps = noise(2, 1, 6, 5), (1.0, 2.0, 0.5)
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    torch.testing.assert_close(filters.apply_taps(images, taps, taps, pad=2), filters.apply_taps(padded, taps, taps))
    inner = filters.apply_taps(images, taps, taps)[:, :, 1:-1, 1:-1]
    torch.testing.assert_close(filters.apply_taps(images, taps, taps, pad=-1), inner)


def test_sobel_slopes_of_a_ramp_are_its_steepness():
    row, column = torch.meshgrid(torch.arange(7.0), torch.arange(8.0), indexing="ij")
    slopes = filters.sobel((0.1 * row + 0.02 * column)[None, None])[:, :, 1:-1, 1:-1]
    torch.testing.assert_close(slopes[:, 0], torch.full((1, 5, 6), 0.1))
    torch.testing.assert_close(slopes[:, 1], torch.full((1, 5, 6), 0.02))


def test_halving_averages_pairs_and_drops_a_last_single_pixel():
    assert filters.halving(5).tolist() == [[0.5, 0.5, 0, 0, 0], [0, 0, 0.5, 0.5, 0]]


def test_a_constant_made_in_inference_mode_serves_later_gradients():
    image = torch.rand(1, 1, 11, 13, requires_grad=True)
    taps = (0.1, 0.7, 0.2)
    with torch.inference_mode():
        filters.apply_taps(image, taps, taps)
    filters.apply_taps(image, taps, taps).sum().backward()
    assert image.grad is not None
