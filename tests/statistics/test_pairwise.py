"""All pairs at once give what each pair gives by itself, corrected for their number."""

import numpy as np
import pytest

from icbench.statistics import difference_estimate, exact_mcnemar, holm, pairwise_tests


def entries(*shapes, images=80):
    """Random results of entries with so many seeds and such accuracies."""
    random = np.random.default_rng(0)
    difficulty = random.random(images)
    return [(random.random((seeds, images)) + accuracy > 0.5 + 0.6 * difficulty) for seeds, accuracy in shapes]


def corrected_one_by_one(runs):
    count = len(runs)
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    p = np.ones((count, count))
    for (i, j), value in zip(pairs, holm([difference_estimate(runs[i], runs[j]).p for i, j in pairs]), strict=True):
        p[i, j] = p[j, i] = value
    return p


@pytest.mark.parametrize(
    "shapes",
    [
        [(1, 0.2), (1, 0.5), (1, 0.7), (1, 0.7)],
        [(3, 0.2), (2, 0.5), (5, 0.7), (4, 0.7)],
        [(1, 0.2), (3, 0.3), (1, 0.7), (2, 0.9)],
    ],
)
def test_every_pair_has_the_p_of_its_own_test_after_holm(shapes):
    runs = entries(*shapes)
    np.testing.assert_allclose(pairwise_tests(runs).p, corrected_one_by_one(runs), rtol=1e-9, atol=1e-14)


def test_three_single_runs_by_hand():
    right = np.ones(20, bool)
    some, many = right.copy(), right.copy()
    some[:6], many[:12] = False, False
    found = pairwise_tests([right[None], some[None], many[None]])
    raw = exact_mcnemar([6, 12, 6], [0, 0, 0])  # 2 / 2^6, 2 / 2^12, 2 / 2^6
    assert raw == pytest.approx([2 / 64, 2 / 4096, 2 / 64])
    expected = [[1, 4 / 64, 6 / 4096], [4 / 64, 1, 4 / 64], [6 / 4096, 4 / 64, 1]]
    np.testing.assert_allclose(found.p, expected)
    assert found.better.tolist() == [[False, False, True], [False] * 3, [False] * 3]


def test_p_is_symmetric_and_better_never_both_ways():
    found = pairwise_tests(entries((1, 0.1), (3, 0.4), (1, 0.9), (2, 0.9)))
    np.testing.assert_array_equal(found.p, found.p.T)
    np.testing.assert_array_equal(np.diag(found.p), 1)
    assert found.better.any()
    assert not (found.better & found.better.T).any()


def test_better_is_the_more_accurate_of_a_pair_below_the_level():
    runs = entries((1, 0.1), (3, 0.4), (1, 0.9), (2, 0.9))
    accuracy = np.array([run.mean() for run in runs])
    for level in (0.05, 1e-6):
        found = pairwise_tests(runs, level)
        expected = (found.p < level) & (accuracy[:, None] > accuracy[None, :])
        np.testing.assert_array_equal(found.better, expected)


def test_the_order_of_entries_permutes_the_result():
    runs = entries((1, 0.1), (3, 0.4), (1, 0.9), (2, 0.9), (1, 0.5))
    order = [3, 0, 4, 1, 2]
    found, permuted = pairwise_tests(runs), pairwise_tests([runs[place] for place in order])
    np.testing.assert_allclose(permuted.p, found.p[np.ix_(order, order)], rtol=1e-9)
    np.testing.assert_array_equal(permuted.better, found.better[np.ix_(order, order)])


def test_identical_entries_are_never_told_apart():
    (run,) = entries((1, 0.5))
    (several,) = entries((3, 0.5))
    for alike in ([run, run], [several, several], [run, np.repeat(run, 2, axis=0)]):
        found = pairwise_tests(alike)
        np.testing.assert_array_equal(found.p, 1)
        assert not found.better.any()


def test_seeds_that_all_agree_leave_the_images_to_decide():
    always, never = np.ones((2, 50), bool), np.zeros((2, 50), bool)
    found = pairwise_tests([always, never])
    assert found.p[0, 1] < 1e-6
    assert found.better[0, 1]


def test_one_entry_has_no_pair():
    found = pairwise_tests(entries((1, 0.5)))
    assert found.p.tolist() == [[1]]
    assert found.better.tolist() == [[False]]


def test_more_entries_make_the_same_difference_less_certain():
    pair = entries((1, 0.3), (1, 0.6))
    alone = pairwise_tests(pair).p[0, 1]
    among = pairwise_tests([*pair, *entries((1, 0.6), (1, 0.61), (1, 0.62))]).p[0, 1]
    assert alone < among <= 1
