"""An inversion that is looked at gives the same numbers, and what is seen of it is what it is at."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import patterns

from icbench.engine.invert import invert
from icbench.engine.result import concatenate
from icbench.engine.settings import Settings
from icbench.engine.snapshots import invert_watched

SETTINGS = Settings(steps=30, seed=3)
INDEX = np.array([2, 5, 11])


def invert_seen(components, images, due=(), settings=SETTINGS, index=INDEX):
    seen = []
    result, bests = invert_watched(components, images, index, settings, due, seen.append)
    return result, bests, seen


def with_schedule(components, manager, spec):
    return replace(components, schedule=manager.select("schedule", spec).build())


@pytest.mark.parametrize("schedule", ["joint", "exhaustive:start=drawn", "halving", "relaxed:simplex_map=sparsemax"])
def test_looking_changes_no_number(components, digits, manager, schedule):
    components = with_schedule(components, manager, schedule)
    plain = concatenate(list(invert(components, digits[0], INDEX, SETTINGS)))
    result, _, seen = invert_seen(components, digits[0], range(31))
    assert [one.step for one in seen] == list(range(31))
    for name, values in vars(plain).items():
        np.testing.assert_array_equal(getattr(result, name), values, err_msg=name)


def test_snapshots_come_when_they_are_due_and_after_the_last_step(components, digits):
    _, _, seen = invert_seen(components, digits[0], {0, 7, 20})
    assert [one.step for one in seen] == [0, 7, 20, 30]
    assert [one.steps for one in seen] == [30] * 4
    assert [one.step for one in invert_seen(components, digits[0], settings=replace(SETTINGS, steps=0))[2]] == [0]


def test_the_last_snapshot_is_the_result(components, digits):
    result, _, seen = invert_seen(components, digits[0], {0})
    first, last = seen
    np.testing.assert_allclose(last.distance, result.distance, rtol=1e-6)
    np.testing.assert_allclose(last.class_scores, result.class_scores, rtol=1e-6)
    vectors = torch.from_numpy(result.class_vector)
    expected = components.generator(vectors, torch.from_numpy(result.noise)).detach().numpy()
    np.testing.assert_allclose(last.images, expected, atol=1e-6)
    assert (first.distance > last.distance).all()
    np.testing.assert_allclose(first.class_scores, 0.1, atol=1e-6)


def test_classes_that_were_searched_have_what_was_found(components, digits, manager):
    components = with_schedule(components, manager, "exhaustive:start=drawn")
    result, bests, _ = invert_seen(components, digits[0])
    assert bests.searched.all()
    np.testing.assert_allclose(bests.energy, -result.class_scores, rtol=1e-6)
    clean = patterns().numpy().reshape(1, 10, 1, 8, 8).repeat(3, axis=0)
    np.testing.assert_allclose(bests.images, clean, atol=0.03)


def test_classes_that_were_dropped_have_what_they_had_then(components, digits, manager):
    components = with_schedule(components, manager, "halving:at=5/15,keep=5/1")
    result, bests, _ = invert_seen(components, digits[0])
    assert bests.searched.all()
    assert ((result.class_dropped_at >= 0).sum(axis=1) == 9).all()
    clean = patterns().numpy().reshape(1, 10, 1, 8, 8).repeat(3, axis=0)
    np.testing.assert_allclose(bests.images, clean, atol=0.03)
    np.testing.assert_array_equal(bests.energy.argmin(axis=1), result.prediction)


def test_classes_that_no_search_ended_in_are_held_at_the_noise_that_was_found(components, digits):
    result, bests, _ = invert_seen(components, digits[0])
    assert (bests.searched.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(bests.searched.argmax(axis=1), result.prediction)
    noise = torch.from_numpy(result.noise).repeat_interleave(10, dim=0)
    held = components.generator(torch.eye(10).repeat(3, 1), noise).detach().numpy().reshape(3, 10, 1, 8, 8)
    np.testing.assert_allclose(bests.images[~bests.searched], held[~bests.searched], atol=1e-6)
    targets = digits[0][INDEX][:, None] / np.float32(255)
    expected = np.square(held - targets).mean(axis=(2, 3, 4))
    np.testing.assert_allclose(bests.distance[~bests.searched], expected[~bests.searched], rtol=1e-4)
