"""Nothing is begun that would not end in time, what was finished is kept, and the same command goes on."""

import pickle

import pytest
from command_line import icbench

from icbench.plugins.manager import plugin_manager
from icbench.records import Record
from icbench.running import session
from icbench.running.costs import Cost, EarlierCosts
from icbench.running.deadline import Deadline, TimeIsUpError
from icbench.running.execute import entries_from_specs, execute
from icbench.running.observer import Observer
from icbench.running.options import Options

SPECS = {"generator": ["linear"], "dataset": ["toy"]}
TOY = ["run", "--generator", "linear", "--dataset", "toy", "--steps", "2", "--device", "cpu"]
HOW = {"steps": 2, "batch_size": 10, "device": "cpu"}
BATCH = 100.0
"""The seconds that a batch takes by the clock of these tests."""

pytestmark = pytest.mark.usefixtures("toy_plugin")


class Clock(Observer):
    """A clock that only batches move, and what is warned of."""

    def __init__(self):
        self.seconds, self.warnings = 0.0, []

    def __call__(self):
        return self.seconds

    def on_batch(self, images, correct=None):
        self.seconds += BATCH if images else 0

    def warn(self, message):
        self.warnings.append(message)


def run(seconds, seeds=(0,), clock=None) -> list[Record]:
    clock = clock or Clock()
    deadline = Deadline(None if seconds is None else seconds / 3600, clock)
    options = Options(**HOW, seeds=seeds, deadline=deadline)
    return [run.record for run in execute(entries_from_specs(plugin_manager(), SPECS), options, clock)]


def test_a_run_stops_before_the_batch_that_would_end_too_late_and_goes_on_later():
    (stopped,) = run(2.5 * BATCH)
    assert (stopped.status, stopped.metrics.images) == ("interrupted", 20)
    (finished,) = run(None)
    assert (finished.path, finished.status, finished.metrics.images) == (stopped.path, "ok", 50)


def test_a_batch_that_ends_just_in_time_is_made():
    (stopped,) = run(3 * BATCH)
    assert stopped.metrics.images == 30


def test_the_last_batch_needs_no_time_for_another():
    (finished,) = run(5 * BATCH)
    assert finished.status == "ok"


def test_the_next_run_is_not_begun_and_the_finished_one_is_kept():
    clock = Clock()
    options = Options(**HOW, seeds=(0, 1), deadline=Deadline(5 * BATCH / 3600, clock))
    runs = execute(entries_from_specs(plugin_manager(), SPECS), options, clock)
    assert next(runs).record.status == "ok"
    with pytest.raises(TimeIsUpError):
        next(runs)
    assert options.deadline.has_stopped
    assert "stopped in time" in clock.warnings[-1]


def test_what_earlier_runs_took_keeps_a_run_from_being_begun(monkeypatch, tmp_path):
    monkeypatch.setattr(EarlierCosts, "find", lambda *_: Cost(10.0, "a test"))
    with pytest.raises(TimeIsUpError):
        run(50 * 10.0 - 1)
    assert not (tmp_path / "icbench-results").exists()
    assert [record.status for record in run(50 * 10.0)] == ["ok"]


def test_of_a_long_run_only_the_first_shard_has_to_end_in_time(monkeypatch):
    monkeypatch.setattr(EarlierCosts, "find", lambda *_: Cost(BATCH / 10, "a test"))
    monkeypatch.setattr(session, "SHARD_IMAGES", 10)
    with pytest.raises(TimeIsUpError):
        run(BATCH - 1)
    (stopped,) = run(BATCH)
    assert (stopped.status, stopped.metrics.images) == ("interrupted", 10)


def test_what_is_finished_is_taken_from_its_record_however_late_it_is():
    run(None)
    assert [record.reused for record in run(1e-9)] == [True]


def test_a_deadline_does_not_go_to_workers():
    assert not pickle.loads(pickle.dumps(Deadline(1.0))).is_set


def test_no_deadline_allows_everything():
    deadline = Deadline()
    assert deadline.allows(1e12)
    assert not deadline.has_stopped


def test_the_command_says_how_to_go_on(capsys):
    icbench(capsys, *TOY)
    code, out, err = icbench(capsys, *TOY, "--seeds", "2", "--max-hours", "1e-9")
    assert code == 130
    assert "linear" in out
    assert "stopped by --max-hours; go on with: icbench" in err
    code, _, err = icbench(capsys, *TOY, "--seed", "5", "--max-hours", "1e-9")
    assert code == 130
    assert "--max-hours is too short" in err
    assert icbench(capsys, *TOY, "--seeds", "2", "--max-hours", "100")[0] == 0


@pytest.mark.parametrize("hours", ["0", "-1", "nan"])
def test_hours_that_are_none_are_refused(capsys, hours):
    assert icbench(capsys, *TOY, "--max-hours", hours)[0] == 2
