"""A batch's memory is known before it is inverted, and grows with nothing but the batch."""

import gc
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import NormedGenerator, ToyDigits

import icbench
from icbench.compute.machine import peak_memory_bytes
from icbench.engine.invert import invert
from icbench.engine.memory import activation_bytes, batch_bytes, feature_bytes
from icbench.engine.prepare import prepare
from icbench.engine.settings import Settings
from icbench.plugins.manager import PluginManager, plugin_manager
from icbench.running.datasets import Source
from icbench.running.observer import Observer
from icbench.running.options import Options
from icbench.running.session import Session

SETTINGS = Settings(steps=5)
SPLIT = ToyDigits().split("test", None)


@pytest.fixture
def normed(components):
    return replace(components, generator=prepare(NormedGenerator(), torch.device("cpu")))


def test_activation_bytes_count_what_the_backward_pass_keeps(normed):
    # Per row: class vector and noise (14), the hidden layer (32), the image (64) and its difference to the target (64).
    assert activation_bytes(normed, SETTINGS) == pytest.approx(4 * (14 + 32 + 64 + 64), rel=0.5)
    assert activation_bytes(normed, SETTINGS) >= 4 * (32 + 64)


def test_the_weights_do_not_count(normed):
    wide = replace(normed)
    wide.generator.register_buffer("unused", torch.zeros(10**6))
    assert activation_bytes(wide, SETTINGS) < 4000


def test_a_hypothesis_of_many_costs_what_one_alone_does(normed):
    exhaustive = replace(normed, schedule=PluginManager().select("schedule", "exhaustive:restarts=3").build())
    assert activation_bytes(exhaustive, SETTINGS) == pytest.approx(activation_bytes(normed, SETTINGS), rel=0.2)


def test_features_count_as_large_as_the_distance_keeps_them(normed):
    class Tripled(type(normed.distance)):
        def features(self, target):
            return torch.cat([target] * 3, dim=1)

    assert feature_bytes(normed, SETTINGS) == 4 * 64 * 2
    assert feature_bytes(replace(normed, distance=Tripled()), SETTINGS) == 4 * 64 * 4


def live_bytes():
    gc.collect()  # torch's optimizers hold their latents in a cycle
    # Not `isinstance`, which asks objects for their class, and some warn when asked.
    return sum(found.nbytes for found in gc.get_objects() if issubclass(type(found), torch.Tensor))


def live_bytes_at_most(components, images, index, rows):
    """The most bytes of tensors alive after any batch's step, besides those alive before."""
    before, most = live_bytes(), 0

    def look(count):
        nonlocal most
        most = max(most, live_bytes() - before)

    for _ in invert(components, images, index, Settings(1), rows, look):
        pass
    return most


def test_memory_grows_with_the_batch_and_not_with_the_images(normed):
    images = np.tile(SPLIT.images, (4, 1, 1, 1))
    few, many = (
        live_bytes_at_most(normed, images, np.arange(count), 20) for count in (40, 120)
    )  # with the last result held
    assert 0 < many <= few
    assert live_bytes_at_most(normed, images, np.arange(120), 120) > many


def test_a_batch_that_does_not_fit_is_told_before_it_is_tried(monkeypatch, tmp_path, toy_plugin):
    from icbench.running.execute import entries_from_specs

    warnings = []

    class Listener(Observer):
        def warn(self, message):
            warnings.append(message)

    manager = plugin_manager()
    entry = entries_from_specs(manager, {"generator": ["linear"], "dataset": ["toy"]})[0]
    monkeypatch.setattr("icbench.engine.memory.free_bytes", lambda device: 1000)
    options = Options(steps=2, limit=20, batch_size=20, results=tmp_path)
    session = Session(entry, Source(entry.dataset.build(), tmp_path, "toy"), options, Listener())
    ((seed, record),) = session.runs()
    assert seed == 0
    assert record.status == "ok"
    assert any("batches of 20 take about" in warning and "--batch-size auto" in warning for warning in warnings)
    assert record.metadata.batch_bytes > 20 * 64 * 4


def test_a_batch_is_no_larger_than_the_run(toy_plugin):
    from icbench.running.execute import entries_from_specs
    from icbench.running.runners import InversionRunner

    entry = entries_from_specs(plugin_manager(), {"generator": ["linear"], "dataset": ["toy"]})[0]
    runner = InversionRunner(entry, torch.device("cpu"))
    settings = Settings(steps=2)
    assert runner.batch_bytes(10**6, 20, settings) == batch_bytes(runner.components, 20, settings)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process has one peak for all that it does")
def test_a_run_does_not_count_what_was_used_before_it(tmp_path, toy_plugin):
    before = peak_memory_bytes()
    block = bytearray(b"x") * (256 * 2**20)
    used = len(block)
    del block
    assert peak_memory_bytes() > before + used // 2
    record = icbench.run(generator="linear", dataset="toy", steps=2, limit=20, results=tmp_path)
    assert record.metrics.peak_memory_bytes < before + used // 2
