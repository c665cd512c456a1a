"""Tests and intervals of two classifiers on the same images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from icbench.statistics import (
    PairCounts,
    bonett_price_interval,
    corrected_mcnemar,
    exact_mcnemar,
    images_to_tell_apart,
)

COUNT = st.integers(0, 400)


def by_statsmodels(first, second, exact):
    return mcnemar([[5, first], [second, 3]], exact=exact, correction=True).pvalue


def tables(shares, images, repeats, seed):
    """Counts (repeats, 4) of both, only first, only second, neither."""
    return np.random.default_rng(seed).multinomial(images, shares, size=repeats)


@given(COUNT, COUNT)
def test_exact_mcnemar_agrees_with_statsmodels(first, second):
    assert exact_mcnemar(first, second) == pytest.approx(by_statsmodels(first, second, True), rel=1e-9)


@given(COUNT, COUNT)
def test_corrected_mcnemar_agrees_with_statsmodels(first, second):
    # statsmodels takes 1 from no difference as well, and would answer p < 1 for equal counts.
    if first != second:
        assert corrected_mcnemar(first, second) == pytest.approx(by_statsmodels(first, second, False), rel=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [
        (1, 5, 2 * (1 + 6) / 2**6),
        (5, 1, 2 * (1 + 6) / 2**6),
        (0, 3, 2 / 2**3),
        (2, 8, 2 * (1 + 10 + 45) / 2**10),
        (0, 0, 1),
        (1, 0, 1),
        (4, 4, 1),
    ],
)
def test_exact_mcnemar_by_hand(first, second, p):
    assert exact_mcnemar(first, second) == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize(
    ("first", "second", "chi_squared"), [(5, 15, 9**2 / 20), (6, 0, 5**2 / 6), (3, 4, 0), (9, 9, 0), (0, 0, 0)]
)
def test_corrected_mcnemar_by_hand(first, second, chi_squared):
    assert corrected_mcnemar(first, second) == pytest.approx(stats.chi2.sf(chi_squared, 1), rel=1e-12)


@pytest.mark.parametrize("test", [exact_mcnemar, corrected_mcnemar])
def test_many_pairs_are_tested_as_one_by_one(test):
    first, second = np.random.default_rng(0).integers(0, 40, size=(2, 3, 4))
    together = test(first, second)
    assert together.shape == (3, 4)
    assert together.tolist() == [
        [pytest.approx(float(test(a, b)), rel=1e-12) for a, b in zip(*row, strict=True)]
        for row in zip(first, second, strict=True)
    ]


def test_the_table_counts_each_of_the_four_outcomes():
    first = np.array([True] * 7 + [False] * 3)
    second = np.array([True] * 3 + [False] * 5 + [True] * 2)
    pair = PairCounts.of(first, second)
    assert pair == PairCounts(both=3, only_first=4, only_second=2, neither=1)
    assert pair.images == 10
    assert pair.difference == pytest.approx(first.mean() - second.mean())


def test_no_images_differ_by_nothing():
    pair = PairCounts.of(np.zeros(0, bool), np.zeros(0, bool))
    assert (pair.images, pair.difference) == (0, 0.0)
    assert images_to_tell_apart(pair) is None


def test_bonett_price_interval_by_hand():
    # 26 and 4 discordant of 48: (27 - 5) / 50 = 0.44 and a standard error of sqrt((27 + 5) / 50 - 0.44^2) / sqrt(50).
    # The example of ci.prop.ps in the R package statpsych, by the same D. G. Bonett.
    pair = PairCounts(both=6, only_first=26, only_second=4, neither=12)
    assert bonett_price_interval(pair) == pytest.approx((0.2548067, 0.6251933), abs=1e-6)
    assert bonett_price_interval(pair, z=1) == pytest.approx((0.44 - 0.09448809, 0.44 + 0.09448809), abs=1e-7)


@given(COUNT, COUNT, COUNT, COUNT)
def test_bonett_price_interval_lies_within_the_possible_and_mirrors(both, first, second, neither):
    low, high = bonett_price_interval(PairCounts(both, first, second, neither))
    assert -1 <= low < high <= 1
    mirrored = bonett_price_interval(PairCounts(both, second, first, neither))
    assert mirrored == pytest.approx((-high, -low), abs=1e-12)


def test_classifiers_that_agree_everywhere_are_not_proven_equal():
    low, high = bonett_price_interval(PairCounts(both=90, only_first=0, only_second=0, neither=10))
    assert low == pytest.approx(-high)
    assert high > 0.02


@pytest.mark.parametrize("images", [100, 400])
@pytest.mark.parametrize("shares", [(0.80, 0.08, 0.04, 0.08), (0.85, 0.03, 0.07, 0.05), (0.3, 0.3, 0.1, 0.3)])
def test_bonett_price_interval_covers_the_true_difference_as_often_as_it_says(images, shares):
    """The share of 2000 simulated pairs of correlated classifiers whose interval holds their true difference."""
    truth = shares[1] - shares[2]
    intervals = [bonett_price_interval(PairCounts(*table)) for table in tables(shares, images, 2000, seed=images)]
    coverage = np.mean([low <= truth <= high for low, high in intervals])
    assert 0.935 <= coverage <= 0.98


@pytest.mark.parametrize("images", [100, 400])
def test_bonett_price_interval_errs_on_the_safe_side_where_hardly_any_image_is_discordant(images):
    shares = (0.95, 0.02, 0.01, 0.02)
    intervals = [bonett_price_interval(PairCounts(*table)) for table in tables(shares, images, 2000, seed=images)]
    assert np.mean([low <= 0.01 <= high for low, high in intervals]) >= 0.95


def test_images_to_tell_apart_by_hand():
    # d = 0.02 of p = 0.06: (1.959964 sqrt(0.06) + 0.841621 sqrt(0.06 - 0.0004))^2 / 0.0004 = 1174.97.
    assert images_to_tell_apart(PairCounts(both=900, only_first=40, only_second=20, neither=40)) == 1175
    # d = 0.4 of p = 0.5: (1.959964 sqrt(0.5) + 0.841621 sqrt(0.34))^2 / 0.16 = 22.01.
    assert images_to_tell_apart(PairCounts(both=10, only_first=9, only_second=1, neither=0)) == 23


def test_images_to_tell_apart_depends_on_shares_alone_and_not_on_who_is_better():
    needed = images_to_tell_apart(PairCounts(both=90, only_first=4, only_second=2, neither=4))
    assert needed == images_to_tell_apart(PairCounts(both=900, only_first=20, only_second=40, neither=40))


def test_no_number_of_images_tells_equals_apart():
    assert images_to_tell_apart(PairCounts(both=5, only_first=3, only_second=3, neither=5)) is None


def test_a_pair_that_differs_on_every_image_can_be_planned_for():
    assert images_to_tell_apart(PairCounts(both=0, only_first=7, only_second=0, neither=0)) == 4


@pytest.mark.parametrize(("only_first", "only_second"), [(40, 20), (100, 70), (300, 250)])
def test_with_that_many_images_mcnemar_finds_the_difference_four_times_in_five(only_first, only_second):
    """The power at the planned size: of the chi-squared test it is planned for, and of the exact one, a little less."""
    pair = PairCounts(900 - only_first - only_second, only_first, only_second, neither=100)
    shares = np.array([pair.both, only_first, only_second, pair.neither]) / pair.images
    _, first, second, _ = tables(shares, images_to_tell_apart(pair), 20_000, seed=7).T
    chi_squared = (first - second) ** 2 / np.maximum(first + second, 1)
    assert np.mean(stats.chi2.sf(chi_squared, 1) < 0.05) == pytest.approx(0.80, abs=0.015)
    assert 0.76 <= np.mean(exact_mcnemar(first, second) < 0.05) <= 0.80
