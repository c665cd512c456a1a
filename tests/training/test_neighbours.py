"""Density and coverage, on sets whose values are known."""

import numpy as np
import pytest

from icbench.training import neighbours
from icbench.training.neighbours import density_and_coverage


def normal(count, size=4, seed=0):
    return np.random.default_rng(seed).standard_normal((count, size)).astype(np.float32)


def test_a_line_by_hand():
    real = np.array([[0.0], [1.0], [3.0], [7.0]])
    # Balls of the nearest neighbour: [-1, 1], [0, 2], [1, 5] and [3, 11].
    samples = np.array([[0.5], [4.0]])
    assert density_and_coverage(real, samples, 1) == (4 / 2, 4 / 4)
    assert density_and_coverage(real, np.array([[-0.5], [-2.0]]), 1) == (1 / 2, 1 / 4)


def test_the_same_set_is_covered_and_has_each_image_in_its_own_ball_and_in_k_others_on_average():
    real = normal(200)
    assert density_and_coverage(real, real.copy(), 5) == (pytest.approx(6 / 5), 1.0)


def test_equal_distributions_have_a_density_of_one_and_the_coverage_of_equation_11():
    real, samples = normal(1500), normal(1500, seed=1)
    density, coverage = density_and_coverage(real, samples, 5)
    assert density == pytest.approx(1, abs=0.05)
    assert coverage == pytest.approx(1 - 2**-5, abs=0.02)


def test_samples_of_one_of_two_modes_cover_half():
    real = np.concatenate([normal(100), normal(100, seed=1) + 100])
    _, coverage = density_and_coverage(real, normal(2000, seed=2), 5)
    assert coverage == pytest.approx(0.5, abs=0.03)


def test_samples_far_away_are_in_no_ball():
    assert density_and_coverage(normal(50), normal(50) + 1000, 5) == (0, 0)


def test_one_sample_many_times_over_is_dense_and_covers_little():
    real = normal(200)
    density, coverage = density_and_coverage(real, np.zeros((200, 4)), 5)
    assert density > 1
    assert coverage < 0.2


def test_what_is_not_finite_is_in_no_ball():
    samples = normal(50)
    samples[10:] = np.nan
    density, coverage = density_and_coverage(normal(50), samples, 5)
    assert (density, coverage) == (pytest.approx(np.mean([6 * 10 / 250]), abs=0.2), pytest.approx(0.6, abs=0.35))
    assert density_and_coverage(normal(50), np.full((50, 4), np.nan), 5) == (0, 0)


def test_chunks_do_not_matter(monkeypatch):
    whole = density_and_coverage(normal(90), normal(40, seed=1), 3)
    monkeypatch.setattr(neighbours, "CHUNK", 7)
    assert density_and_coverage(normal(90), normal(40, seed=1), 3) == whole
