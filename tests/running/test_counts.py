"""What a batch holds and an image costs is told by components alone, and is what an inversion comes to."""

import numpy as np
import pytest
import torch

from icbench.plugins.manager import plugin_manager
from icbench.running.execute import entries_from_specs
from icbench.running.runners import ClassifierRunner, InversionRunner

CPU = torch.device("cpu")

pytestmark = pytest.mark.usefixtures("toy_plugin")


def entry(**specs):
    (found,) = entries_from_specs(plugin_manager(), {"dataset": ["toy"], **specs})
    return found


def inversion(schedule, generator="linear"):
    return InversionRunner(entry(generator=[generator], schedule=[schedule]), CPU)


def test_each_class_of_an_exhaustive_inversion_takes_a_row():
    runner = inversion("exhaustive")
    assert runner.hypotheses_per_image == 10
    assert [runner.images_per_batch(rows) for rows in (1, 10, 25, 128)] == [1, 1, 2, 12]
    assert inversion("joint").images_per_batch(25) == 25


def test_images_that_depend_on_each_other_are_computed_together(monkeypatch):
    runner = inversion("exhaustive")
    monkeypatch.setattr(runner.components.generator, "batch_group_size", 5, raising=False)
    assert [runner.images_per_batch(rows) for rows in (10, 99, 128)] == [5, 5, 10]


def test_the_evaluations_are_those_that_the_engine_counts(digits):
    from icbench.engine.invert import invert
    from icbench.engine.settings import Settings

    runner, settings = inversion("joint"), Settings(steps=7)
    (found,) = invert(runner.components, digits[0], np.arange(3), settings, 100)
    assert runner.expected_evaluations(7) == found.forward + found.backward == 15
    # What the search for a start takes is not known before.
    assert inversion("exhaustive").expected_evaluations(7) == 150


def test_a_direct_classifier_has_no_hypotheses():
    runner = ClassifierRunner(entry(classifier=["class-mean"]), CPU, 10, lambda: None)
    assert (runner.images_per_batch(25), runner.expected_evaluations(7)) == (25, 0)
