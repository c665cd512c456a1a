"""Results that wait to be written are written in shards, whatever ends the run."""

from pathlib import Path

import numpy as np
import pytest

from icbench.errors import ResultsError
from icbench.records import buffer
from icbench.records.buffer import ShardBuffer


class Run:
    """Keeps shards in a list; the first writes fail as told."""

    def __init__(self, *failures):
        self.path, self.parts, self.failures = Path("run"), [], list(failures)

    def check(self, arrays):
        if "index" not in arrays:
            raise ValueError("odd")

    def add(self, arrays, costs):
        if self.failures:
            raise self.failures.pop(0)
        self.parts.append((arrays["index"].tolist(), costs))


def batch(first, count=10):
    return {"index": np.arange(first, first + count)}


def fill(run, batches, error=None):
    with ShardBuffer(run, lambda: 7) as shards:
        for number in range(batches):
            shards.add(batch(10 * number), 3.2, 1.8)
        if error:
            raise error


def test_batches_go_to_disk_together_once_there_are_enough(monkeypatch):
    monkeypatch.setattr(buffer, "SHARD_IMAGES", 20)
    run = Run()
    fill(run, 5)
    assert [index for index, _ in run.parts] == [[*range(20)], [*range(20, 40)], [*range(40, 50)]]
    assert {(costs.forward, costs.backward, costs.peak_memory) for _, costs in run.parts} == {(3, 2, 7)}


def test_batches_go_to_disk_once_enough_time_has_passed(monkeypatch):
    monkeypatch.setattr(buffer, "SHARD_SECONDS", 0.0)
    run = Run()
    fill(run, 3)
    assert len(run.parts) == 3


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit()])
def test_whatever_ends_it_what_waits_is_written(error):
    run = Run()
    with pytest.raises(type(error)):
        fill(run, 2, error)
    assert [index for index, _ in run.parts] == [[*range(20)]]


def test_an_interruption_of_the_last_write_loses_nothing():
    run = Run(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        fill(run, 2)
    assert [index for index, _ in run.parts] == [[*range(20)]]


def test_where_nothing_can_be_written_what_ended_the_run_before_comes_first():
    with pytest.raises(ValueError, match="the real reason"):
        fill(Run(ResultsError("full")), 2, ValueError("the real reason"))
    with pytest.raises(ResultsError):
        fill(Run(ResultsError("full")), 2)


def test_after_a_write_that_failed_none_is_tried_again(monkeypatch):
    monkeypatch.setattr(buffer, "SHARD_IMAGES", 10)
    run = Run(ResultsError("full"))
    with pytest.raises(ResultsError):
        fill(run, 2)
    assert run.parts == []


def fill_oddly(run):
    with ShardBuffer(run, lambda: 7) as shards:
        shards.add(batch(0), 1, 1)
        assert shards.images == 10
        shards.add({}, 1, 1)


def test_results_of_another_form_are_refused_and_the_others_kept():
    run = Run()
    with pytest.raises(ValueError, match="odd"):
        fill_oddly(run)
    assert [index for index, _ in run.parts] == [[*range(10)]]
