"""Accuracies and differences over one or several seeds; how often their intervals hold the truth is simulated.

The simulated entries are classifiers whose latent score for an image is the image's easiness, plus the seed's own
quality, plus noise, all normal: an image is right where the score is positive. So the true accuracy has a closed form.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from icbench.statistics import (
    PairCounts,
    accuracy_estimate,
    bonett_price_interval,
    difference_estimate,
    exact_mcnemar,
    wilson_interval,
)

REPEATS = 1000
FEW = settings(max_examples=25)


@st.composite
def runs(draw):
    """(S, N) of several seeds, from all wrong to all right."""
    seeds, images = draw(st.integers(2, 5)), draw(st.integers(1, 30))
    share = draw(st.sampled_from([0.0, 0.1, 0.5, 0.95, 1.0]))
    return np.random.default_rng(draw(st.integers(0, 10**6))).random((seeds, images)) < share


def easiness(random, images, mean, spread=1.5):
    return mean + spread * random.standard_normal(images)


def classify(random, images, seeds, seed_spread):
    quality = seed_spread * random.standard_normal((seeds, 1))
    return images + quality + random.standard_normal((seeds, len(images))) > 0


def true_accuracy(mean, seed_spread, spread=1.5):
    return stats.norm.cdf(mean / np.sqrt(1 + spread**2 + seed_spread**2))


def covers(estimate, truth):
    return estimate.low <= truth <= estimate.high


# --- one accuracy


@pytest.mark.parametrize("right", [0, 1, 37, 49, 50])
def test_one_seed_has_wilsons_interval(right):
    estimate = accuracy_estimate((np.arange(50) < right)[None])
    assert estimate.value == right / 50
    assert (estimate.low, estimate.high) == wilson_interval(right, 50)
    assert estimate.deviation is None
    assert estimate.p is None


def test_several_seeds_have_the_mean_and_sample_deviation_of_their_accuracies():
    correct = np.arange(10) < np.array([[5], [7], [9]])
    estimate = accuracy_estimate(correct)
    assert estimate.value == pytest.approx(0.7)
    assert estimate.deviation == pytest.approx(0.2)
    assert estimate.p is None


def test_the_interval_of_several_seeds_by_hand():
    # Two seeds with 8 and 6 of 10 right, alike where both can be. Seeds: 0.1^2 = 0.01 with 1 degree of freedom.
    # Images: 6 ones, 2 halves, 2 zeros, and of the imagined 2 ones and 2 zeros: mean 9 / 14, sum of squares 8.5,
    # so that the variance of the mean is (8.5 - 81 / 14) / 13 / 14 = 0.0149137 with 13.
    estimate = accuracy_estimate(np.arange(10) < np.array([[8], [6]]))
    variance = 0.01 + 0.0149137
    df = variance**2 / (0.01**2 / 1 + 0.0149137**2 / 13)
    half = stats.t.isf(0.025, df) * np.sqrt(variance)
    assert estimate.low == pytest.approx(9 / 14 - half, abs=1e-5)
    assert estimate.high == pytest.approx(min(1, 9 / 14 + half), abs=1e-5)


@pytest.mark.parametrize("right", [150, 190, 200])
def test_identical_seeds_say_hardly_more_than_one_of_them(right):
    one = (np.arange(200) < right)[None]
    estimate, single = accuracy_estimate(np.repeat(one, 3, axis=0)), accuracy_estimate(one)
    assert estimate.deviation == pytest.approx(0, abs=1e-12)
    assert estimate.value == pytest.approx(single.value)
    assert (estimate.low, estimate.high) == pytest.approx((single.low, single.high), abs=0.01)


def test_perfect_accuracy_is_not_proven_perfect():
    estimate = accuracy_estimate(np.ones((3, 100), bool))
    assert (estimate.value, estimate.high) == (1, 1)
    # The "rule of three": 97 % is still possible with 100 of 100 right.
    assert 0.94 <= estimate.low <= 0.97


@FEW
@given(runs())
def test_the_interval_holds_the_mean_and_lies_within_the_possible(correct):
    estimate = accuracy_estimate(correct)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


@FEW
@given(runs())
def test_right_and_wrong_are_treated_alike(correct):
    estimate, mirrored = accuracy_estimate(correct), accuracy_estimate(~correct)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - estimate.high, 1 - estimate.low), abs=1e-9)


def test_seeds_that_differ_more_widen_the_interval():
    alike = np.tile(np.arange(100) < 80, (4, 1))
    apart = np.arange(100) < np.array([[65], [75], [85], [95]])
    assert _width(accuracy_estimate(apart)) > 2 * _width(accuracy_estimate(alike))


@pytest.mark.parametrize(
    ("mean", "seed_spread", "seeds", "images"),
    [
        (0.5, 0.0, 3, 100),  # seeds alike but for noise
        (0.5, 0.1, 5, 400),  # both parts matter
        (0.5, 0.5, 5, 400),  # the seeds' part rules
        (0.5, 0.5, 3, 100),
        (3.5, 0.1, 3, 100),  # 97 % accuracy
        (5.0, 0.1, 2, 100),  # 99.7 %: most often every image is right
    ],
)
def test_the_interval_over_seeds_covers_the_accuracy_on_new_images_with_new_seeds(mean, seed_spread, seeds, images):
    """The share of simulated experiments, images and seeds drawn anew in each, whose interval holds the truth."""
    random, truth = np.random.default_rng(images + seeds), true_accuracy(mean, seed_spread)
    hits = [
        covers(accuracy_estimate(classify(random, easiness(random, images, mean), seeds, seed_spread)), truth)
        for _ in range(REPEATS)
    ]
    assert np.mean(hits) >= 0.90


def test_the_interval_over_two_very_different_seeds_still_covers_four_times_in_five():
    """The weak spot of Satterthwaite's degrees of freedom: two seeds rarely show how much seeds vary."""
    random, truth = np.random.default_rng(2), true_accuracy(0.5, 0.5)
    hits = [
        covers(accuracy_estimate(classify(random, easiness(random, 400, 0.5), 2, 0.5)), truth) for _ in range(REPEATS)
    ]
    assert np.mean(hits) >= 0.82


# --- a difference


def test_single_seeds_have_mcnemars_p_and_the_interval_of_bonett_and_price():
    first, second = np.random.default_rng(0).random((2, 80)) < [[0.9], [0.7]]
    pair = PairCounts.of(first, second)
    estimate = difference_estimate(first[None], second[None])
    assert estimate.value == pytest.approx(first.mean() - second.mean())
    assert (estimate.low, estimate.high) == bonett_price_interval(pair)
    assert estimate.p == exact_mcnemar(pair.only_first, pair.only_second)
    assert estimate.deviation is None


def test_the_test_over_several_seeds_by_hand():
    # Per image the first has 1 on five images and 1/2 on one, the second 1 on two: differences 1, 1, 1, 1/2, 0, 0,
    # 0, 0 and the imagined 1 and -1. Mean 0.35, sum of squares 5.25. Seeds of the first: 6/8 and 5/8.
    first = np.arange(8) < np.array([[6], [5]])
    second = np.arange(8) < np.array([[2], [2]])
    over_images = (5.25 - 10 * 0.35**2) / 9 / 10
    over_seeds = (1 / 8) ** 2 / 2 / 2
    variance = over_images + over_seeds
    df = variance**2 / (over_images**2 / 9 + over_seeds**2 / 1)
    estimate = difference_estimate(first, second)
    assert estimate.value == pytest.approx(3.5 / 8)
    assert estimate.p == pytest.approx(2 * stats.t.sf(0.35 / np.sqrt(variance), df), rel=1e-9)
    half = stats.t.isf(0.025, df) * np.sqrt(variance)
    assert (estimate.low, estimate.high) == pytest.approx((0.35 - half, 0.35 + half))


@pytest.mark.parametrize(("first_seeds", "second_seeds"), [(1, 1), (1, 3), (3, 1), (2, 4)])
def test_exchanging_the_two_mirrors_the_difference(first_seeds, second_seeds):
    random = np.random.default_rng(first_seeds)
    first, second = random.random((first_seeds, 60)) < 0.9, random.random((second_seeds, 60)) < 0.8
    there, back = difference_estimate(first, second), difference_estimate(second, first)
    assert back.value == pytest.approx(-there.value)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
    assert back.p == pytest.approx(there.p)


@pytest.mark.parametrize("seeds", [1, 3])
def test_an_entry_does_not_differ_from_itself(seeds):
    correct = np.random.default_rng(0).random((seeds, 100)) < 0.8
    estimate = difference_estimate(correct, correct)
    assert (estimate.value, estimate.p) == (0, 1)
    assert estimate.low == pytest.approx(-estimate.high)
    assert estimate.high > 0


@pytest.mark.parametrize("images", [1, 2, 4])
def test_few_images_prove_nothing_however_they_turn_out(images):
    right = np.ones((2, images), bool)
    estimate = difference_estimate(right, ~right)
    assert estimate.value == 1
    assert estimate.low < 1
    assert estimate.p > 0.05


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (4, 0), (6, 0), (12, 3), (20, 10)])
def test_repeating_the_runs_of_deterministic_entries_changes_little(only_first, only_second):
    first = np.arange(300) < 250 + only_first
    second = (np.arange(300) < 250) | (np.arange(300) >= 300 - only_second)
    single = difference_estimate(first[None], second[None])
    repeated = difference_estimate(np.tile(first, (3, 1)), np.tile(second, (3, 1)))
    assert repeated.value == pytest.approx(single.value)
    assert (repeated.low, repeated.high) == pytest.approx((single.low, single.high), abs=1e-3)
    assert repeated.p == pytest.approx(single.p, abs=0.03)


@FEW
@given(st.data())
def test_the_interval_holds_the_difference_and_lies_within_the_possible(data):
    first = data.draw(runs())
    share = data.draw(st.sampled_from([0.0, 0.5, 1.0]))
    second = np.random.default_rng(1).random((data.draw(st.integers(1, 3)), first.shape[1])) < share
    estimate = difference_estimate(first, second)
    assert -1 <= estimate.low <= estimate.value + 1e-12
    assert estimate.value - 1e-12 <= estimate.high <= 1
    assert 0 < estimate.p <= 1


@FEW
@given(st.data())
def test_the_interval_over_seeds_holds_zero_where_the_test_finds_nothing(data):
    first = data.draw(runs())
    second = np.random.default_rng(1).random((2, first.shape[1])) < 0.5
    estimate = difference_estimate(first, second)
    assert (estimate.low <= 0 <= estimate.high) == (estimate.p >= 0.05)


@pytest.mark.parametrize(
    ("mean", "seed_spread", "seeds", "images"),
    [(0.5, 0.0, (3, 3), 100), (0.5, 0.1, (5, 5), 400), (0.5, 0.5, (3, 5), 100), (3.0, 0.2, (3, 3), 400)],
)
def test_equal_methods_are_rarely_found_different(mean, seed_spread, seeds, images):
    """Type I error: the share of simulated pairs of equal methods, seeds drawn anew for each, with p < 0.05."""
    random = np.random.default_rng(images)
    found = []
    for _ in range(REPEATS):
        common = easiness(random, images, mean)
        first, second = (classify(random, common, count, seed_spread) for count in seeds)
        found.append(difference_estimate(first, second).p < 0.05)
    assert np.mean(found) <= 0.065


@pytest.mark.parametrize(
    ("seed_spread", "seeds", "images"), [(0.0, (3, 3), 100), (0.1, (5, 5), 400), (0.4, (4, 3), 100)]
)
def test_the_interval_of_a_difference_covers_the_true_one(seed_spread, seeds, images):
    """The share of simulated pairs, the second classifier better by 0.3 in the latent score, that hold the truth."""
    random = np.random.default_rng(images)
    truth = true_accuracy(1.0, seed_spread) - true_accuracy(1.3, seed_spread)
    hits = []
    for _ in range(REPEATS):
        common = easiness(random, images, 1.0)
        first = classify(random, common, seeds[0], seed_spread)
        second = classify(random, common + 0.3, seeds[1], seed_spread)
        hits.append(covers(difference_estimate(first, second), truth))
    assert np.mean(hits) >= 0.92


def test_a_real_difference_is_found():
    random = np.random.default_rng(4)
    found = []
    for _ in range(200):
        common = easiness(random, 400, 1.0)
        first, second = classify(random, common, 3, 0.05), classify(random, common + 0.6, 3, 0.05)
        found.append(difference_estimate(first, second).p < 0.05)
    assert np.mean(found) > 0.8


def _width(estimate):
    return estimate.high - estimate.low
