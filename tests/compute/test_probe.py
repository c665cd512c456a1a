"""Products are chosen by a measurement that is made once on a machine."""

import json

import pytest
import torch

from icbench.compute import onednn, probe
from icbench.compute.probe import onednn_pays, speeds
from icbench.errors import FolderWarning
from icbench.storage import say_once


def rates(bfloat16, onednn=1.0):
    """What the stopwatch says: how much faster bfloat16 is, and how much faster oneDNN is."""
    plain = {"torch float32": 1.0, "torch bfloat16": bfloat16}
    return plain | {name.replace("torch", "onednn"): rate * onednn for name, rate in plain.items()}


@pytest.fixture
def measured(cache, monkeypatch):
    """Replaces the stopwatch; returns a function that sets what it says, and the list of its readings."""
    readings = []

    def forget():
        probe._speeds.cache_clear()
        onednn_pays.cache_clear()

    def say(found):
        monkeypatch.setattr(probe, "speeds", lambda: readings.append(found) or found)
        forget()
        return readings

    yield say
    forget()


@pytest.mark.parametrize(("ratio", "pays"), [(1.15, True), (1.01, False), (0.5, False)])
def test_onednn_is_taken_where_it_is_faster_than_torch(measured, ratio, pays):
    measured(rates(2.0, ratio))
    assert onednn_pays(torch.float32) is pays
    assert onednn_pays(torch.bfloat16) is pays
    assert onednn_pays(torch.float16) is False, "what was not measured is not taken"


def test_onednn_is_not_taken_where_torch_lacks_it(measured):
    measured({"torch float32": 1.0, "torch bfloat16": 2.0})
    assert not onednn_pays(torch.float32)


def test_what_was_measured_once_holds(measured):
    measured(rates(2.0, 1.5))
    assert onednn_pays(torch.float32)
    readings = measured(rates(2.0, 0.5))
    assert onednn_pays(torch.float32)
    assert readings == [rates(2.0, 1.5)]


def test_another_machine_is_measured_itself(measured, monkeypatch):
    measured(rates(2.0, 1.5))
    assert onednn_pays(torch.float32)
    monkeypatch.setattr(probe, "cpu_model", lambda: "another")
    measured(rates(2.0, 0.5))
    assert not onednn_pays(torch.float32)


@pytest.mark.parametrize(
    "content",
    ["", "[1]", "{", '{"x": "y"}', '{"x": null}', '{"x": 1.5}', '{"x": {"y": null}}'],
)
def test_an_unreadable_cache_is_made_anew(measured, tmp_path, content):
    file = tmp_path / "cache" / "icbench" / probe.FILE
    file.parent.mkdir(parents=True)
    file.write_text(content)
    measured(rates(2.0, 1.5))
    assert onednn_pays(torch.float32)
    assert list(json.loads(file.read_text()).values()) == [rates(2.0, 1.5)]


@pytest.mark.parametrize("kept", [{}, {"torch float32": 1.0}, {"onednn float32": 1.0, "torch bfloat16": 1.0}], ids=str)
def test_a_cache_that_lacks_what_is_measured_now_is_made_anew(measured, tmp_path, kept):
    """As one that somebody edited."""
    measured(rates(2.0, 1.5))
    assert onednn_pays(torch.float32)
    [file] = (tmp_path / "cache" / "icbench").iterdir()
    file.write_text(json.dumps(dict.fromkeys(json.loads(file.read_text()), kept)))
    measured(rates(2.0, 0.5))
    assert not onednn_pays(torch.float32)


def test_a_cache_that_cannot_be_written_is_done_without(measured, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    say_once.cache_clear()
    measured(rates(2.0, 1.5))
    with pytest.warns(FolderWarning, match="cannot be written"):
        assert onednn_pays(torch.float32)


def test_the_stopwatch_is_tried_for_real():
    found = speeds()
    assert found["torch float32"] == 1.0
    assert {"torch float32", "torch bfloat16"} <= set(found)
    assert all(0.01 < rate < 100 for rate in found.values())


@pytest.mark.parametrize("failure", [AttributeError("no such operator"), RuntimeError("not on this processor")])
def test_a_product_that_does_not_work_is_not_measured(monkeypatch, failure):
    def fails(weight):
        raise failure

    monkeypatch.setattr(onednn, "pack", fails)
    assert set(speeds()) == {"torch float32", "torch bfloat16"}


def test_a_product_that_is_wrong_is_not_measured(monkeypatch):
    monkeypatch.setattr(onednn, "pack", lambda weight: weight)
    monkeypatch.setattr(onednn, "product", lambda rows, weight: rows @ weight.T + 1)
    assert set(speeds()) == {"torch float32", "torch bfloat16"}
