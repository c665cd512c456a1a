"""The Frechet distance against its closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from icbench.training.frechet import frechet_distance


def features(mean, covariance, count=400, seed=0):
    """(N, D) whose sample mean and covariance are exactly these."""
    white = np.random.default_rng(seed).standard_normal((count, len(mean)))
    white -= white.mean(axis=0)
    white = white @ np.linalg.inv(np.linalg.cholesky(np.cov(white, rowvar=False))).T
    return white @ np.linalg.cholesky(np.array(covariance)).T + np.array(mean)


def wishart(size, seed):
    root = np.random.default_rng(seed).standard_normal((size, size))
    return root @ root.T + 0.1 * np.eye(size)


def test_equal_sets_have_no_distance():
    one = np.random.default_rng(0).standard_normal((100, 12)).astype(np.float32)
    assert frechet_distance(one, one.copy()) == pytest.approx(0, abs=1e-9)


def test_equal_spreads_leave_the_squared_distance_of_the_means():
    spread = wishart(3, 0)
    assert frechet_distance(features([0, 0, 0], spread), features([1, 2, -2], spread, seed=1)) == pytest.approx(9)


def test_diagonal_spreads_add_the_squared_differences_of_the_deviations():
    first, second = features([1, 0], np.diag([4, 9])), features([0, 0], np.diag([1, 25]), seed=1)
    assert frechet_distance(first, second) == pytest.approx(1 + (2 - 1) ** 2 + (3 - 5) ** 2)


@settings(max_examples=25)
@given(size=st.integers(2, 8), seed=st.integers(0, 1000))
def test_any_spreads_agree_with_the_root_of_their_product(size, seed):
    one, other = wishart(size, seed), wishart(size, seed + 5000)
    mean = np.random.default_rng(seed).standard_normal(size)
    expected = mean @ mean + np.trace(one + other - 2 * linalg.sqrtm(one @ other).real)
    found = frechet_distance(features(mean, one), features(np.zeros(size), other, seed=1))
    assert found == pytest.approx(expected, rel=1e-6)


def test_neither_set_is_the_first():
    one, other = features([1, 0], wishart(2, 0)), features([0, 3], wishart(2, 1))
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one))


def test_features_that_are_always_zero_are_no_trouble():
    one, other = (np.random.default_rng(seed).standard_normal((50, 4)) for seed in (0, 1))
    padded = [np.hstack([each, np.zeros((50, 3))]) for each in (one, other)]
    assert frechet_distance(*padded) == pytest.approx(frechet_distance(one, other))


def test_more_features_than_images_are_no_trouble():
    one, other = (np.random.default_rng(seed).standard_normal((5, 20)) for seed in (0, 1))
    assert 0 < frechet_distance(one, other) < np.inf


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_infinitely_far(value):
    one = np.zeros((5, 2))
    other = one.copy()
    other[0, 0] = value
    assert frechet_distance(one, other) == np.inf
