"""Rank correlations against scipy, by hand, and their intervals and p values where items are few."""

from math import atanh, isnan, sqrt, tanh

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from icbench.statistics import Z95, kendall_tau, spearman

SCIPY = {spearman: stats.spearmanr, kendall_tau: stats.kendalltau}
BOTH = pytest.mark.parametrize("correlate", [spearman, kendall_tau])


@st.composite
def paired(draw, most=30):
    """Two sides of the same items, often with equal values."""
    count = draw(st.integers(2, most))
    values = st.lists(st.integers(0, draw(st.sampled_from([1, 3, 1000]))), min_size=count, max_size=count)
    first, second = draw(values), draw(values)
    assume(len(set(first)) > 1 and len(set(second)) > 1)
    return first, second


@BOTH
@settings(max_examples=100)
@given(case=paired())
def test_the_coefficient_agrees_with_scipy_with_ties_and_without(correlate, case):
    assert correlate(*case).value == pytest.approx(SCIPY[correlate](*case).statistic, abs=1e-12)


@pytest.mark.parametrize("distinct", [4, 1000])
@pytest.mark.parametrize("count", [9, 20, 60])
def test_p_of_many_items_agrees_with_scipy(count, distinct):
    first, second = np.random.default_rng(count).integers(distinct, size=(2, count))
    expected = stats.kendalltau(first, second, method="asymptotic").pvalue
    assert kendall_tau(first, second).p == pytest.approx(expected, rel=1e-9)
    assert spearman(first, second).p == pytest.approx(stats.spearmanr(first, second).pvalue, rel=1e-9)


@pytest.mark.parametrize("count", [3, 4, 5, 6, 7, 8])
def test_p_of_few_items_is_exact(count):
    first, second = np.random.default_rng(count).permutation(count), np.arange(count)
    assert kendall_tau(first, second).p == pytest.approx(stats.kendalltau(first, second, method="exact").pvalue)


def test_p_of_few_items_with_ties_is_exact():
    # Of the 6 orders of (1, 1, 2) against (1, 2, 3), 2 have each of tau = sqrt(2/3), 0 and -sqrt(2/3).
    assert kendall_tau([1, 1, 2], [1, 2, 3]).p == pytest.approx(4 / 6)
    assert kendall_tau([1, 2, 1], [1, 2, 3]).p == 1
    assert spearman([1, 1, 2], [1, 2, 3]).p == pytest.approx(4 / 6)


@BOTH
def test_four_items_in_the_same_order_prove_nothing(correlate):
    result = correlate([1, 2, 3, 4], [10, 20, 30, 40])
    assert result.value == 1
    assert result.p == pytest.approx(2 / 24)


def test_by_hand():
    # One of the ten pairs is in another order; squared rank differences 1 and 1: 1 - 6 * 2 / (5 * 24).
    assert kendall_tau([1, 2, 3, 4, 5], [1, 3, 2, 4, 5]).value == pytest.approx(0.8)
    assert spearman([1, 2, 3, 4, 5], [1, 3, 2, 4, 5]).value == pytest.approx(0.9)


def test_too_few_items_have_no_interval():
    assert (kendall_tau([1, 2, 3, 4], [1, 3, 2, 4]).low, kendall_tau([1, 2, 3, 4], [1, 3, 2, 4]).high) == (None, None)
    assert kendall_tau([1, 2, 3, 4, 5], [1, 3, 2, 4, 5]).low is not None
    assert spearman([1, 2, 3], [1, 3, 2]).low is None
    assert spearman([1, 2, 3, 4], [1, 3, 2, 4]).low is not None


def test_spearmans_interval_is_that_of_bonett_and_wright_for_many_items():
    random = np.random.default_rng(0)
    first = random.standard_normal(400)
    result = spearman(first, first + random.standard_normal(400))
    half = Z95 * sqrt((1 + result.value**2 / 2) / 397)
    ends = tanh(atanh(result.value) - half), tanh(atanh(result.value) + half)
    assert (result.low, result.high) == pytest.approx(ends, abs=1e-6)


def test_kendalls_interval_is_that_of_fieller_for_many_items():
    random = np.random.default_rng(0)
    first = random.standard_normal(400)
    result = kendall_tau(first, first + random.standard_normal(400))
    half = Z95 * sqrt(0.437 / 396)
    assert (result.low, result.high) == pytest.approx(
        (tanh(atanh(result.value) - half), tanh(atanh(result.value) + half)), abs=1e-4
    )


@BOTH
@pytest.mark.parametrize(("count", "least", "most"), [(5, 0.95, 1.0), (7, 0.95, 1.0), (12, 0.93, 0.99)])
def test_the_interval_of_few_items_holds_the_true_value_often_enough(correlate, count, least, most):
    """Of 400 draws from a normal distribution with a Kendall correlation of 0.3."""
    normal = np.sin(np.pi * 0.3 / 2)
    true = {kendall_tau: 0.3, spearman: 6 / np.pi * np.arcsin(normal / 2)}[correlate]
    random = np.random.default_rng(5)
    first, noise = random.standard_normal((2, 400, count))
    second = normal * first + np.sqrt(1 - normal**2) * noise
    # No p, which takes longer than all the rest, is needed here.
    results = [correlate(*pair) for pair in zip(first, second, strict=True)]
    assert least <= np.mean([result.low <= true <= result.high for result in results]) <= most


@BOTH
@given(case=paired(7))
@settings(max_examples=50)
def test_the_value_lies_in_its_interval_and_that_in_its_range(correlate, case):
    result = correlate(*case)
    if result.low is not None:
        assert -1 <= result.low <= result.value <= result.high <= 1
        assert result.low < result.high


@BOTH
def test_perfect_agreement_leaves_room_below(correlate):
    result = correlate(range(6), range(6))
    assert (result.value, result.high) == (1, 1)
    assert 0 < result.low < 0.95


@BOTH
@settings(max_examples=50)
@given(case=paired(7))
def test_reversing_one_side_turns_the_sign_and_keeps_p(correlate, case):
    first, second = case
    result, reversed_one = correlate(first, second), correlate(first, [-value for value in second])
    assert reversed_one.value == pytest.approx(-result.value, abs=1e-12)
    assert reversed_one.p == pytest.approx(result.p)
    if result.low is not None:
        assert (reversed_one.low, reversed_one.high) == pytest.approx((-result.high, -result.low))


@BOTH
def test_sides_can_be_exchanged(correlate):
    first, second = [3, 1, 4, 1, 5, 9], [2, 7, 1, 8, 2, 8]
    assert correlate(first, second) == correlate(second, first)


@BOTH
@pytest.mark.parametrize("count", [1, 5, 20])
def test_equal_values_rank_nothing(correlate, count):
    result = correlate([7] * count, range(count))
    assert isnan(result.value)
    assert (result.low, result.high, result.p) == (None, None, 1)
