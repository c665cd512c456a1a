"""A session builds its components once, and has nothing left of them in the end."""

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
