"""Nearest class subspace: against a singular value decomposition by numpy."""

from itertools import pairwise

import numpy as np
import pytest
import torch


def squared_residuals_by_numpy(images, labels, asked, dimensions):
    """(B, 10), by singular vectors and an explicit reconstruction."""
    rows, points = images.flatten(1).double().numpy(), asked.flatten(1).double().numpy()
    residuals = []
    for number in range(10):
        own = rows[labels.numpy() == number]
        _, _, directions = np.linalg.svd(own - own.mean(axis=0), full_matrices=False)
        leading = directions[:dimensions]
        reconstruction = own.mean(axis=0) + (points - own.mean(axis=0)) @ leading.T @ leading
        residuals.append(np.square(points - reconstruction).sum(axis=1))
    return np.stack(residuals, axis=1)


@pytest.mark.parametrize("dimensions", [1, 5, 23])
def test_scores_are_the_residuals_of_principal_components_per_class(build, digits, dimensions):
    images, labels = digits("train", 1000)
    asked, _ = digits("validation", 50)
    classifier = build(f"nearest-subspace:dimensions={dimensions}")
    classifier.fit(images, labels, 10, 0)
    expected = squared_residuals_by_numpy(images, labels, asked, dimensions)
    np.testing.assert_allclose(-classifier.scores(asked).numpy(), expected, rtol=1e-4)


def test_no_dimensions_are_the_class_means(build, digits):
    scores = []
    for name in ("nearest-subspace:dimensions=0", "class-mean"):
        classifier = build(name)
        classifier.fit(*digits("train", 500), 10, 0)
        scores.append(classifier.scores(digits("validation", 50)[0]))
    torch.testing.assert_close(*scores, rtol=1e-4, atol=1e-4)


def test_a_subspace_through_all_images_of_a_class_leaves_no_residual_and_is_no_larger(build, digits):
    images, labels = digits("train", 200)
    classifier = build("nearest-subspace:dimensions=784")
    classifier.fit(images, labels, 10, 0)
    own = classifier.scores(images).gather(1, labels[:, None])
    torch.testing.assert_close(own, torch.zeros_like(own), atol=1e-3, rtol=0)
    assert classifier.parameters() == 784 * 200


def test_more_dimensions_leave_less(build, digits):
    residuals = []
    for dimensions in (0, 1, 5, 20):
        classifier = build(f"nearest-subspace:dimensions={dimensions}")
        classifier.fit(*digits("train", 500), 10, 0)
        residuals.append(-classifier.scores(digits("validation", 50)[0]))
    assert all((more <= less + 1e-3).all() for less, more in pairwise(residuals))
