"""The grouped multinomial bootstrap against one that resamples images one by one."""

import numpy as np
import pytest

from icbench.statistics import PairCounts, bonett_price_interval, bootstrap_difference


def correct(accuracies, images, seed=0):
    """(S, N) with about the given accuracy in each row, some images easier than others."""
    easiness = np.random.default_rng(seed).standard_normal(images)
    noise = np.random.default_rng(seed + 1).standard_normal((len(accuracies), images))
    score = easiness + 0.5 * noise
    return score > np.quantile(score, 1 - np.array(accuracies), axis=1).diagonal()[:, None]


def brute_force(first, second, replicates, draw_seeds=True):
    """The percentile interval by looping over resampled image and seed indices."""
    random = np.random.default_rng(99)

    def resampled(runs, images):
        seeds = random.integers(len(runs), size=len(runs)) if draw_seeds else np.arange(len(runs))
        return runs[np.ix_(seeds, images)].mean()

    differences = []
    for _ in range(replicates):
        images = random.integers(first.shape[1], size=first.shape[1])
        differences.append(resampled(first, images) - resampled(second, images))
    return tuple(np.quantile(differences, [0.025, 0.975]))


def width(interval):
    return interval[1] - interval[0]


def test_the_same_seed_gives_the_same_interval():
    # So few replicates that another seed is likely to give another interval.
    first, second = correct([0.9, 0.8], 200), correct([0.7], 200, seed=8)
    expected = bootstrap_difference(first, second, 50, seed=3)
    assert bootstrap_difference(first, second, 50, seed=3) == expected
    assert bootstrap_difference(first, second, 50, seed=4) != expected


def test_exchanging_the_two_mirrors_the_interval():
    first, second = correct([0.9, 0.85], 100), correct([0.7], 100, seed=5)
    low, high = bootstrap_difference(first, second)
    assert bootstrap_difference(second, first) == pytest.approx((-high, -low), abs=0.01)


@pytest.mark.parametrize(
    ("accuracies", "others"), [([0.85], [0.7]), ([0.9, 0.6], [0.7]), ([0.95, 0.8, 0.7], [0.75, 0.65])]
)
def test_it_agrees_with_resampling_images_one_by_one(accuracies, others):
    first, second = correct(accuracies, 100), correct(others, 100, seed=8)
    expected = brute_force(first, second, 6000)
    assert bootstrap_difference(first, second, 20_000) == pytest.approx(expected, abs=0.012)


def test_seeds_that_differ_a_lot_widen_the_interval():
    first, second = correct([0.95, 0.85, 0.6], 200), correct([0.7], 200, seed=8)
    images_alone = brute_force(first, second, 3000, draw_seeds=False)
    assert width(bootstrap_difference(first, second)) > 1.5 * width(images_alone)


def test_seeds_are_drawn_for_each_of_the_two_on_its_own():
    # On every image the two have the same seeds right: drawn together, the difference would always be zero.
    runs = np.array([[True] * 50, [False] * 50])
    low, high = bootstrap_difference(runs, runs)
    assert (low, high) == (-1, 1)


def test_images_are_drawn_for_both_together():
    # Each image is half of the accuracy of both: drawn apart, the difference would vary.
    runs = (np.arange(50) < 25)[None]
    assert bootstrap_difference(runs, runs) == (0, 0)


def test_for_single_seeds_it_is_near_the_interval_of_bonett_and_price():
    first, second = correct([0.85, 0.75], 1000)
    expected = bonett_price_interval(PairCounts.of(first, second))
    assert bootstrap_difference(first[None], second[None]) == pytest.approx(expected, abs=0.004)


def test_the_interval_covers_the_true_difference_of_single_seeds():
    """The share of 500 simulated pairs of classifiers on 200 images whose interval holds their true difference."""
    random = np.random.default_rng(0)
    outcomes = np.array([[True, True], [True, False], [False, True], [False, False]])
    hits = []
    for _ in range(500):
        first, second = random.choice(outcomes, size=200, p=[0.7, 0.15, 0.05, 0.1]).T
        low, high = bootstrap_difference(first[None], second[None], 600)
        hits.append(low <= 0.1 <= high)
    assert 0.91 <= np.mean(hits) <= 0.98
