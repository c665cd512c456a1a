"""A generator whose images depend on their batch mates: the mates are always the same."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from command_line import icbench
from toy import NormedGenerator, ToyDigits

from icbench import Component, hookimpl
from icbench import invert as inverted
from icbench.engine.batch_size import measure_batch_size
from icbench.engine.invert import class_paths, invert, whole_groups
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Settings
from icbench.plugins.discovery import PluginSource
from icbench.plugins.manager import PluginManager, plugin_manager
from icbench.running.entry import DEFAULTS
from icbench.running.execute import entries_from_specs, execute
from icbench.running.observer import Observer
from icbench.running.options import Options
from icbench.running.reconstructions import reconstructions

SETTINGS = Settings(steps=4)


class Grouped(NormedGenerator):
    """Its contrast depends on the mean of its group of 4."""

    batch_group_size = 4

    def forward(self, class_vector, noise):
        images = super().forward(class_vector, noise)
        means = [part.mean().expand(len(part)) for part in images.split(4)]
        return (images * torch.cat(means)[:, None, None, None] * 1.5).clamp(0, 1)


@hookimpl
def icbench_generators():
    yield Component("grouped", "test_batch_mates:Grouped", "depends on its mates", traits=("batch-dependent",))


class Undeclared:
    """A plugin whose generator does not say so in its record."""

    @hookimpl
    def icbench_generators(self):
        yield Component("sly", "test_batch_mates:Grouped", "depends on its mates")


UNDECLARED = Undeclared()


@pytest.fixture
def grouped(components):
    return replace(components, generator=prepare(Grouped(), torch.device("cpu")))


def run(components, index, settings=SETTINGS, batch_size=8, **options):
    images = ToyDigits().split("test", None).images
    return concatenate(list(invert(components, images, np.asarray(index), settings, batch_size, **options)))


def test_mates_matter_at_all(grouped):
    alone = replace(grouped, generator=prepare(NormedGenerator(), torch.device("cpu")))
    assert not np.allclose(run(grouped, range(8)).noise, run(alone, range(8)).noise)


@pytest.mark.parametrize("batch_size", [1, 4, 7, 20, 1000])
def test_the_batch_size_does_not_matter(grouped, batch_size):
    expected, found = run(grouped, range(20)), run(grouped, range(20), batch_size=batch_size)
    np.testing.assert_allclose(found.noise, expected.noise, atol=1e-5)


@pytest.mark.parametrize("index", [[5], [3, 4], [17, 2, 8], [48, 49]])
def test_an_image_has_the_same_mates_whichever_images_are_asked_for(grouped, index):
    expected, found = run(grouped, range(50)), run(grouped, index)
    assert found.index.tolist() == sorted(index)
    np.testing.assert_allclose(found.noise, expected.noise[sorted(index)], atol=1e-5)
    np.testing.assert_allclose(found.class_vector, expected.class_vector[sorted(index)], atol=1e-5)


def test_noise_that_is_given_is_that_of_the_images_asked_for(grouped):
    given = np.random.default_rng(0).standard_normal((2, 4)).astype(np.float32)
    found = run(grouped, [9, 5], replace(SETTINGS, steps=0), noise=given)
    assert found.index.tolist() == [5, 9]
    np.testing.assert_array_equal(found.noise, given[::-1])


@pytest.mark.parametrize("batch_size", [1, 90, 1000])
def test_hypotheses_have_the_same_mates_too(grouped, batch_size):
    exhaustive = replace(grouped, schedule=PluginManager().select("schedule", "exhaustive").build())
    expected = run(exhaustive, range(50), batch_size=400)
    found = run(exhaustive, [13, 49], batch_size=batch_size)
    np.testing.assert_allclose(found.class_scores, expected.class_scores[[13, 49]], atol=1e-5)


def test_what_an_image_costs_and_how_far_a_run_is_leave_its_mates_out(grouped):
    seen: list[int] = []
    found = run(grouped, [5, 6, 30], on_step=seen.append)
    assert sum(seen) == 3 * SETTINGS.steps
    assert (found.forward, found.backward) == (SETTINGS.steps + 1, SETTINGS.steps)


def test_a_measured_batch_holds_whole_groups(grouped, monkeypatch):
    images = ToyDigits().split("test", None).images
    assert measure_batch_size(grouped, images, 1, SETTINGS) == 4
    assert measure_batch_size(grouped, images, 10, SETTINGS) == 12
    monkeypatch.setattr("icbench.engine.batch_size.free_bytes", lambda device: 1)
    assert measure_batch_size(grouped, images, 50, SETTINGS) == 4


def test_the_last_group_may_be_smaller():
    assert whole_groups(np.array([5, 9]), 4, 10).tolist() == [4, 5, 6, 7, 8, 9]
    assert whole_groups(np.array([5, 9]), 1, 10).tolist() == [5, 9]


def test_the_path_of_an_image_is_that_of_its_inversion(grouped):
    images = ToyDigits().split("test", None).images
    path = class_paths(grouped, images, np.array([6, 11]), SETTINGS)
    assert path.shape == (5, 2, 10)
    np.testing.assert_allclose(path[0], 0.1, rtol=1e-6)
    np.testing.assert_allclose(path[-1], run(grouped, [6, 11]).class_vector, atol=1e-6)


@pytest.fixture
def installed(use_plugins):
    use_plugins("test_batch_mates", "toy")


def test_every_table_says_so_and_a_higher_limit_goes_on_where_a_lower_one_stopped(installed, capsys):
    command = ["run", "--generator", "grouped", "--dataset", "toy", "--steps", "4", "--json", "--device", "cpu"]
    icbench(capsys, *command, "--limit", "6")
    code, out, _ = icbench(capsys, *command, "--limit", "50")
    resumed = json.loads(out)["data"]["runs"][0]
    code, out, _ = icbench(capsys, *command, "--limit", "50", "--results", "elsewhere")
    whole = json.loads(out)["data"]["runs"][0]
    assert code == 0
    assert whole["flags"] == ["depends on batch of 4"]
    assert resumed["metrics"]["mean_distance"] == pytest.approx(whole["metrics"]["mean_distance"], rel=1e-5)
    _, table, _ = icbench(capsys, "leaderboard")
    assert "batch" in table
    code, _, err = icbench(capsys, "show", whole["path"], "--diagnose")
    assert code == 2
    assert "depend on their batch mates" in err


def test_the_flag_is_of_the_generator_that_was_built_and_not_of_what_it_declares(use_plugins, capsys):
    use_plugins(PluginSource("sly", "icbench-sly", "1", "test_batch_mates:UNDECLARED"), "toy")
    _, out, _ = icbench(capsys, "run", "--generator", "sly", "--dataset", "toy", "--steps", "1", "--json")
    assert json.loads(out)["data"]["runs"][0]["flags"] == ["depends on batch of 4"]


def test_any_images_can_be_inverted(installed):
    images = ToyDigits().split("test", None).images
    whole, first = (inverted(images[:count], generator="grouped", steps=3) for count in (10, 8))
    np.testing.assert_allclose(whole.noise[:8], first.noise, atol=1e-5)
    assert whole.index.tolist() == list(range(10))


@pytest.mark.parametrize("save_latents", [True, False])
def test_a_reconstruction_is_made_beside_the_mates_of_its_inversion(installed, save_latents):
    options = Options(steps=4, limit=6, save_latents=save_latents, device="cpu", precision="float32")
    specs = {"generator": ["grouped"], "dataset": ["toy"]}
    entry = entries_from_specs(plugin_manager(), {**{kind: [spec] for kind, spec in DEFAULTS.items()}, **specs})[0]
    (record,) = (run.record for run in execute([entry], options, Observer()))
    shown = reconstructions(entry, record, options, 6)
    errors = ((shown.images - shown.targets) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(errors, record.images(["distance"])["distance"], rtol=1e-4)
    assert shown.images.shape == (6, 1, 8, 8)
