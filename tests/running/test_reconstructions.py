"""What pictures are made of is what the run classified."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy import ToyDigits

from icbench.engine.settings import Settings
from icbench.plugins.manager import plugin_manager
from icbench.running.execute import entries_from_specs, execute
from icbench.running.observer import Observer
from icbench.running.options import Options
from icbench.running.reconstructions import class_vector_paths, reconstructions
from icbench.running.replay import settings_of

SPECS = {"generator": ["linear"], "dataset": ["toy"]}


def recorded(entry, options):
    (run,) = execute([entry], options, Observer())
    return run.record


@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_images_are_those_of_the_runs_own_split_whatever_the_options_say(toy_plugin, split):
    (entry,) = entries_from_specs(plugin_manager(), SPECS)
    record = recorded(entry, Options(steps=3, limit=8, split=split, device="cpu"))
    expected = ToyDigits().split(split, None).images / np.float32(255)
    shown = reconstructions(entry, record, Options(device="cpu"), 5)
    np.testing.assert_allclose(shown.targets, expected[:5], rtol=1e-6)
    paths = class_vector_paths(entry, record, Options(device="cpu"), 4)
    assert paths.path.shape[0] == 4
    assert all((expected[:8] == target).all(axis=(1, 2, 3)).any() for target in paths.targets)


@pytest.mark.parametrize("light_on_dark", [False, True])
def test_polarity_is_that_of_the_runs_dataset(toy_plugin, monkeypatch, light_on_dark):
    monkeypatch.setattr(ToyDigits, "light_on_dark", light_on_dark)
    (entry,) = entries_from_specs(plugin_manager(), SPECS)
    record = recorded(entry, Options(steps=3, limit=8, device="cpu"))
    assert reconstructions(entry, record, Options(device="cpu"), 5).light_on_dark is light_on_dark
    assert class_vector_paths(entry, record, Options(device="cpu"), 4).light_on_dark is light_on_dark


def test_the_settings_of_a_record_are_those_it_was_made_with(toy_plugin):
    (entry,) = entries_from_specs(plugin_manager(), SPECS)
    options = Options(steps=12, limit=8, split="validation", seeds=(3,), device="cpu", precision="bfloat16")
    record = recorded(entry, replace(options, stop_when=0.01))
    expected = Settings(steps=12, seed=3, precision=torch.bfloat16, stop_when=0.01)
    assert settings_of(record, torch.device("cpu")) == expected


def test_pictures_of_a_run_of_another_seed_are_of_its_own_starts(toy_plugin):
    (entry,) = entries_from_specs(plugin_manager(), {**SPECS, "generator": ["normed"]})
    options = Options(steps=3, limit=8, seeds=(3,), device="cpu", precision="float32")
    again = recorded(entry, options)
    kept = recorded(entry, replace(options, save_latents=True, results=Path("with-latents")))
    first, second = (reconstructions(entry, record, options, 5).images for record in (again, kept))
    np.testing.assert_allclose(first, second, rtol=1e-5)
