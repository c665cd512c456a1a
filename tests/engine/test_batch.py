"""One batch: its state, what is evaluated of it, what is counted, and what is read."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import FragileDistance, NormedGenerator, ToyDigits

from icbench.builtin.schedules.exhaustive import Exhaustive, Halving
from icbench.builtin.schedules.joint import Joint
from icbench.engine.batch import BatchInversion
from icbench.engine.initialization import NoiseBank
from icbench.engine.latents import select_features
from icbench.engine.objective import EvaluationCounter
from icbench.engine.prepare import prepare
from icbench.engine.result import in_order
from icbench.engine.settings import Settings
from icbench.kinds.distance import Distance

SPLIT = ToyDigits().split("test", None)
SETTINGS = Settings(steps=12, stop_when=0.1)


class Pair(Distance):
    """Its features are two tensors."""

    def features(self, target):
        return target, target.flatten(1).mean(dim=1)

    def compare(self, reconstruction, features):
        target, mean = features
        return (reconstruction - target).square().flatten(1).mean(dim=1) + mean


@pytest.fixture
def normed(components):
    return replace(components, generator=prepare(NormedGenerator(), torch.device("cpu")))


def begin(components, index=(4, 7, 2), settings=SETTINGS, **changes):
    components = replace(components, **changes)
    hypotheses = components.schedule.hypotheses(components.generator.class_dim)
    return BatchInversion(
        components, hypotheses, SPLIT.images, np.asarray(index), NoiseBank.of(components, settings), settings
    )


def test_a_subset_has_all_that_belongs_to_its_images(normed):
    state = begin(normed, schedule=Exhaustive(restarts=2), distance=Pair()).state
    alone = begin(normed, [2], schedule=Exhaustive(restarts=2), distance=Pair()).state
    subset, rows = state.subset(torch.tensor([False, False, True]))
    assert rows.tolist() == list(range(40, 60))
    assert subset.index.tolist() == [2]
    assert subset.image.tolist() == [2] * 20
    for name in ("coordinates", "noise", "restart", "finite", "resets"):
        assert torch.equal(getattr(subset, name), getattr(alone, name)), name
    for found, expected in zip(subset.features, alone.features, strict=True):
        assert torch.equal(found, expected)


def test_the_best_hypotheses_take_their_rows_along(normed):
    state = begin(normed, [4, 7], schedule=Exhaustive(restarts=2)).state
    energy = torch.arange(40.0).roll(1)
    kept, rows = state.keep_best(2, energy, state.coordinates, 3)
    assert rows.tolist() == [1, 2, 20, 21]
    assert kept.hypothesis_count == 2
    assert kept.image.tolist() == [4, 4, 7, 7]
    assert kept.restart.tolist() == [1, 0, 0, 1]
    assert torch.equal(kept.noise, state.noise[rows])
    assert state.hypothesis_count == 20, "the state itself is as it was"


def test_an_evaluation_is_returned_and_not_left_behind(normed):
    inversion = begin(normed, schedule=Exhaustive(start="drawn"))
    found = inversion.evaluate(0, torch.float32)
    prior = Exhaustive().prior(found.class_vector, inversion.state.noise, 0.0)
    torch.testing.assert_close(found.energy, found.distance + prior)
    target = torch.from_numpy(SPLIT.images[[4, 7, 2]]).float().div(255).repeat_interleave(10, dim=0)
    torch.testing.assert_close(found.distance, normed.distance(found.images, target))
    assert inversion.energy is None
    assert inversion.counter == EvaluationCounter()


def test_what_was_not_finite_once_is_remembered(components):
    inversion = begin(components, [0, 1, 10], distance=FragileDistance())
    inversion.evaluate(0, torch.float32)
    assert inversion.state.finite.tolist() == [False, True, False]
    assert inversion.score(inversion.state, 12).prediction.tolist()[::2] == [-1, -1]


def test_coordinates_are_constrained_once_until_they_move(normed):
    inversion = begin(normed, schedule=Joint())
    inversion.state.coordinates.zero_()
    inversion.evaluate(0, torch.float32)
    inversion.state.coordinates.zero_()
    inversion.evaluate(0, torch.float32)
    assert inversion.state.resets.tolist() == [1, 1, 1]
    inversion.make_step(0)
    assert not inversion.state.constrained


def test_steps_and_drops_count_each_hypothesis_that_is_evaluated(normed):
    inversion = begin(normed, schedule=Halving(at="0/1", keep="4/2", start="drawn"))
    inversion.drop_hypotheses(0)
    assert inversion.counter == EvaluationCounter(forward=10)
    inversion.make_step(0)
    assert inversion.counter == EvaluationCounter(forward=14, backward=4)
    inversion.drop_hypotheses(1)
    inversion.make_step(1)
    assert inversion.counter == EvaluationCounter(forward=16, backward=6)
    assert inversion.energy.shape == (3 * 2,)


def test_reading_early_changes_nothing_for_those_that_go_on(normed):
    inversion, other = (
        begin(normed, schedule=Exhaustive(start="drawn")),
        begin(normed, schedule=Exhaustive(start="drawn")),
    )
    for step in range(3):
        inversion.make_step(step)
        other.make_step(step)
    found = inversion.score(inversion.state.subset(torch.tensor([True, False, True]))[0], 3)
    assert found.index.tolist() == [4, 2]
    assert found.forwards.tolist() == [40, 40], "three steps and the reading"
    assert inversion.counter == EvaluationCounter(forward=30, backward=30)
    whole, expected = (one.score(one.state, 12) for one in (inversion, other))
    np.testing.assert_array_equal(whole.noise, expected.noise)
    np.testing.assert_array_equal(found.noise, expected.noise[[0, 2]])


def test_results_come_back_in_the_order_asked_for(normed):
    inversion = begin(normed, [7, 2, 4])
    masks = torch.tensor([False, True, False]), torch.tensor([True, False, True])
    components = [inversion.score(inversion.state.subset(mask)[0], 0) for mask in masks]
    assert in_order(components, np.array([7, 2, 4])).index.tolist() == [7, 2, 4]


def test_features_are_one_tensor_or_several():
    rows, feature = torch.tensor([2, 0]), torch.arange(3)
    assert select_features(feature, rows).tolist() == [2, 0]
    assert [part.tolist() for part in select_features((feature, feature + 5), rows)] == [[2, 0], [7, 5]]


class Squared(Distance):
    """The mean squared error."""

    def compare(self, reconstruction, features):
        return (reconstruction - features).square().flatten(1).mean(dim=1)


class ReadOtherwise(Squared):
    """Steps by the squared error; the class is read from 1 less it."""

    def compare_final(self, reconstruction, features):
        return 1 - self.compare(reconstruction, features)


def test_the_class_is_read_by_the_final_distance_and_the_steps_are_those_of_the_other(components):
    schedule = Exhaustive(prior_weight=0.0)
    usual, otherwise = (
        begin(components, schedule=schedule, distance=distance).run(lambda images: None)
        for distance in (Squared(), ReadOtherwise())
    )
    np.testing.assert_allclose(otherwise.class_scores, -1 - usual.class_scores, rtol=1e-5)
    assert (otherwise.prediction == usual.class_scores.argmin(axis=1)).all()
