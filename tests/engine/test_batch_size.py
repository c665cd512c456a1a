"""The batch size is measured, and bounded by memory and by the size of the run."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import torch

from icbench.engine import batch_size
from icbench.engine.batch_size import measure_batch_size
from icbench.engine.invert import invert
from icbench.engine.memory import batch_bytes
from icbench.engine.settings import Settings
from icbench.plugins.manager import PluginManager

SETTINGS = Settings(steps=5)
IMAGES = np.zeros((4000, 1, 8, 8), np.uint8)


def rates(monkeypatch, per_second: dict[int, float]) -> list[int]:
    """Replace the stopwatch by a table; returns the list of the batch sizes that are tried."""
    tried: list[int] = []

    def rate(components, images, rows, hypotheses, settings):
        tried.append(rows)
        return per_second[rows]

    monkeypatch.setattr(batch_size, "_rows_per_second", rate)
    return tried


def test_it_takes_the_smallest_that_is_as_fast_as_the_fastest(components, monkeypatch):
    tried = rates(monkeypatch, {128: 100, 256: 99, 512: 200, 1024: 204, 2048: 150})
    assert measure_batch_size(components, IMAGES, 100_000, SETTINGS) == 512
    assert tried == [128, 256, 512, 1024, 2048]


def test_a_run_is_cut_into_parts_worth_watching(components, monkeypatch):
    rates(monkeypatch, dict.fromkeys(batch_size.CANDIDATES, 1.0) | {1024: 10.0})
    assert measure_batch_size(components, IMAGES, 8000, SETTINGS) == 128
    assert measure_batch_size(components, IMAGES, 8192, SETTINGS) == 1024
    assert measure_batch_size(components, IMAGES, 10, SETTINGS) == 10


def test_a_short_run_may_have_large_batches(components, monkeypatch):
    rates(monkeypatch, dict.fromkeys(batch_size.CANDIDATES, 1.0) | {512: 10.0, 1024: 20.0})
    assert measure_batch_size(components, IMAGES, 1000, SETTINGS) == 512


def test_a_gpu_may_take_the_whole_run_at_once(components, monkeypatch):
    settings = replace(SETTINGS, device=torch.device("cuda"))
    monkeypatch.setattr(batch_size, "_rows_in_memory", lambda components, settings: 2**20)
    tried = rates(monkeypatch, {1024: 1.0, 4096: 3.0, 10_000: 5.0, 16384: 7.0})
    assert measure_batch_size(components, IMAGES, 10_000, settings) == 10_000
    assert measure_batch_size(components, IMAGES, 100_000, settings) == 16384
    assert tried == [1024, 4096, 10_000, 1024, 4096, 16384]


def test_memory_bounds_the_batch(components, monkeypatch):
    rates(monkeypatch, {128: 1.0, 256: 2.0, 512: 3.0, 1024: 4.0})
    per_row = batch_bytes(components, 1, SETTINGS) / batch_size.MEMORY_SHARE
    monkeypatch.setattr(batch_size, "free_bytes", lambda device: int(300 * per_row))
    assert measure_batch_size(components, IMAGES, 100_000, SETTINGS) == 256


def test_all_hypotheses_of_an_image_fit(components, monkeypatch):
    exhaustive = replace(components, schedule=PluginManager().select("schedule", "exhaustive:restarts=9").build())
    monkeypatch.setattr(batch_size, "free_bytes", lambda device: 1)
    assert measure_batch_size(exhaustive, IMAGES, 100, SETTINGS) == 90


def test_the_stopwatch_times_whole_batches_and_the_fastest_of_them_counts(components, monkeypatch):
    seconds = iter([0.0, 4.0, 10.0, 12.0, 20.0, 23.0])
    monkeypatch.setattr(batch_size, "time", SimpleNamespace(perf_counter=lambda: next(seconds)))
    inverted = []
    monkeypatch.setattr(batch_size, "invert", lambda *args: inverted.append(args[2].tolist()) or invert(*args))
    assert batch_size._rows_per_second(components, IMAGES[:50], 64, 1, SETTINGS) == 64 / 2.0
    assert inverted == [[*range(50), *range(14)]] * batch_size.REPEATS


def test_a_run_whose_latents_all_rest_is_measured_and_run(components, manager, digits):
    resting = replace(components, schedule=manager.select("schedule", "exhaustive:start=drawn,noise_rate=0").build())
    for steps in (0, 3):
        settings = Settings(steps=steps)
        assert measure_batch_size(resting, digits[0], 50, settings) >= 10
        (found,) = invert(resting, digits[0], np.arange(2), settings, 100)
        assert (found.noise == 0).sum() == 0
        assert found.prediction.tolist() == digits[1][:2].tolist()
