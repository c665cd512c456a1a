"""What pictures are made of is what the run classified."""

import numpy as np
import pytest
from toy import ToyDigits

from icbench.execution import entries_from_specs, execute
from icbench.illustration import class_vector_paths, reconstructions
from icbench.plugins import Host
from icbench.session import Options, Watcher

SPECS = {"generator": ["linear"], "dataset": ["toy"]}


@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_images_are_those_of_the_runs_own_split_whatever_the_options_say(toy_plugin, split):
    (entry,) = entries_from_specs(Host(), SPECS)
    (record,) = execute([entry], Options(steps=3, limit=8, split=split, device="cpu"), Watcher())
    expected = ToyDigits().split(split, None).images / np.float32(255)
    shown = reconstructions(entry, record, Options(device="cpu"), 5)
    np.testing.assert_allclose(shown.targets, expected[:5], rtol=1e-6)
    paths = class_vector_paths(entry, record, Options(device="cpu"), 4)
    assert paths.path.shape[0] == 4
    assert all((expected[:8] == target).all(axis=(1, 2, 3)).any() for target in paths.targets)
