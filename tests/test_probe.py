"""The precision is chosen by a measurement that is made once on a machine."""

import json

import pytest
import torch

from icbench import probe
from icbench.devices import chosen_precision
from icbench.probe import bfloat16_pays, speedup

CPU = torch.device("cpu")


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Replaces the stopwatch; returns a function that sets what it says, and the list of its readings."""
    readings = []

    def say(ratio):
        monkeypatch.setattr(probe, "speedup", lambda: readings.append(ratio) or ratio)
        bfloat16_pays.cache_clear()
        return readings

    monkeypatch.setattr(probe.platformdirs, "user_cache_dir", lambda name: tmp_path / "cache" / name)
    yield say
    bfloat16_pays.cache_clear()


@pytest.mark.parametrize(("ratio", "precision"), [(4.0, "bfloat16"), (1.1, "float32"), (0.2, "float32")])
def test_auto_takes_what_pays(measured, ratio, precision):
    measured(ratio)
    assert chosen_precision("auto", CPU) == precision
    assert chosen_precision("float32", CPU) == "float32"


def test_what_was_measured_once_holds(measured):
    measured(4.0)
    assert bfloat16_pays()
    readings = measured(0.2)
    assert bfloat16_pays()
    assert readings == [4.0]


def test_another_machine_is_measured_itself(measured, monkeypatch):
    measured(4.0)
    assert bfloat16_pays()
    monkeypatch.setattr(probe, "cpu_model", lambda: "another")
    measured(0.2)
    assert not bfloat16_pays()


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"x": "y"}', '{"x": null}'])
def test_an_unreadable_cache_is_made_anew(measured, tmp_path, content):
    file = tmp_path / "cache" / "icbench" / probe.FILE
    file.parent.mkdir(parents=True)
    file.write_text(content)
    measured(4.0)
    assert bfloat16_pays()
    assert list(json.loads(file.read_text()).values()) == [4.0]


def test_a_cache_that_cannot_be_written_is_done_without(measured, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    measured(4.0)
    assert bfloat16_pays()


def test_the_stopwatch_is_tried_for_real():
    assert 0.01 < speedup() < 100
