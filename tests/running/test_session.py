"""A session builds its components once, and has nothing left of them in the end."""

from dataclasses import replace
from pathlib import Path

from toy import LinearGenerator

from icbench.plugins.manager import plugin_manager
from icbench.running.execute import entries_from_specs, execute
from icbench.running.observer import Observer
from icbench.running.options import Options


def test_components_are_built_once_for_the_check_and_all_seeds(toy_plugin, monkeypatch):
    built, original = [], LinearGenerator.__init__

    def counted(self, **params):
        built.append(params)
        original(self, **params)

    monkeypatch.setattr(LinearGenerator, "__init__", counted)
    entries = entries_from_specs(plugin_manager(), {"generator": ["linear", "linear:noise_dim=2"], "dataset": ["toy"]})
    options = Options(steps=2, limit=4, seeds=(0, 1), device="cpu", precision="float32", batch_size=10)
    runs = list(execute(entries, options, Observer()))
    assert [params["noise_dim"] for params in built] == [3, 2]
    assert [(run.entry, run.seed, run.record.status) for run in runs] == [
        (entry, seed, "ok") for entry in entries for seed in (0, 1)
    ]
    assert all(run.record.metadata.seed == run.seed and run.record.label == run.entry.label for run in runs)
    assert len(list(Path("icbench-results").iterdir())) == 4


class Watch(Observer):
    """Notes what it is told of runs."""

    def __init__(self):
        self.told = []

    def plan(self, runs):
        self.told += [(dict(run.parts), run.images) for run in runs]

    def begin(self, label, images, done):
        self.told.append("begin")

    def end(self, record=None):
        self.told.append((record.label, record.metadata.seed, record.reused))


def test_who_watches_is_told_all_runs_before_the_first_and_of_each_its_record(toy_plugin):
    specs = {"generator": ["linear"], "dataset": ["toy"], "classifier": ["class-mean"]}
    entries = entries_from_specs(plugin_manager(), specs)
    options = Options(steps=2, limit=4, device="cpu", precision="float32", seeds=(0, 1))
    list(execute(entries[:1], replace(options, seeds=(1,)), Observer()))
    watch = Watch()
    list(execute(entries, options, watch))
    asked = {"limit": "4 images", "steps": "2 steps", "precision": "float32"}
    inverting = {"generator": "linear", "distance": "mse", "optimizer": "adam", "schedule": "joint", "dataset": "toy"}
    direct = {"classifier": "class-mean", "dataset": "toy"}
    seeds = [{"seed": "seed 0"}, {"seed": "seed 1"}]
    assert watch.told[:4] == [({**entry, **asked, **seed}, 4) for entry in (inverting, direct) for seed in seeds]
    inverted, classified = entries[0].label, "class-mean"
    ended = [(inverted, 0, False), (inverted, 1, True), (classified, 0, False), (classified, 1, False)]
    assert watch.told[4:] == ["begin", ended[0], ended[1], "begin", ended[2], "begin", ended[3]]
