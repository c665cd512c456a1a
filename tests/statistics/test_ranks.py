"""Corrections for many comparisons, and ranks with ties that cannot be resolved."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from icbench.statistics import holm, rank_ranges

P = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.01, 0.02, 0.5, 1.0]))
MANY_P = st.lists(P, min_size=1, max_size=30)


@st.composite
def proofs(draw):
    """A relation in which each entry is proven better than some of those behind it in a hidden order."""
    count = draw(st.integers(1, 8))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    proven = np.triu(random.random((count, count)) < draw(st.floats(0, 1)), 1)
    hidden = random.permutation(count)
    return proven[np.ix_(hidden, hidden)]


@settings(max_examples=40)
@given(MANY_P)
def test_holm_agrees_with_statsmodels(p):
    # It collects garbage with each call, which takes most of a second where other tests have left much.
    with mock.patch("gc.collect"):
        expected = multipletests(p, method="holm")[1]
    np.testing.assert_allclose(holm(p), expected, rtol=1e-12)


def test_nothing_to_correct_gives_nothing():
    assert holm([]).shape == (0,)


@given(MANY_P.flatmap(lambda p: st.tuples(st.just(p), st.permutations(range(len(p))))))
def test_holm_does_not_depend_on_the_order(case):
    p, order = case
    order = list(order)
    assert holm(np.array(p)[order]).tolist() == holm(p)[order].tolist()


def test_holm_leaves_its_argument_alone():
    p = np.array([0.03, 0.01])
    holm(p)
    assert p.tolist() == [0.03, 0.01]


def test_holm_keeps_the_chance_of_any_false_discovery_at_the_level():
    """The share of 4000 families of 10 null hypotheses in which at least one is rejected at 5 %."""
    families = np.random.default_rng(0).random((4000, 10))
    assert np.mean([holm(p).min() < 0.05 for p in families]) == pytest.approx(0.05, abs=0.01)


def test_nobody_proven_better_leaves_every_rank_open():
    assert rank_ranges(np.zeros((4, 4), bool)) == [(1, 4)] * 4


def test_a_full_order_leaves_one_rank_to_each():
    better = np.triu(np.ones((4, 4), bool), 1)
    assert rank_ranges(better) == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_rank_ranges_by_hand():
    # The first is proven better than the third and fourth, the second than the fourth.
    better = np.zeros((4, 4), bool)
    better[0, 2] = better[0, 3] = better[1, 3] = True
    assert rank_ranges(better) == [(1, 2), (1, 3), (2, 4), (3, 4)]


def test_no_entries_have_no_ranks():
    assert rank_ranges(np.zeros((0, 0), bool)) == []


@given(proofs(), st.randoms(use_true_random=False))
def test_rank_ranges_follow_the_entries_when_these_are_reordered(better, random):
    order = list(range(len(better)))
    random.shuffle(order)
    ranges = rank_ranges(better)
    assert rank_ranges(better[np.ix_(order, order)]) == [ranges[place] for place in order]


@given(proofs())
def test_every_entry_has_a_possible_rank_and_one_proven_better_starts_and_ends_no_later(better):
    ranges = rank_ranges(better)
    assert all(1 <= first <= last <= len(better) for first, last in ranges)
    assert any(first == 1 for first, _ in ranges)
    assert any(last == len(better) for _, last in ranges)
