"""The interval of a proportion."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from icbench.statistics import wilson_interval

COUNTS = st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Computed by hand from Wilson's formula; the first is the textbook case of Newcombe (1998), table I.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_agrees_with_published_values(successes, trials, low, high):
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_nothing_tried_says_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)


@given(COUNTS)
def test_the_interval_holds_the_share_and_is_symmetric_under_exchange(counts):
    successes, trials = counts
    low, high = wilson_interval(successes, trials)
    assert 0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1
    mirrored = wilson_interval(trials - successes, trials)
    assert math.isclose(low, 1 - mirrored[1], abs_tol=1e-9)


@given(COUNTS)
def test_wilson_interval_agrees_with_statsmodels(counts):
    assert wilson_interval(*counts) == pytest.approx(proportion_confint(*counts, method="wilson"), abs=1e-12)


@pytest.mark.parametrize("trials", [1, 2, 7, 1000, 10**6])
def test_wilson_interval_agrees_with_statsmodels_where_none_or_all_succeed(trials):
    for successes in (0, trials):
        expected = proportion_confint(successes, trials, method="wilson")
        assert wilson_interval(successes, trials) == pytest.approx(expected, abs=1e-12)


def test_another_z_gives_another_level():
    z90 = 1.6448536269514722
    assert wilson_interval(7, 20, z90) == pytest.approx(proportion_confint(7, 20, alpha=0.1, method="wilson"))
