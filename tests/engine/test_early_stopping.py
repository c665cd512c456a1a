"""Images that no longer change stop, cost nothing more and change nothing for the others."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from command_line import icbench
from toy import NormedGenerator, ToyDigits

from icbench.builtin.schedules.exhaustive import Exhaustive, Halving
from icbench.builtin.schedules.joint import Joint
from icbench.engine.early_stopping import EarlyStopping
from icbench.engine.invert import invert
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Settings
from icbench.kinds.schedule import Rates

STEPS = 60
SPLIT = ToyDigits().split("test", None)
INDEX = np.arange(30)


@pytest.fixture
def normed(components):
    return replace(components, generator=prepare(NormedGenerator(), torch.device("cpu")))


def run(components, schedule, stop_when=None, index=INDEX, steps=STEPS, batch_size=512):
    settings = Settings(steps, stop_when=stop_when)
    told = []
    found = concatenate(
        list(
            invert(
                replace(components, schedule=schedule),
                SPLIT.images,
                np.asarray(index),
                settings,
                batch_size,
                told.append,
            )
        )
    )
    assert sum(told) == len(index) * steps
    return found


def stopping(tolerance, *energies, rates=None):
    found = EarlyStopping(tolerance, rates or [Rates(1.0, 1.0)] * 100)
    for energy in energies:
        found.note(torch.tensor(energy))
    return found


def test_an_image_has_converged_when_none_of_its_hypotheses_gains_any_more():
    found = stopping(0.1, [10.0, 10.0, 10.0, 10.0], [2.0, 8.0, 2.0, 8.0])
    assert found.converged(10, 2).tolist() == [False, False]
    found.note(torch.tensor([1.9, 8.0, 1.9, 6.0]))  # of 8.1 gained 0.1 lately, and 2 by the image's other hypothesis
    assert found.converged(20, 2).tolist() == [True, False]


def test_an_optimizer_that_swings_has_not_lost_what_it_had():
    found = stopping(0.1, [10.0], [2.0])
    found.converged(10, 1)
    found.note(torch.tensor([9.0]))
    assert found.converged(20, 1).tolist() == [True]


def test_nothing_converges_before_all_that_moves_has_moved():
    late = [Rates(1.0, 0.0)] * 40 + [Rates(1.0, 1.0)] * 60
    found = stopping(0.1, [10.0], [10.0], rates=late)
    assert [found.converged(step, 1).item() for step in (10, 20, 30, 40, 50)] == [False] * 4 + [True]


@pytest.mark.parametrize("schedule", [Joint(), Exhaustive(), Halving(at="5/25", keep="6/3")], ids=lambda s: type(s))
def test_what_stops_is_as_it_was_then_and_what_goes_on_goes_on(normed, schedule):
    found, whole = run(normed, schedule, 0.02), run(normed, schedule)
    early = found.backwards < whole.backwards
    assert early.any()
    np.testing.assert_array_equal(found.index, INDEX)
    np.testing.assert_allclose(found.noise[~early], whole.noise[~early], atol=2e-4)
    np.testing.assert_array_equal(found.prediction[~early], whole.prediction[~early])
    assert found.nfe < whole.nfe


def test_what_stops_is_as_after_so_many_steps(normed):
    found = run(normed, Joint(), 0.02)
    for steps in np.unique(found.backwards):
        rows = found.backwards == steps
        alone = run(normed, Joint(), index=INDEX[rows], steps=int(steps))
        np.testing.assert_allclose(found.noise[rows], alone.noise, atol=2e-4)
        np.testing.assert_allclose(found.distance[rows], alone.distance, rtol=1e-3, atol=1e-6)


def test_mates_do_not_change_when_an_image_stops(normed):
    together, alone = run(normed, Exhaustive(), 0.02), run(normed, Exhaustive(), 0.02, batch_size=10)
    np.testing.assert_array_equal(together.backwards, alone.backwards)


def test_the_order_asked_for_is_kept(normed):
    found = run(normed, Joint(), 0.02, index=INDEX[::-1])
    np.testing.assert_array_equal(found.index, INDEX[::-1])


COMMAND = ["run", "--generator", "icbench-toy/linear", "--dataset", "toy", "--limit", "20", "--json", "--quiet"]


def runs(capsys, *options):
    code, out, err = icbench(capsys, *COMMAND, *options)
    assert code == 0, err
    return json.loads(out)["data"]["runs"][0]


@pytest.mark.usefixtures("toy_plugin")
def test_a_record_says_when_it_stopped_and_what_each_image_cost(capsys):
    early, whole = runs(capsys, "--stop-when", "0.05"), runs(capsys)
    assert early["entry"]["stop_when"] == 0.05
    assert "stop_when" not in whole["entry"]
    assert early["metrics"]["nfe"] < whole["metrics"]["nfe"] == 401
    with np.load(f"{early['path']}/images.npz") as arrays:
        assert round((arrays["forwards"] + arrays["backwards"]).mean()) == early["metrics"]["nfe"]
    with np.load(f"{whole['path']}/images.npz") as arrays:
        assert "forwards" not in arrays
    labels = [
        row["label"] for row in json.loads(icbench(capsys, "leaderboard", "--json")[1])["data"]["tracks"][0]["rows"]
    ]
    assert [label[-16:] for label in sorted(labels)] == ["[stop-when 0.05]", "stop-when never]"]
    assert "stopping when 0.05" in icbench(capsys, "show", early["path"])[1]


@pytest.mark.usefixtures("toy_plugin")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--stop-when", "0"], "not a share between 0 and 1"),
        (["--stop-when", "1.5"], "not a share between 0 and 1"),
        (["--stop-when", "0.1", "--schedule", "relaxed:entropy=0.1"], "no image can stop early"),
        (["--stop-when", "0.1", "--schedule", "relaxed:cooling=0.1"], "no image can stop early"),
    ],
)
def test_what_cannot_stop_is_refused_before_anything_is_written(capsys, options, reason, tmp_path):
    code, _, err = icbench(capsys, *(option for option in (*COMMAND, *options) if option not in ("--json", "--quiet")))
    assert code == 2
    assert reason in " ".join(err.split())
    assert not list(tmp_path.iterdir())
