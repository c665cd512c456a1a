"""The numbers of a product of experts are those of greatest likelihood, and what is not open has no part in it."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from icbench.statistics import Combination, fit_combination
from icbench.statistics.experts import _loss

CLASSES = 4


def drawn(images, weights, offsets, seed=0):
    """Energies of images, and labels drawn with the probabilities that a combination gives them."""
    random = np.random.default_rng(seed)
    energies = random.normal(size=(images, CLASSES, len(weights))) * 3
    truth = Combination(weights, offsets)
    shares = np.exp(truth.log_probabilities(energies)).cumsum(axis=1)
    return energies, (random.random(images)[:, None] > shares).sum(axis=1).clip(max=CLASSES - 1)


def test_the_numbers_that_labels_were_drawn_with_are_found():
    weights, offsets = (1.5, 0.4), (0.6, -0.2, 0.1, -0.5)
    found = fit_combination(*drawn(30_000, weights, offsets))
    np.testing.assert_allclose(found.weights, weights, atol=0.1)
    np.testing.assert_allclose(found.offsets, offsets, atol=0.1)


def test_an_expert_that_knows_nothing_counts_for_nothing():
    energies, labels = drawn(20_000, (1.0,), (0.0,) * CLASSES)
    noise = np.random.default_rng(1).normal(size=(*energies.shape[:2], 1)) * 50
    found = fit_combination(np.concatenate([energies, noise], axis=2), labels)
    assert found.weights[0] == pytest.approx(1.0, abs=0.1)
    assert abs(found.weights[1] * 50) < 0.05


def test_an_expert_that_is_wrong_counts_for_nothing_and_not_for_less():
    energies, labels = drawn(5_000, (1.0,), (0.0,) * CLASSES)
    against = np.random.default_rng(1).normal(size=energies.shape) - energies
    found = fit_combination(np.concatenate([energies, against], axis=2), labels)
    assert found.weights == pytest.approx((1.0, 0.0), abs=0.1)
    assert found.weights[1] == 0
    assert fit_combination(against, labels).weights == (0.0,)


def test_units_of_energies_do_not_matter():
    energies, labels = drawn(2_000, (1.0, 0.5), (0.0,) * CLASSES)
    scale = np.array([1e-4, 1e3])
    one, other = fit_combination(energies, labels), fit_combination(energies * scale, labels)
    np.testing.assert_allclose(
        one.log_probabilities(energies), other.log_probabilities(energies * scale), rtol=0, atol=1e-3
    )


def test_what_is_added_to_all_energies_of_an_image_changes_nothing():
    energies, _ = drawn(10, (1.0, 0.5), (0.0,) * CLASSES)
    combination = Combination((1.0, 0.5), (0.3, 0.0, 0.0, -0.3))
    shifted = energies + np.arange(10)[:, None, None]
    np.testing.assert_allclose(
        combination.log_probabilities(energies), combination.log_probabilities(shifted), atol=1e-9
    )


def test_a_class_that_is_not_open_has_no_probability_and_the_others_have_all():
    energies, _ = drawn(10, (1.0,), (0.0,) * CLASSES)
    energies[:, 2] = np.inf
    found = np.exp(Combination((1.0,), (0.0,) * CLASSES).log_probabilities(energies))
    assert (found[:, 2] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_images_that_tell_nothing_are_left_out_of_the_fit():
    energies, labels = drawn(3_000, (1.0,), (0.0,) * CLASSES)
    expected = fit_combination(energies, labels)
    more = np.concatenate([energies, energies[:500]])
    # Of these the own class is not open, of one only a single class is.
    more[np.arange(3_000, 3_500), labels[:500]] = np.inf
    more[3_000, 1:] = np.inf
    found = fit_combination(more, np.concatenate([labels, labels[:500]]))
    np.testing.assert_allclose(found.weights, expected.weights)


def test_without_images_every_expert_counts_alike():
    assert fit_combination(np.zeros((0, 3, 2)), np.zeros(0, int)) == Combination((1.0, 1.0), (0.0,) * 3)


def test_the_gradient_is_that_of_the_loss():
    energies, labels = drawn(50, (1.0, 0.5), (0.0,) * CLASSES)
    is_open = np.random.default_rng(2).random(energies.shape[:2]) < 0.8
    is_open[np.arange(50), labels] = True
    start = np.random.default_rng(3).normal(size=2 + CLASSES)
    error = check_grad(
        lambda numbers: _loss(numbers, energies, labels, is_open)[0],
        lambda numbers: _loss(numbers, energies, labels, is_open)[1],
        start,
    )
    assert error < 1e-5
