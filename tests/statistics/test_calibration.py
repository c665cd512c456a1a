"""Scores of predicted probabilities, and the temperature that makes them fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from icbench.statistics import Calibration, ReliabilityBin, calibration, fit_temperature, reliability

BINS = 15


def scores_of(*confidences):
    """Two-class scores whose softmax gives class 0 these probabilities."""
    return np.array([[np.log(confidence), np.log1p(-confidence)] for confidence in confidences])


def generated(temperature, images=4000, classes=10, seed=0):
    """Scores, and labels drawn from softmax(scores / temperature)."""
    random = np.random.default_rng(seed)
    scores = 3 * random.standard_normal((images, classes))
    noisy = scores / temperature + random.gumbel(size=scores.shape)
    return scores, noisy.argmax(axis=1)


def nll(scores, labels, temperature):
    return -log_softmax(scores / temperature, axis=1)[np.arange(len(labels)), labels].mean()


def test_scores_by_hand():
    # Sure by 0.8 on five images, right on three of them.
    result = calibration(scores_of(0.8, 0.8, 0.8, 0.8, 0.8), np.array([0, 0, 0, 1, 1]))
    assert result.ece == pytest.approx(0.8 - 3 / 5)
    assert result.brier == pytest.approx((3 * (0.2**2 + 0.2**2) + 2 * (0.8**2 + 0.8**2)) / 5)
    assert result.nll == pytest.approx(-(3 * np.log(0.8) + 2 * np.log(0.2)) / 5)
    assert result.temperature == 1.0


def test_errors_of_calibration_are_weighed_by_the_images_in_each_bin():
    # Bin of 0.9: confidence 0.9, 1 of 1 right. Bin of 0.6: confidence 0.6, 1 of 3 right.
    result = calibration(scores_of(0.9, 0.6, 0.6, 0.6), np.array([0, 0, 1, 1]))
    assert result.ece == pytest.approx(0.25 * 0.1 + 0.75 * (0.6 - 1 / 3))


def test_bins_say_how_sure_and_how_right_their_images_are_and_empty_ones_are_left_out():
    low, high = reliability(scores_of(0.9, 0.61, 0.64, 0.64), np.array([0, 0, 1, 1]))
    assert (low.images, low.accuracy) == (3, pytest.approx(1 / 3))
    assert low.confidence == pytest.approx((0.61 + 0.64 + 0.64) / 3)
    assert high == ReliabilityBin(1, pytest.approx(0.9), 1.0)


def test_a_temperature_makes_the_bins_less_sure():
    (found,) = reliability(scores_of(0.9), np.array([0]), temperature=2.0)
    assert found.confidence == pytest.approx(3 / 4)


def test_over_and_underconfidence_cancel_within_a_bin_but_not_between_bins():
    within = calibration(scores_of(0.75, 0.75, 0.75, 0.75), np.array([0, 0, 0, 1]))
    between = calibration(scores_of(0.75, 0.95), np.array([0, 1]))
    assert within.ece == pytest.approx(0, abs=1e-12)
    assert between.ece == pytest.approx((0.25 + 0.95) / 2)


def test_being_certain_belongs_to_the_last_bin():
    # Confidence 1 and wrong, confidence 0.95 and right: the gaps of -1 and 0.05 share a bin.
    scores = np.concatenate([[[1000.0, 0.0]], scores_of(0.95)])
    assert calibration(scores, np.array([1, 0])).ece == pytest.approx(0.95 / 2)


def test_knowing_nothing_costs_the_logarithm_of_the_number_of_classes():
    result = calibration(np.zeros((5, 10)), np.arange(5))
    assert result.nll == pytest.approx(np.log(10))
    assert result.brier == pytest.approx(0.9**2 + 9 * 0.1**2)


def test_being_certain_and_right_is_perfect():
    scores, labels = 1e4 * np.eye(4), np.arange(4)
    assert calibration(scores, labels) == Calibration(temperature=1.0, ece=0.0, brier=0.0, nll=0.0)


def test_being_certain_and_wrong_is_as_bad_as_can_be_and_finite():
    result = calibration(1e4 * np.eye(4), np.array([1, 2, 3, 0]))
    assert (result.ece, result.brier, result.nll) == pytest.approx((1.0, 2.0, 1e4))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 7.0])
def test_scores_agree_with_simple_formulas(temperature):
    scores, labels = generated(2.0, images=500)
    log_probabilities = log_softmax(scores / temperature, axis=1)
    probabilities, one_hot = np.exp(log_probabilities), np.eye(10)[labels]
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    ece = 0.0
    for lower in np.arange(BINS) / BINS:
        inside = (confidence >= lower) & (confidence < lower + 1 / BINS)
        if inside.any():
            ece += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    result = calibration(scores, labels, temperature)
    assert result.temperature == temperature
    assert result.nll == pytest.approx(nll(scores, labels, temperature))
    assert result.brier == pytest.approx(((probabilities - one_hot) ** 2).sum(axis=1).mean())
    assert result.ece == pytest.approx(ece)


def test_single_precision_scores_do():
    scores, labels = generated(2.0, images=500)
    single = calibration(scores.astype(np.float32), labels, 2.0)
    assert single.nll == pytest.approx(calibration(scores, labels, 2.0).nll, rel=1e-6)
    assert fit_temperature(scores.astype(np.float32), labels) == pytest.approx(
        fit_temperature(scores, labels), rel=1e-3
    )


def test_adding_a_constant_to_all_scores_of_an_image_changes_nothing():
    scores, labels = generated(2.0, images=200)
    moved = calibration(scores + 100 * np.arange(200)[:, None], labels)
    expected = calibration(scores, labels)
    assert (moved.ece, moved.brier, moved.nll) == pytest.approx((expected.ece, expected.brier, expected.nll))


@pytest.mark.parametrize("temperature", [0.2, 1.0, 2.5, 20.0])
def test_the_temperature_that_generated_the_labels_is_recovered(temperature):
    scores, labels = generated(temperature, images=20_000 if temperature > 10 else 4000)
    assert fit_temperature(scores, labels) == pytest.approx(temperature, rel=0.1)


@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_no_other_temperature_has_a_smaller_nll(temperature):
    scores, labels = generated(temperature, images=1000, seed=1)
    best = minimize_scalar(lambda log: nll(scores, labels, np.exp(log)), bounds=(-5, 5), method="bounded")
    fitted = fit_temperature(scores, labels)
    assert nll(scores, labels, fitted) <= best.fun + 1e-12
    assert fitted == pytest.approx(np.exp(best.x), rel=1e-3)


@given(st.floats(-6, 6))
def test_scores_scaled_by_a_factor_scale_the_temperature_by_it(exponent):
    scores, labels = generated(1.5, images=60)
    expected = fit_temperature(scores, labels) * 10**exponent
    assert fit_temperature(scores * 10**exponent, labels) == pytest.approx(expected, rel=1e-5)


def test_fitting_lowers_the_calibration_error_of_overconfident_scores():
    scores, labels = generated(3.0)
    before, after = (calibration(scores, labels, t) for t in (1.0, fit_temperature(scores, labels)))
    assert after.ece < 0.03 < 0.2 < before.ece
    assert after.nll < before.nll


def test_scores_that_are_always_right_want_a_low_temperature_and_stay_finite():
    scores = np.eye(10)
    assert calibration(scores, np.arange(10), fit_temperature(scores, np.arange(10))).nll < 1e-9


def test_scores_that_are_always_wrong_want_to_say_nothing():
    scores, labels = np.eye(10), np.roll(np.arange(10), 1)
    assert calibration(scores, labels, fit_temperature(scores, labels)).nll == pytest.approx(np.log(10), abs=1e-3)


def test_equal_scores_have_some_finite_temperature():
    assert 0 < fit_temperature(np.zeros((4, 3)), np.zeros(4, int)) < np.inf
