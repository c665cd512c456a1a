"""Hypotheses that are dropped cost nothing more, change nothing for the others, and are accounted for."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from command_line import icbench
from toy import NormedGenerator, ToyDigits

from icbench.builtin.schedules.exhaustive import Exhaustive, Halving
from icbench.engine.active_set import SEARCHED, ActiveSet
from icbench.engine.invert import invert
from icbench.engine.optimizer_state import transfer_state
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Settings
from icbench.errors import UsageError
from icbench.kinds.optimizer import Optimizer
from icbench.plugins.manager import PluginManager
from icbench.records.shard_arrays import STORED_TYPES
from icbench.running.options import MOST_STEPS

SETTINGS = Settings(steps=12)
SPLIT = ToyDigits().split("test", None)
PLAN = {"at": "3/6", "keep": "5/2", "start": "drawn", "decay": "none"}


@pytest.fixture
def normed(components):
    """A generator whose classes differ by their noise, so that energies keep moving."""
    return replace(components, generator=prepare(NormedGenerator(), torch.device("cpu")))


def run(components, schedule, index=range(20), settings=SETTINGS):
    return concatenate(
        list(invert(replace(components, schedule=schedule), SPLIT.images, np.asarray(index), settings, 130))
    )


def test_the_plan_says_how_many_go_on():
    schedule = Halving()
    counts = [schedule.survivors(step, 30, 10) for step in (0, 4, 5, 9, 10, 19, 20, 29)]
    assert counts == [10, 10, 5, 5, 3, 3, 2, 2]
    assert schedule.survivors(5, 30, 3) == 3


@pytest.mark.parametrize(
    "plan", [("5", "5/2"), ("5/5", "5/2"), ("5/9", "2/5"), ("x", "1"), ("5", "0"), ("", "1"), ("5", ""), ("-1", "2")]
)
def test_a_plan_that_is_none_is_refused(plan):
    with pytest.raises(UsageError, match="no plan of halving"):
        Halving(*plan)


def test_what_is_dropped_costs_nothing_more(normed):
    found = run(normed, Halving(**PLAN))
    assert found.backward == 3 * 10 + 3 * 5 + 6 * 2
    assert found.forward == found.backward + 2


@pytest.mark.parametrize(
    "optimizer",
    [
        Optimizer(torch.optim.Adam, 0.05),
        Optimizer(torch.optim.SGD, 0.5, momentum=0.9),
        Optimizer(torch.optim.Rprop, 0.05),
        Optimizer(torch.optim.Adadelta, 1.0),
    ],
    ids=["adam", "sgd", "rprop", "adadelta"],
)
def test_what_goes_on_goes_on_as_if_nothing_had_been_dropped(normed, optimizer):
    components = replace(normed, optimizer=optimizer)
    whole, found = run(components, Exhaustive(start="drawn", decay="none")), run(components, Halving(**PLAN))
    same = whole.prediction == found.prediction
    assert same.sum() >= 10
    np.testing.assert_allclose(found.noise[same], whole.noise[same], atol=2e-5)
    np.testing.assert_allclose(found.energy[same], whole.energy[same], rtol=1e-4)


def test_random_numbers_of_a_row_stay_its_own(normed):
    class Drawing(torch.optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        def step(self, closure):
            closure()
            noise = self.param_groups[1]["params"][0]
            with torch.no_grad():
                noise.add_(closure.normal(noise.shape[1]), alpha=0.01)

    components = replace(normed, optimizer=Optimizer(Drawing, 0.1))
    whole, found = run(components, Exhaustive(restarts=2)), run(components, Halving(restarts=2, at="3", keep="12"))
    same = whole.prediction == found.prediction
    assert same.sum() >= 10
    np.testing.assert_allclose(found.noise[same], whole.noise[same], atol=1e-6)


def test_what_was_dropped_is_ranked_behind(normed):
    found = run(normed, Halving(**PLAN))
    left = found.class_dropped_at == SEARCHED
    assert (left.sum(axis=1) == 2).all()
    assert np.isfinite(found.class_scores).all()
    worst_left = np.where(left, found.class_scores, np.inf).min(axis=1)
    assert (np.where(left, -np.inf, found.class_scores).max(axis=1) <= worst_left).all()
    assert left[np.arange(20), found.prediction].all()
    assert set(np.unique(found.class_dropped_at)) == {SEARCHED, 3, 6}


@pytest.mark.parametrize("index", [[3], [7, 11, 2]])
def test_what_is_dropped_does_not_depend_on_the_batch(normed, index):
    whole, found = run(normed, Halving(**PLAN)), run(normed, Halving(**PLAN), index)
    np.testing.assert_array_equal(found.class_dropped_at, whole.class_dropped_at[index])
    np.testing.assert_allclose(found.noise, whole.noise[index], atol=1e-5)


def test_before_the_first_step_the_starts_are_compared(normed):
    found = run(normed, Halving(at="0", keep="4", start="drawn"))
    # Once for all ten, then four at each step and at the end.
    assert found.forward == 10 + 4 * SETTINGS.steps + 4


def test_a_class_is_dropped_with_its_last_hypothesis():
    vectors = torch.eye(2).repeat_interleave(2, dim=0)
    active, _ = ActiveSet.whole(1, vectors).keep_best(3, torch.tensor([1.0, 4.0, 2.0, 3.0]), vectors, 5)
    assert active.class_dropped_at(vectors).tolist() == [[SEARCHED, SEARCHED]]
    assert active.searched.tolist() == [[0, 2, 3]]
    active, rows = active.keep_best(1, torch.tensor([1.0, 2.0, torch.nan]), vectors[[0, 2, 3]], 9)
    assert rows.tolist() == [0]
    assert active.class_dropped_at(vectors).tolist() == [[SEARCHED, 9]]


def test_a_class_may_be_dropped_as_late_as_a_run_has_steps():
    vectors = torch.eye(3)
    active, _ = ActiveSet.whole(1, vectors).keep_best(2, torch.tensor([1.0, 2.0, 3.0]), vectors, MOST_STEPS)
    found = active.class_dropped_at(vectors).numpy()
    assert found.tolist() == [[SEARCHED, SEARCHED, MOST_STEPS]]
    assert found.astype(STORED_TYPES["class_dropped_at"]).tolist() == found.tolist()


def test_state_that_is_no_row_of_the_latent_is_left_as_it_is():
    old, new = (torch.optim.Adam([{"params": [torch.zeros(rows, 3)]}]) for rows in (4, 2))
    latent = old.param_groups[0]["params"][0]
    rows = torch.arange(4.0)[:, None].repeat(1, 3)
    old.state[latent] = {"step": torch.tensor(7.0), "mean": rows, "past": [rows, (rows, "x")]}
    transfer_state(old, new, torch.tensor([1, 3]))
    state = new.state[new.param_groups[0]["params"][0]]
    assert state["step"] == 7
    assert state["mean"][:, 0].tolist() == [1, 3]
    assert state["past"][1][0][:, 0].tolist() == [1, 3]
    assert state["past"][1][1] == "x"


def test_how_often_the_true_class_was_dropped_is_in_the_record_and_shown(toy_plugin, capsys):
    command = [
        "run",
        "--generator",
        "normed",
        "--dataset",
        "toy",
        "--schedule",
        "halving:at=1/2,keep=3/1",
        "--steps",
        "4",
    ]
    code, out, _ = icbench(capsys, *command, "--json", "--device", "cpu")
    (record,) = json.loads(out)["data"]["runs"]
    assert code == 0
    metrics = record["metrics"]
    assert metrics["wrongly_dropped"] == 50 - metrics["correct"] > 0
    _, shown, _ = icbench(capsys, "show", record["path"])
    assert "wrongly dropped" in shown


def test_other_runs_keep_no_such_array(toy_plugin, capsys):
    _, out, _ = icbench(
        capsys, "run", "--generator", "linear", "--dataset", "toy", "--steps", "2", "--json", "--device", "cpu"
    )
    (record,) = json.loads(out)["data"]["runs"]
    assert "wrongly_dropped" not in record["metrics"]


def test_the_default_plan_is_one_the_command_line_takes():
    assert PluginManager().select("schedule", "halving:at=2/4,keep=3/1").build().plan == [(2, 3), (4, 1)]


def test_some_classes_are_searched_as_if_the_others_were_not_there(normed):
    schedule, index = Exhaustive(restarts=2, start="drawn"), np.arange(20)
    whole = run(normed, schedule, index)
    chosen = np.sort(np.random.default_rng(0).permuted(np.tile(np.arange(10), (20, 1)), axis=1)[:, :3], axis=1)
    found = concatenate(
        list(invert(replace(normed, schedule=schedule), SPLIT.images, index, SETTINGS, 30, classes=chosen))
    )
    said = np.take_along_axis(found.class_scores, chosen, axis=1)
    np.testing.assert_allclose(said, np.take_along_axis(whole.class_scores, chosen, axis=1), rtol=1e-5)
    assert (found.class_scores <= said.min(axis=1, keepdims=True)).sum() == found.class_scores.size - 2 * 20
    assert (found.prediction == chosen[np.arange(20), said.argmax(axis=1)]).all()
    # The cost is that of three classes of ten.
    assert (found.forward, found.backward) == (whole.forward * 3 // 10, whole.backward * 3 // 10)


def test_the_modes_of_a_class_are_searched_together():
    vectors = torch.eye(6)
    active = ActiveSet.of_classes(torch.tensor([[0, 2], [1, 2]]), vectors, modes=2)
    assert active.searched.tolist() == [[0, 1, 4, 5], [2, 3, 4, 5]]
    assert (active.dropped_at == SEARCHED).sum(dim=1).tolist() == [4, 4]


def test_classes_cannot_be_chosen_where_hypotheses_are_between_them(components):
    with pytest.raises(UsageError, match="without the others"):
        next(invert(components, SPLIT.images, np.arange(2), SETTINGS, 10, classes=np.array([[0], [1]])))
