"""Runs whose shards are computed by an executor: the same records as without, whatever goes wrong on the way."""

import gc
import json
import os
import weakref
from dataclasses import replace
from pathlib import Path
from queue import LifoQueue

import numpy as np
import pytest
from toy_executors import SILENCE, Inline, Raised

from icbench.errors import ResultsError, UsageError
from icbench.kinds.executor import ExecutorLostError
from icbench.plugins.manager import plugin_manager
from icbench.records.record import read_record
from icbench.records.results_folder import ResultsFolder
from icbench.running import dispatch, open_run
from icbench.running.costs import Cost, EarlierCosts
from icbench.running.deadline import Deadline, TimeIsUpError
from icbench.running.execute import entries_from_specs, execute
from icbench.running.observer import Observer
from icbench.running.options import Options
from icbench.running.session import Session
from icbench.running.shard_task import ShardFailure, compute_shard

SPECS = {"generator": ["linear", "normed"], "dataset": ["toy"], "classifier": ["class-mean"]}
OPTIONS = Options(
    steps=3, device="cpu", precision="float32", batch_size=10, executor="inline", seeds=(0, 1), results=Path("there")
)
ENTRIES, SHARDS = 3, 5
"""Two inversions and a classifier; each run is five shards of ten images."""


@pytest.fixture(autouse=True)
def _toys(use_plugins, monkeypatch):
    use_plugins("toy", "toy_executors")
    monkeypatch.setattr(open_run, "SHARD_IMAGES", 10)
    monkeypatch.setattr(dispatch, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(Inline, "made", [])


class Watch(Observer):
    """Keeps what it is told, by the run that it is of."""

    def __init__(self):
        self.lines, self.images, self.ended, self.at = [], {}, [], None

    def warn(self, message):
        self.lines.append(message)

    say = warn

    def turn_to(self, number):
        self.at = number

    def on_batch(self, images, correct=None):
        self.images[self.at] = self.images.get(self.at, 0) + images

    def end(self, record=None):
        self.ended.append((self.at, record.status))


def run(options=OPTIONS, specs=SPECS, watcher=None):
    return list(execute(entries_from_specs(plugin_manager(), specs), options, watcher or Watch()))


def run_one(watcher=None, **options):
    (made,) = run(
        replace(OPTIONS, seeds=(0,), **options), {**SPECS, "generator": ["linear"], "classifier": []}, watcher
    )
    return made.record


@pytest.fixture
def fail(monkeypatch):
    """A function that says what goes wrong, by the number of the shard that is submitted."""
    return lambda troubles: monkeypatch.setattr(Inline, "troubles", troubles)


def computed():
    """How many shards each executor was asked for."""
    return [len(executor.tasks) for executor in Inline.made]


def assert_same(found, expected):
    assert (found.status, found.metadata.key) == ("ok", expected.metadata.key)
    ours, theirs = found.images(), expected.images()
    assert ours.keys() == theirs.keys()
    for name, values in theirs.items():
        np.testing.assert_array_equal(ours[name], values, err_msg=name)
    kept = ("accuracy", "nfe", "mean_distance", "images", "correct", "generator_parameters")
    assert all(getattr(found.metrics, name) == getattr(expected.metrics, name) for name in kept)


@pytest.fixture
def undisturbed():
    return run_one(executor="local", results=Path("here"))


@pytest.mark.parametrize("width", [1, 4, 100])
def test_results_are_bit_for_bit_those_of_this_process_in_whatever_order_shards_come_back(width, monkeypatch):
    monkeypatch.setattr(dispatch, "SimpleQueue", LifoQueue)
    watcher = Watch()
    made = run(replace(OPTIONS, executor=f"inline:width={width}"), watcher=watcher)
    expected = run(replace(OPTIONS, executor="local", results=Path("here")))
    assert [(each.entry.label, each.seed) for each in made] == [(each.entry.label, each.seed) for each in expected]
    for ours, theirs in zip(made, expected, strict=True):
        assert_same(ours.record, theirs.record)
    assert watcher.images == dict.fromkeys(range(2 * ENTRIES), 50)
    assert computed() == [2 * ENTRIES * SHARDS]
    assert Inline.made[0].closed


def test_the_components_of_an_entry_are_let_go_of_once_its_runs_are_over(monkeypatch):
    runners = []

    class Watched(Session):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            runners.append(weakref.ref(self.runner))

    monkeypatch.setattr("icbench.running.execute.Session", Watched)
    options = replace(OPTIONS, executor="inline:width=1")
    for number, _ in enumerate(execute(entries_from_specs(plugin_manager(), SPECS), options, Watch()), start=1):
        gc.collect()
        held = sum(runner() is not None for runner in runners)
        assert held <= ENTRIES - (number - 1) // 2
    assert number == 2 * ENTRIES


def test_the_record_names_the_executor_and_says_where_its_shards_were_computed(undisturbed):
    found = run_one().metadata.environment
    assert found.executor == "inline"
    assert undisturbed.metadata.environment.executor is None
    assert (found.icbench, found.cpu) == (
        undisturbed.metadata.environment.icbench,
        undisturbed.metadata.environment.cpu,
    )


def test_a_shard_that_fails_is_tried_again_and_said(fail, undisturbed):
    fail({2: ValueError("a bad day")})
    watcher = Watch()
    assert_same(run_one(watcher), undisturbed)
    assert [line for line in watcher.lines if "tried again" in line] == [
        "linear · mse · adam · joint: 10 images are tried again (1 of 1): ValueError: a bad day"
    ]
    assert computed() == [SHARDS + 1]


def test_after_its_retries_the_run_is_failed_with_the_reason_others_go_on_and_the_same_command_completes_it(
    fail, undisturbed
):
    first = {number: ValueError("a bad day") for number in range(2)}
    fail(first)
    made = run(replace(OPTIONS, executor="inline:width=1"))
    assert [each.record.status for each in made] == ["failed"] + ["ok"] * (2 * ENTRIES - 1)
    assert made[0].record.metadata.error == "ShardError: ValueError: a bad day, 2 times"
    fail({})
    assert_same(run_one(), undisturbed)


def test_what_was_finished_before_a_run_failed_is_never_done_again(fail, undisturbed):
    fail({number: ValueError("a bad day") for number in (3, 4)})
    failed = run_one(executor="inline:width=1")
    assert (failed.status, failed.metrics.images) == ("failed", 30)
    fail({})
    assert_same(run_one(), undisturbed)
    assert computed() == [5, 2]


def test_a_shard_that_is_not_answered_in_time_is_given_up_and_tried_again(fail, undisturbed):
    fail({1: SILENCE})
    watcher = Watch()
    assert_same(run_one(watcher, executor="inline:timeout=1e-6"), undisturbed)
    assert len(Inline.made[0].given_up) == 1
    assert any("no answer within 1e-06 s (timeout)" in line for line in watcher.lines)


def test_a_run_none_of_whose_shards_is_ever_answered_is_failed(fail):
    fail(dict.fromkeys(range(100), SILENCE))
    assert run_one(executor="inline:timeout=1e-6").metadata.error.endswith(
        "no answer within 1e-06 s (timeout), 2 times"
    )


@pytest.mark.parametrize("at", ["the submission", "the answer"])
def test_once_the_executor_is_lost_open_runs_are_failed_and_the_same_command_completes_all(fail, undisturbed, at):
    lost = ExecutorLostError("the scheduler is gone")
    fail({3: lost if at == "the answer" else Raised(lost)})
    with pytest.raises(ExecutorLostError, match="the scheduler is gone"):
        run_one(executor="inline:width=1")
    (path,) = Path("there").iterdir()
    failed = read_record(path)
    assert (failed.status, failed.metrics.images) == ("failed", 30)
    assert failed.metadata.error == "ExecutorLostError: the scheduler is gone"
    fail({})
    assert_same(run_one(), undisturbed)
    assert computed()[1] == 2


def other_identity(task):
    identity = json.loads(task.run.identity)
    identity["entry"]["generator"]["source"] = "sha256:other"
    return compute_shard(replace(task, run=replace(task.run, identity=json.dumps(identity))))


def other_version(task):
    return compute_shard(replace(task, run=replace(task.run, versions=(("icbench", "0.0"),))))


def other_plugins(task):
    chosen = replace(task.run.selections[0], name="icbench-toy/elsewhere")
    return compute_shard(replace(task, run=replace(task.run, selections=(chosen,))))


REFUSALS = {
    other_identity: r"its entry generator source is sha256:[0-9a-f]{12}…, and not sha256:other",
    other_version: "its torch is .*, and not missing|its icbench is .*, and not 0.0",
    other_plugins: "there is no generator 'icbench-toy/elsewhere'",
}


@pytest.mark.parametrize("other", REFUSALS)
def test_workers_that_are_not_like_the_driver_are_refused_and_the_difference_is_named(fail, other):
    fail(dict.fromkeys(range(100), other))
    with pytest.raises(UsageError, match=f"a worker refused, ({REFUSALS[other]})"):
        run_one()
    assert Inline.made[0].closed


def test_where_others_have_computed_one_worker_that_refuses_costs_its_run_alone(fail):
    fail({3: other_version, 4: other_version})
    made = run(replace(OPTIONS, executor="inline:width=1"))
    assert [each.record.status for each in made] == ["failed"] + ["ok"] * (2 * ENTRIES - 1)
    assert "a worker refused" in made[0].record.metadata.error


def test_where_a_workers_memory_is_full_batches_become_smaller_and_no_try_is_counted(fail, undisturbed):
    fail({number: lambda task: ShardFailure("OutOfMemoryError", out_of_memory=True) for number in (1, 2, 3)})
    found = run_one(executor="inline:retries=0,width=3")
    assert found.status == "ok"
    # Those that had been submitted before did not say more.
    assert found.metadata.batch_size == 5
    np.testing.assert_array_equal(found.images()["prediction"], undisturbed.images()["prediction"])


def test_where_memory_is_full_for_two_open_runs_each_says_how_many_rows_it_had(fail):
    fail({number: lambda task: ShardFailure("OutOfMemoryError", out_of_memory=True) for number in (0, SHARDS)})
    made = run(replace(OPTIONS, executor="inline:width=100"), {**SPECS, "generator": ["linear"], "classifier": []})
    assert [each.record.metadata.batch_size for each in made] == [5, 5]


def test_where_the_memory_has_no_room_for_one_row_the_run_fails(fail):
    fail(dict.fromkeys(range(100), lambda task: ShardFailure("OutOfMemoryError", out_of_memory=True)))
    assert run_one(batch_size=2).metadata.error == "ShardError: OutOfMemoryError, 2 times"


def test_a_stop_by_the_user_keeps_what_is_finished_and_ends_the_workers(fail, undisturbed):
    fail({4: Raised(KeyboardInterrupt())})
    stopped = run_one()
    assert (stopped.status, Inline.made[0].closed) == ("interrupted", True)
    # Also the answers that had come and were not yet taken.
    assert stopped.metrics.images == 40
    fail({})
    assert_same(run_one(), undisturbed)
    assert computed()[1] == 1


def test_a_stop_by_the_user_before_anything_is_finished_leaves_nothing(fail):
    fail({0: Raised(KeyboardInterrupt())})
    with pytest.raises(KeyboardInterrupt):
        run_one()
    assert not Path("there").exists()


def test_runs_that_were_finished_come_before_those_that_were_stopped(fail):
    fail({12: Raised(KeyboardInterrupt())})
    made = run(replace(OPTIONS, executor="inline:width=4"))
    assert [each.record.status for each in made] == ["ok", "ok", "interrupted"]


def test_a_full_disk_stops_all_and_what_was_written_is_kept(fail, fill_disk, monkeypatch, undisturbed):
    def full(task):
        fill_disk()
        return compute_shard(task)

    sync = os.fsync
    fail({2: full})
    with pytest.raises(ResultsError, match="No space left"):
        run_one(executor="inline:width=1")
    monkeypatch.setattr(os, "fsync", sync)
    fail({})
    assert_same(run_one(), undisturbed)
    assert computed() == [3, 3]


def test_a_run_that_another_process_is_at_is_left_for_the_end():
    with ResultsFolder(Path("there")).lock(run_name_of_first(), lambda: None):
        watcher = Watch()
        watcher.warn = raise_if_waiting
        with pytest.raises(WaitingError):
            run(watcher=watcher)
    assert [number for number, _ in watcher.ended] == [1, 2, 3, 4, 5]
    assert {status for _, status in watcher.ended} == {"ok"}


class WaitingError(Exception):
    """One waits for another process."""


def raise_if_waiting(message):
    if message.startswith("another process is at"):
        raise WaitingError


def run_name_of_first():
    """The name that the first run's folder has."""
    found = run_one(executor="local", results=Path("elsewhere"))
    return found.path.name


def test_results_of_other_images_than_were_asked_for_fail_their_run(fail):
    fail({0: lambda task: compute_shard(replace(task, index=task.index + 10))})
    failed = run_one(executor="inline:width=1")
    assert failed.status == "failed"
    assert "other images than it was asked for" in failed.metadata.error


@pytest.mark.parametrize("answer", [None, 3])
def test_an_executor_that_answers_nonsense_is_named(fail, answer):
    fail(dict.fromkeys(range(9), lambda task: answer))
    assert f"the executor answered with {type(answer).__name__}" in run_one().metadata.error


def test_what_a_component_raises_in_a_worker_is_the_failure_of_its_run(fail, monkeypatch):
    def leave(task):
        with monkeypatch.context() as patch:
            patch.setattr("icbench.running.shard_task._compute", exit_for_real)
            return compute_shard(task)

    fail(dict.fromkeys(range(9), leave))
    assert run_one().metadata.error == "ShardError: SystemExit: enough, 2 times"


def exit_for_real(task):
    raise SystemExit("enough")


def test_no_shard_is_given_out_once_time_is_up_and_the_run_goes_on_later(undisturbed):
    seconds, watcher = [0.0], Watch()

    def on_batch(images, correct=None):
        seconds[0] += 100.0 if images else 0.0

    watcher.on_batch = on_batch
    stopped = run_one(watcher, executor="inline:width=1", deadline=Deadline(250 / 3600, lambda: seconds[0]))
    assert (stopped.status, stopped.metrics.images) == ("interrupted", 30)
    assert any("stopped in time" in line for line in watcher.lines)
    assert_same(run_one(), undisturbed)


def test_a_run_that_cannot_end_in_time_is_not_begun(monkeypatch):
    monkeypatch.setattr(EarlierCosts, "find", lambda *_: Cost(10.0, "a test"))
    with pytest.raises(TimeIsUpError):
        run_one(deadline=Deadline(499 / 3600, lambda: 0.0))
    assert computed() == [0]
