"""Nearest neighbour by tangent distance: against least squares by numpy, and on digits that were moved."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from icbench_classifiers.tangent import orthonormal


def smoothed_by_scipy(image, sigma, order=(0, 0)):
    return ndimage.gaussian_filter(image, sigma, order=order, mode="constant", radius=int(10 * sigma))


def tangents_by_scipy(image, sigma):
    """The seven tangent vectors (7, 784) of an image (28, 28)."""
    down, right = smoothed_by_scipy(image, sigma, (1, 0)), smoothed_by_scipy(image, sigma, (0, 1))
    y, x = np.meshgrid(np.arange(28) - 13.5, np.arange(28) - 13.5, indexing="ij")
    along = [down, right, x * right + y * down, y * right - x * down]
    along += [x * right - y * down, y * right + x * down, right**2 + down**2]
    return np.stack([vector.ravel() for vector in along])


def squared_distance_by_numpy(image, other, sigma):
    difference = smoothed_by_scipy(image - other, sigma).ravel()
    _, squares, _, _ = np.linalg.lstsq(tangents_by_scipy(image, sigma).T, difference, rcond=None)
    return squares[0]


@pytest.mark.parametrize("sigma", [0.7, 1.0, 2.0])
def test_distances_are_the_least_squares_residuals_of_the_images_seven_tangents(build, digits, sigma):
    images, labels = digits("train", 12)
    asked, _ = digits("validation", 5)
    classifier = build(f"tangent-neighbour:sigma={sigma}")
    classifier.fit(images, labels, 10, 0)
    found = classifier.squared_distances(asked).numpy()
    pairs = [[(x, y) for y in images[:, 0].double().numpy()] for x in asked[:, 0].double().numpy()]
    expected = [[squared_distance_by_numpy(x, y, sigma) for x, y in row] for row in pairs]
    # scipy samples the kernel's slope, and brings the samples of the kernel to sum 1: a fifth of a per mille at 0.7.
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_the_prediction_is_the_class_of_least_tangent_distance(build, digits):
    images, labels = digits("train", 40)
    asked, _ = digits("validation", 15)
    classifier = build("tangent-neighbour")
    classifier.fit(images, labels, 10, 0)
    nearest = [
        int(np.argmin([squared_distance_by_numpy(x, y, 1.0) for y in images[:, 0].double().numpy()]))
        for x in asked[:, 0].double().numpy()
    ]
    assert torch.equal(classifier.scores(asked).argmax(dim=1), labels[nearest])


def test_a_digit_that_was_moved_finds_itself_where_the_euclidean_distance_does_not(build, digits):
    images, _ = digits("train", 300)
    moved, itself = images.roll(1, dims=2), torch.arange(300)
    found = {}
    for name in ("tangent-neighbour", "knn:k=1"):
        classifier = build(name)
        classifier.fit(images, itself, 300, 0)
        found[name] = (classifier.scores(moved).argmax(dim=1) == itself).float().mean().item()
    assert found["tangent-neighbour"] > 0.98
    assert found["knn:k=1"] < 0.9


def test_a_black_image_has_no_tangents_and_keeps_its_euclidean_distance(build, digits):
    images, labels = digits("train", 20)
    classifier = build("tangent-neighbour")
    classifier.fit(images, labels, 10, 0)
    distances = classifier.squared_distances(torch.zeros(1, 1, 28, 28))
    torch.testing.assert_close(distances[0], classifier.points.square().sum(dim=1))


def test_dependent_vectors_add_nothing_to_the_basis():
    vectors = torch.rand(2, 3, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    doubled = torch.cat([vectors, vectors[:, :1] + vectors[:, 1:2]], dim=1)
    basis = orthonormal(doubled)
    expected = torch.diag(torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=torch.float64)).expand(2, 4, 4)
    torch.testing.assert_close(basis @ basis.mT, expected, atol=1e-3, rtol=0)
