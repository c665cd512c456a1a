"""A record is whole, readable and anonymous, or it is not there."""

import getpass
import json
import os
import socket
from pathlib import Path

import numpy as np
import pytest

from icbench import records
from icbench.errors import IntegrityError, ResultsError
from icbench.records import check_writable, read_record, result_metrics, write_record

ARRAYS = {
    "index": np.arange(4),
    "label": np.array([0, 1, 2, 3]),
    "prediction": np.array([0, 1, 3, -1]),
    "class_scores": np.eye(4, dtype=np.float32),
    "distance": np.array([0.1, 0.2, 0.3, np.nan], dtype=np.float32),
    "resets": np.array([0, 2, 0, 1]),
}
FACTS = {"schema": 1, "id": "run", "key": "k", "status": "ok", "metrics": {}}


def test_a_record_is_read_back_as_it_was_written():
    record = read_record(write_record(Path("results"), FACTS, ARRAYS).path)
    assert record.facts["key"] == "k"
    for name, values in ARRAYS.items():
        np.testing.assert_array_equal(record.images()[name], values)


def test_metrics_count_not_finite_as_wrong():
    metrics = result_metrics(ARRAYS, forward=5, backward=4, seconds=2.0, peak_memory=10)
    assert metrics["accuracy"] == 0.5
    assert metrics["not_finite"] == 1
    assert metrics["mean_distance"] == pytest.approx(0.2)
    assert metrics["nfe"] == 9
    assert metrics["images_per_second"] == 2.0
    assert metrics["class_vector_resets"] == 3


def test_an_older_record_is_never_overwritten():
    first, second = (write_record(Path("results"), FACTS, ARRAYS).path for _ in range(2))
    assert first.name == "run"
    assert second.name == "run-2"


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_no_half_record(monkeypatch, call):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full) if call == "fsync" else monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ResultsError, match="No space left") as caught:
        write_record(Path("results"), FACTS, ARRAYS)
    assert caught.value.exit_code == 2
    assert list(Path("results").iterdir()) == []


def test_a_folder_that_is_a_file_is_not_writable():
    Path("results").write_text("in the way")
    with pytest.raises(ResultsError, match="cannot be written"):
        check_writable(Path("results"))


def test_checking_leaves_no_trace():
    check_writable(Path("fresh"))
    assert not Path("fresh").exists()


def test_changed_arrays_are_noticed():
    record = write_record(Path("results"), FACTS, ARRAYS)
    (record.path / records.IMAGES_FILE).write_bytes(b"other")
    with pytest.raises(IntegrityError, match="its record says"):
        record.images()


def test_a_newer_schema_asks_for_an_update():
    record = write_record(Path("results"), {**FACTS, "schema": 99}, ARRAYS)
    with pytest.raises(IntegrityError, match="schema 99") as caught:
        read_record(record.path)
    assert "Update" in caught.value.hint


def test_a_record_of_a_run_names_no_user_host_or_folder(toy_plugin):
    import icbench

    record = icbench.run(generator="linear", dataset="toy", steps=3, device="cpu")
    text = json.dumps(json.loads((record.path / records.RECORD_FILE).read_text()))
    assert str(Path.cwd()) not in text
    assert socket.gethostname() not in text
    assert f"/{getpass.getuser()}" not in text
