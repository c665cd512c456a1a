"""`icbench plan` tells of a grid before it runs, and runs, fetches and writes nothing."""

import json
from pathlib import Path

import pytest
from command_line import icbench

from icbench import Component, hookimpl
from icbench.plugins.discovery import PluginSource
from icbench.running import planning, probe
from icbench.running.costs import Cost

GRID = ("--generator", "linear", "--dataset", "toy", "--steps", "20", "--device", "cpu")


@hookimpl
def icbench_suites():
    yield Component("toy-paper", "test_suites:mine", "a paper about toys")


@pytest.fixture(autouse=True)
def _installed(use_plugins):
    use_plugins("toy", PluginSource("plan", "icbench-plan", "1", "test_plan"))


@pytest.fixture(autouse=True)
def probed(monkeypatch):
    """A probe that finds 0.5 s an image; returns the labels of what was probed."""
    labels = []

    def found(runner, images, settings):
        labels.append(runner.entry.label)
        return Cost(0.5, "a probe")

    monkeypatch.setattr(planning, "probe", found)
    return labels


def planned(capsys, *arguments):
    """The exit code and the data of a plan, of which nothing may be left on the disk."""
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    code, out, _ = icbench(capsys, *arguments, "--json", "--quiet")
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before
    document = json.loads(out)
    assert document["ok"] == (code == 0)
    return code, document


def test_a_new_grid_is_planned_run_by_run(capsys, probed):
    code, document = planned(capsys, "plan", *GRID, "--seeds", "2", "--schedule", "joint", "--schedule", "exhaustive")
    runs, total = document["data"]["runs"], document["data"]["total"]
    assert code == 0
    assert [(run["entry"]["schedule"], run["seed"], run["state"], run["images"]) for run in runs] == [
        ("joint", 0, "new", 50),
        ("joint", 1, "new", 50),
        ("exhaustive", 0, "new", 50),
        ("exhaustive", 1, "new", 50),
    ]
    assert [run["seconds"] for run in runs] == [25.0] * 4
    assert {run["seconds_from"] for run in runs} == {"a probe"}
    assert all(run["memory_bytes"] > 0 and run["memory_from"] == "a batch, computed" for run in runs)
    assert len(probed) == 2
    assert (total["runs"], total["new"], total["images_left"], total["seconds"]) == (4, 4, 200, 100.0)


def test_what_is_finished_costs_nothing_and_what_was_begun_only_what_is_left(capsys):
    icbench(capsys, "run", *GRID, "--limit", "20", "--quiet")
    code, document = planned(capsys, "plan", *GRID, "--limit", "20", "--seeds", "2")
    done, new = document["data"]["runs"]
    assert code == 0
    assert (done["state"], done["images_done"], done["seconds"]) == ("done", 20, 0.0)
    assert (new["state"], new["images_done"]) == ("new", 0)
    assert document["data"]["total"]["images_left"] == 20
    _, document = planned(capsys, "plan", *GRID)
    (longer,) = document["data"]["runs"]
    assert (longer["state"], longer["images"], longer["images_done"]) == ("begun", 50, 20)
    _, document = planned(capsys, "plan", *GRID, "--limit", "20", "--rerun")
    assert document["data"]["runs"][0]["state"] == "new"
    _, document = planned(capsys, "plan", *GRID, "--limit", "20", "--save-latents")
    assert document["data"]["runs"][0]["state"] == "new"


def test_earlier_runs_tell_the_time_of_their_entry_and_by_nfe_that_of_their_generator(capsys, probed):
    record = json.loads(icbench(capsys, "run", *GRID, "--limit", "20", "--json")[1])["data"]["runs"][0]["metrics"]
    of_image = record["seconds"] / 20
    arguments = ("--limit", "20", "--seed", "7", "--schedule", "joint", "--schedule", "exhaustive")
    _, document = planned(capsys, "plan", *GRID, *arguments)
    same, other = document["data"]["runs"]
    assert (same["seconds"], same["seconds_from"]) == (pytest.approx(20 * of_image), "1 earlier run of the entry")
    assert (same["memory_bytes"], same["memory_from"]) == (record["peak_memory_bytes"], "earlier runs")
    # Ten hypotheses of twenty steps, each forward and backward, and one evaluation each at the end.
    assert other["seconds"] == pytest.approx(20 * of_image / record["nfe"] * (10 * 40 + 10))
    assert other["seconds_from"] == "1 earlier run of the generator, by NFE"
    assert not probed


def test_what_cannot_work_is_named_with_the_reason_and_the_rest_is_planned(capsys):
    schedules = ("--schedule", "exhaustive:start=encoder", "--schedule", "joint")
    code, document = planned(capsys, "plan", *GRID, "--generator", "small", *schedules, "--seeds", "2")
    states = {(run["entry"]["generator"], run["entry"]["schedule"]): run for run in document["data"]["runs"]}
    assert code == 1
    assert len(document["data"]["runs"]) == 8
    assert states["linear", "joint"]["state"] == "new"
    refused = states["linear", "exhaustive:start=encoder"]
    assert (refused["state"], refused["seconds"]) == ("impossible", 0.0)
    assert "no encoder" in refused["note"]
    assert "shape" in states["small", "joint"]["note"]
    assert len(document["errors"]) == 3
    code, out, _ = icbench(capsys, "plan", *GRID, *schedules)
    assert code == 1
    assert "cannot be run" in out
    assert "no encoder" in " ".join(out.split())


def test_data_that_is_not_here_is_not_fetched(capsys):
    code, document = planned(capsys, "plan", "--generator", "linear", "--dataset", "distant", "--device", "cpu")
    (run,) = document["data"]["runs"]
    assert code == 0
    assert (run["state"], run["images"], run["seconds"], run["seconds_from"]) == ("new", None, None, "unknown")
    assert "fetched at first use" in run["note"]
    total = document["data"]["total"]
    assert (total["images_left"], total["seconds"], total["runs_of_unknown_seconds"]) == (None, 0, 1)


def test_a_classifier_that_never_ran_has_no_known_time_and_is_not_fitted(capsys, monkeypatch):
    monkeypatch.setattr("icbench.running.runners.ClassifierRunner.prepare", lambda *_: pytest.fail("it was fitted"))
    _, document = planned(capsys, "plan", "--classifier", "class-mean", "--dataset", "toy", "--device", "cpu")
    assert document["data"]["runs"][0]["seconds"] is None


@pytest.mark.parametrize("verb", [("suite", "run", "toy-paper"), ("reproduce", "toy-paper")], ids=" ".join)
def test_a_suite_is_planned_each_configuration_once(capsys, verb):
    code, document = planned(capsys, *verb, "--plan", "--device", "cpu")
    assert code == 0
    labels = {(run["label"], run["seed"], run["images"]) for run in document["data"]["runs"]}
    # Three settings of the generator for two seeds each, and a classifier; what two tables share is there once.
    assert document["data"]["total"]["runs"] == 7
    assert ("class-mean", 0, 20) in labels
    assert document["data"]["total"]["new"] == len(document["data"]["runs"])


def test_run_says_the_same_of_itself_as_plan(capsys):
    assert planned(capsys, "run", *GRID, "--plan") == planned(capsys, "plan", *GRID)


def test_the_table_sums_up(capsys):
    code, out, err = icbench(capsys, "plan", *GRID, "--seeds", "3")
    assert code == 0
    assert "3 runs · 150 images left · about 1:15 in one process" in out
    assert "nothing was run" in err


def test_an_option_that_no_run_can_have_is_refused(capsys):
    code, _, err = icbench(capsys, "plan", *GRID, "--limit", "0")
    assert code == 2
    assert "--limit 0" in err


def test_a_probe_inverts_few_images_for_few_steps_and_scales(monkeypatch, components, digits):
    from types import SimpleNamespace

    from icbench.engine.settings import Settings

    ticks = iter([0.0, 100.0, 200.0, 203.2])
    monkeypatch.setattr(probe, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    asked = []
    monkeypatch.setattr(
        "icbench.engine.invert.invert", lambda c, i, index, few, rows: asked.append((len(index), few)) or []
    )
    runner = SimpleNamespace(components=components, images_per_batch=lambda rows: 50)
    found = probe.probe(runner, digits[0], Settings(steps=200))
    assert [(count, few.steps) for count, few in asked] == [(50, 2)] * 2
    assert found.seconds == pytest.approx(3.2 / 50 * 100)
