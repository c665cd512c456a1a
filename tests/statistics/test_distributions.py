"""The distribution functions against scipy's distributions, over wide ranges and at their edges."""

import numpy as np
import pytest
from scipy import stats

from icbench.statistics.distributions import (
    fair_binomial_cdf,
    normal_two_sided,
    student_quantile,
    student_two_sided,
)

FREEDOMS = [1, 1.5, 2, 3.7, 10, 99, 1000, 1e5]
TRIALS = [1, 2, 3, 10, 101, 1000, 10_000, 60_000]


@pytest.mark.parametrize("trials", TRIALS)
def test_fair_binomial_tails_are_relatively_accurate(trials):
    spread = np.linspace(-12, 12, 49) * np.sqrt(trials) / 2
    successes = np.unique(np.clip(np.round(trials / 2 + spread), 0, trials))
    expected = stats.binom.cdf(successes, trials, 0.5)
    visible = expected > 1e-280
    np.testing.assert_allclose(fair_binomial_cdf(successes, trials)[visible], expected[visible], rtol=1e-9)


def test_the_smallest_fair_binomial_tail_is_a_power_of_two():
    np.testing.assert_allclose(
        fair_binomial_cdf(0, [1, 10, 100, 1000]), 0.5 ** np.array([1, 10, 100, 1000]), rtol=1e-11
    )


def test_all_successes_or_more_are_certain():
    assert np.all(fair_binomial_cdf(TRIALS, TRIALS) == 1)
    assert fair_binomial_cdf(0, 0) == 1
    assert fair_binomial_cdf(8, 7) == 1


def test_normal_two_sided_is_relatively_accurate_in_both_tails():
    z = np.linspace(-37, 37, 401)
    np.testing.assert_allclose(normal_two_sided(z), 2 * stats.norm.sf(np.abs(z)), rtol=1e-11)


def test_no_deviation_has_probability_one():
    assert normal_two_sided(0.0) == 1
    assert np.all(student_two_sided(0.0, FREEDOMS) == 1)


@pytest.mark.parametrize("df", FREEDOMS)
def test_student_two_sided_agrees_with_scipy(df):
    t = np.array([1e-3, 0.1, 0.5, 1, 2, 3, 5, 12, 60, 1e3])
    t = np.concatenate([-t, t])
    expected = 2 * stats.t.sf(np.abs(t), df)
    visible = expected > 1e-280
    np.testing.assert_allclose(student_two_sided(t, df)[visible], expected[visible], rtol=1e-8)


def test_student_two_sided_broadcasts_and_ends_at_zero():
    assert student_two_sided(np.zeros((2, 1)), np.array([1.0, 2.0, 3.0])).shape == (2, 3)
    assert student_two_sided(np.inf, 3.0) == 0


@pytest.mark.parametrize("df", FREEDOMS)
@pytest.mark.parametrize("outside", [0.5, 0.05, 1e-6])
def test_student_quantile_agrees_with_scipy(df, outside):
    assert student_quantile(df, outside) == pytest.approx(stats.t.isf(outside / 2, df), rel=1e-9)
