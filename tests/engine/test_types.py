"""Generators whose class vectors have several entries for each class."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from command_line import icbench
from toy import LinearGenerator, ToyDigits

from icbench import Component, hookimpl
from icbench.builtin.schedules.exhaustive import Exhaustive, Halving
from icbench.builtin.schedules.joint import Joint
from icbench.builtin.schedules.relaxed import Relaxed
from icbench.engine.decode import sample_images, sample_vectors
from icbench.engine.invert import class_paths, invert
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Settings
from icbench.training.samples import draw_samples

SETTINGS = Settings(steps=30)
DIGITS = ToyDigits().split("test", None)
COUNT = 20
PAIRS = DIGITS.labels[:COUNT] // 2
"""The toy's ten patterns as two types of five classes."""


class Pairs(ToyDigits):
    num_classes = 5

    def split(self, name, folder):
        split = super().split(name, folder)
        return replace(split, labels=split.labels // 2)


class TypedGenerator(LinearGenerator):
    num_classes = 5
    modes_per_class = 2


@pytest.fixture
def typed(components):
    return replace(components, generator=prepare(TypedGenerator(), torch.device("cpu")))


def inverted(typed, schedule):
    found = concatenate(list(invert(replace(typed, schedule=schedule), DIGITS.images, np.arange(COUNT), SETTINGS, 70)))
    assert found.class_scores.shape == (COUNT, 5)
    assert found.class_vector.shape == (COUNT, 10)
    return found


@pytest.mark.parametrize("schedule", [Joint(), Relaxed("mirror"), Exhaustive(), Halving(at="5/10", keep="5/1")])
def test_a_class_is_read_from_its_types(typed, schedule):
    assert (inverted(typed, schedule).prediction == PAIRS).all()


def test_shares_of_a_class_are_added_and_energies_are_not(typed):
    moved = inverted(typed, Joint())
    np.testing.assert_allclose(moved.class_scores, moved.class_vector.reshape(COUNT, 5, 2).sum(axis=2), rtol=1e-6)
    held = inverted(typed, Exhaustive())
    np.testing.assert_allclose(held.class_scores.max(axis=1), -held.energy, rtol=1e-5)


def test_a_class_is_dropped_with_its_last_type(typed):
    dropped = inverted(typed, Halving(at="5/10", keep="5/1")).class_dropped_at
    assert dropped.shape == (COUNT, 5)
    assert ((dropped == -1).sum(axis=1) == 1).all()
    assert set(dropped.ravel()) <= {-1, 5, 10}


def test_a_path_is_of_classes(typed):
    path = class_paths(replace(typed, schedule=Joint()), DIGITS.images, np.arange(3), SETTINGS)
    assert path.shape == (SETTINGS.steps + 1, 3, 5)
    np.testing.assert_allclose(path.sum(axis=2), 1, atol=1e-5)


def test_samples_are_of_a_class_type_by_type():
    vectors = sample_vectors(TypedGenerator(), 3)
    assert vectors.argmax(dim=1).tolist() == [0, 1, 0, 2, 3, 2, 4, 5, 4, 6, 7, 6, 8, 9, 8]
    rows = sample_images(TypedGenerator(), 3, torch.device("cpu")).flatten(2) @ LinearGenerator().patterns.T
    assert (rows.argmax(dim=2) == vectors.argmax(dim=1).reshape(5, 3)).all()
    drawn = draw_samples(TypedGenerator(), 100, SETTINGS)
    assert drawn.labels.bincount().tolist() == [20] * 5
    shown = (drawn.images.flatten(1) @ LinearGenerator().patterns.T).argmax(dim=1)
    assert (shown // 2 == drawn.labels).all()


@hookimpl
def icbench_generators():
    yield Component("typed", "test_types:TypedGenerator", "two types of each class")


@hookimpl
def icbench_datasets():
    yield Component("pairs", "test_types:Pairs", "the toy's digits, two to a class", traits=("bundled",))


def test_a_run_with_types_is_not_diagnosed(use_plugins, capsys):
    use_plugins("test_types", "toy")
    icbench(
        capsys, "run", "--generator", "typed", "--dataset", "pairs", "--steps", "4", "--device", "cpu", "--limit", "9"
    )
    code, _, err = icbench(capsys, "show", "typed", "--diagnose")
    assert code == 2
    assert "several entries for each class" in err
