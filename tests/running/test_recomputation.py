"""What counts as the same result, and what rounding is told to reach."""

import numpy as np

from icbench.running.recomputation import Comparison, find_missed, reaches_figures, reaches_prediction, round_off

TOLERANCE = 0.01


def results(*energies, prediction=0):
    return {"prediction": np.full(len(energies), prediction), "energy": np.array(energies, np.float64)}


def otherwise(said, found):
    return Comparison(said, found, TOLERANCE).otherwise.tolist()


def test_a_figure_may_differ_by_a_share_of_itself():
    assert otherwise(results(1, 1, 1), results(1.009, 1.02, 0.98)) == [False, True, True]


def test_what_is_next_to_nothing_is_measured_by_the_sample():
    assert otherwise(results(1, 1, 1e-9), results(1, 1, 2e-9)) == [False, False, False]


def test_what_is_no_number_is_so_on_both_sides():
    assert otherwise(results(np.nan, np.nan, 1), results(np.nan, 1, np.nan)) == [False, True, True]


def test_another_prediction_is_another_result():
    assert otherwise(results(1), results(1, prediction=2)) == [True]


def test_rounding_reaches_a_range_and_its_width_around():
    reached = [results(1.0), results(1.5)]
    within = [bool(reaches_figures(results(energy), reached, {"energy": np.zeros(1)})[0]) for energy in (0.6, 1.9, 2.1)]
    assert within == [True, True, False]


def test_rounding_reaches_no_number_only_where_it_came_to_none():
    said, slack = results(np.nan), {"energy": np.zeros(1)}
    assert reaches_figures(said, [results(1.0), results(np.nan)], slack).tolist() == [True]
    assert reaches_figures(said, [results(1.0), results(1.1)], slack).tolist() == [False]


def test_as_many_images_may_be_missed_as_rounding_misses_of_itself_and_a_share():
    said = {"prediction": np.array([5, 5])}
    reached = [{"prediction": np.array(found)} for found in ([1, 1], [1, 1], [1, 2], [1, 1])]
    missed = find_missed(said, reached, reaches_prediction, np.array([3, 40]), 100, 0.02)
    assert (np.flatnonzero(missed.off).tolist(), missed.allowed, missed.holds) == ([3, 40], 2 + 1, True)
    assert not find_missed(said, reached[:2], reaches_prediction, np.array([3, 40]), 100, 0.01).holds


def test_pixels_that_are_rounded_off_stay_in_range_and_differ_in_the_last_digits():
    images = np.array([0, 1, 255], np.uint8).reshape(1, 1, 1, 3)
    rounded = round_off(images, 0)
    assert (rounded.dtype, rounded[0, 0, 0, 0], rounded.max() <= 1) == (np.float32, 0, True)
    np.testing.assert_allclose(rounded, images / 255, rtol=2e-6)
    assert not np.array_equal(rounded, round_off(images, 1))
