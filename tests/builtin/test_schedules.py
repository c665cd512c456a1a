"""The built-in schedules start, move and read as they say."""

from dataclasses import replace

import numpy as np
import torch
from toy import ToyDigits

from icbench.builtin.schedules.joint import Alternating, MultiVertex
from icbench.engine.invert import class_paths, invert
from icbench.engine.result import concatenate
from icbench.engine.settings import Settings

SETTINGS = Settings(steps=12)
IMAGES = ToyDigits().split("test", None).images


def test_in_turns_one_latent_moves_while_the_other_rests(components):
    alternating = replace(components, schedule=Alternating(turn=3))
    path = class_paths(alternating, IMAGES, np.arange(2), SETTINGS)
    moves = (np.abs(np.diff(path, axis=0)) > 0).any(axis=(1, 2))
    assert moves.tolist() == [True] * 3 + [False] * 3 + [True] * 3 + [False] * 3
    assert Alternating(turn=3, noise_rate=0.5).rates(4, 12).noise == 0.5


def test_multi_vertex_starts_near_each_vertex():
    hypotheses = MultiVertex(nearness=0.7).hypotheses(4)
    torch.testing.assert_close(hypotheses.class_vector.sum(1), torch.ones(4))
    torch.testing.assert_close(hypotheses.class_vector.diagonal(), torch.full((4,), 0.7 + 0.3 / 4))
    assert hypotheses.restart == (0, 0, 0, 0)


def test_multi_vertex_reads_the_class_vector_of_least_energy_which_may_have_left_its_vertex(components):
    found = concatenate(
        list(invert(replace(components, schedule=MultiVertex(nearness=0.5)), IMAGES, np.arange(20), SETTINGS, 70))
    )
    labels = ToyDigits().split("test", None).labels[:20]
    assert (found.prediction == labels).all()
    np.testing.assert_array_equal(found.class_scores, found.class_vector)
    assert found.forward == 10 * (SETTINGS.steps + 1)
