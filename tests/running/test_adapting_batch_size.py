"""The batch size of a run: given, known, or measured once; halved when memory is full, and foreseen."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from icbench.engine.settings import Settings
from icbench.running.batch_size import BatchSize
from icbench.running.observer import Observer

IMAGES = np.zeros((4, 1, 8, 8), np.uint8)
FULL = torch.OutOfMemoryError("full")


class Listener(Observer):
    def __init__(self):
        self.warnings = []

    def warn(self, message):
        self.warnings.append(message)


class Runner:
    """One byte a row; a measurement says 64."""

    entry = SimpleNamespace(label="toy")
    device = torch.device("cpu")

    def __init__(self):
        self.measured = 0

    def batch_size(self, images, count, settings):
        self.measured += 1
        return 64

    def batch_bytes(self, rows, count, settings):
        return rows


@pytest.fixture
def listener():
    return Listener()


@pytest.fixture
def begun(listener):
    def begin(given=None, known=None):
        batch_size = BatchSize(Runner(), IMAGES, listener, given)
        batch_size.begin(Settings(), 4, known)
        return batch_size

    return begin


@pytest.mark.parametrize(("given", "known", "rows"), [(10, 20, 10), (None, 20, 20), (None, None, 64)])
def test_what_is_given_counts_before_what_is_known_and_that_before_a_measurement(begun, given, known, rows):
    batch_size = begun(given, known)
    assert (batch_size.rows, batch_size.bytes) == (rows, rows)


def test_it_is_measured_once_and_each_run_begins_with_that(begun):
    batch_size = begun()
    batch_size.halve(FULL)
    batch_size.begin(Settings(), 4, None)
    assert batch_size.rows == 64
    assert batch_size._runner.measured == 1


def test_the_size_that_a_run_was_begun_with_is_not_that_of_the_next(begun):
    batch_size = begun(known=20)
    batch_size.begin(Settings(), 4, None)
    assert batch_size.rows == 64


def test_full_memory_halves_it_and_says_so(begun, listener, caplog):
    caplog.set_level("INFO", "icbench")
    batch_size = begun(5)
    batch_size.halve(FULL)
    assert caplog.messages == ["batch size 5, asked for", "batch size halved to 2: full"]
    assert (batch_size.rows, batch_size.bytes) == (2, 2)
    assert listener.warnings == ["the device's memory is full; going on with batches of 2"]


@pytest.mark.parametrize(("rows", "error"), [(5, ValueError("odd")), (1, FULL)])
def test_what_smaller_batches_do_not_help_is_raised(begun, listener, rows, error):
    batch_size = begun(rows)
    with pytest.raises(type(error), match=str(error)):
        batch_size.halve(error)
    assert (batch_size.rows, listener.warnings) == (rows, [])


def test_what_does_not_fit_is_said_each_time_the_size_is_set(begun, listener, monkeypatch):
    monkeypatch.setattr("icbench.engine.memory.free_bytes", lambda device: 30)
    batch_size = begun(100)
    batch_size.halve(FULL)
    batch_size.halve(FULL)
    assert [warning.split(" take")[0] for warning in listener.warnings if "--batch-size auto" in warning] == [
        "batches of 100",
        "batches of 50",
    ]
