"""SSIM and MS-SSIM against numpy with scipy's filters."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from icbench_distances.structural import WEIGHTS, positive


def window(reach, sigma=1.5):
    line = np.exp(-((np.arange(-reach, reach + 1) / sigma) ** 2) / 2)
    return np.outer(line, line) / line.sum() ** 2


def similarity_by_scipy(first, second, reach):
    """Mean similarity, and mean contrast-structure, of two images (H, W)."""
    kernel = window(reach)
    inner = slice(reach, -reach or None)

    def mean(image):
        return ndimage.correlate(image, kernel, mode="constant")[inner, inner]

    c1, c2 = 0.01**2, 0.03**2
    m1, m2 = mean(first), mean(second)
    v1, v2, cov = mean(first**2) - m1**2, mean(second**2) - m2**2, mean(first * second) - m1 * m2
    structure = (2 * cov + c2) / (v1 + v2 + c2)
    return ((2 * m1 * m2 + c1) / (m1**2 + m2**2 + c1) * structure).mean(), structure.mean()


def halved(image):
    height, width = (size // 2 * 2 for size in image.shape)
    return image[:height, :width].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))


def test_ssim_is_that_of_the_paper(build, digits):
    pairs = zip(digits[:6, 0].numpy(), digits[6:, 0].numpy(), strict=True)
    expected = [1 - similarity_by_scipy(*pair, reach=5)[0] for pair in pairs]
    np.testing.assert_allclose(build("ssim")(digits[:6], digits[6:]), expected, rtol=1e-9)


def test_ms_ssim_is_the_product_of_the_scales_powers(build, digits, noise):
    first, second = digits[:6], (0.8 * digits[:6] + 0.1 * noise(6, 1, 28, 28)).clamp(0, 1)
    found = build("ms-ssim", scales=3)(first, second)
    exponents = np.array(WEIGHTS[:3]) / sum(WEIGHTS[:3])
    for value, a, b in zip(found, first[:, 0].numpy(), second[:, 0].numpy(), strict=True):
        terms = [similarity_by_scipy(a, b, 5)[1], similarity_by_scipy(halved(a), halved(b), 5)[1]]
        terms.append(similarity_by_scipy(halved(halved(a)), halved(halved(b)), 3)[0])
        assert min(terms) > 0.05
        assert value.item() == pytest.approx(1 - np.prod(np.array(terms) ** exponents), rel=1e-8)


def test_one_scale_is_ssim(build, digits, noise):
    near = (0.9 * digits + 0.05 * noise(12, 1, 28, 28)).clamp(0, 1)
    torch.testing.assert_close(build("ms-ssim", scales=1)(near, digits), build("ssim")(near, digits))


def test_opposite_images_still_have_a_gradient(build, digits):
    opposite = (1 - digits).requires_grad_()
    value = build("ms-ssim")(opposite, digits)
    (gradient,) = torch.autograd.grad(value.sum(), opposite)
    assert (value > 0.9).all()
    assert (gradient.flatten(1).norm(dim=1) > 0).all()


def test_what_stands_for_a_negative_similarity_is_positive_rising_and_smooth():
    similarity = torch.linspace(-1, 1, 2001, dtype=torch.float64)
    value = positive(similarity)
    assert (value > 0).all()
    assert (value.diff() > 0).all()
    assert value.diff().diff().abs().max() < 2e-5
    torch.testing.assert_close(value[similarity > 0.05], similarity[similarity > 0.05])
