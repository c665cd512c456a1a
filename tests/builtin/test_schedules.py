"""The built-in schedules start, move and read as they say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import LinearGenerator, ToyDigits

from icbench.builtin.schedules.exhaustive import Exhaustive
from icbench.builtin.schedules.joint import Alternating, ClassOnly, MultiVertex
from icbench.engine.invert import class_paths, invert
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Settings
from icbench.errors import UsageError

SETTINGS = Settings(steps=12)
IMAGES = ToyDigits().split("test", None).images


def test_in_turns_one_latent_moves_while_the_other_rests(components):
    alternating = replace(components, schedule=Alternating(turn=3))
    path = class_paths(alternating, IMAGES, np.arange(2), SETTINGS)
    moves = (np.abs(np.diff(path, axis=0)) > 0).any(axis=(1, 2))
    assert moves.tolist() == [True] * 3 + [False] * 3 + [True] * 3 + [False] * 3
    assert Alternating(turn=3, noise_rate=0.5).rates(4, 12).noise == 0.5


class Encoding(LinearGenerator):
    """Finds the class's number in each of its noise."""

    def encode(self, images):
        return torch.arange(10.0)[:, None].expand(len(images), 10, self.noise_dim)


def test_class_only_keeps_the_noise_that_the_encoder_finds_for_the_classes_in_mean(components):
    components = replace(components, schedule=ClassOnly(start="encoder"))
    with pytest.raises(UsageError, match="no encoder"):
        list(invert(components, IMAGES, np.arange(2), SETTINGS))
    components = replace(components, generator=prepare(Encoding(), torch.device("cpu")))
    found = concatenate(list(invert(components, IMAGES, np.arange(2), SETTINGS)))
    np.testing.assert_allclose(found.noise, 4.5)
    assert (found.prediction == ToyDigits().split("test", None).labels[:2]).all()
    assert found.forward == SETTINGS.steps + 2


def test_class_only_descends_what_it_is_told_to(components):
    assert not ClassOnly().calibrates
    assert ClassOnly(calibrate=True).calibrates


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


def test_a_soft_minimum_is_the_mean_density_of_a_classs_restarts():
    energy = torch.tensor([[0.1, 0.3, 0.2, 0.2], [0.5, 0.5, 0.4, 0.9]])
    scores = Exhaustive(restarts=2, softness=0.1).class_scores(energy, torch.empty(0))
    expected = 0.1 * (-energy.view(2, 2, 2) / 0.1).exp().mean(dim=2).log()
    torch.testing.assert_close(scores, expected)
    # The least is the limit, and rests where all are alike.
    least = Exhaustive(restarts=2).class_scores(energy, torch.empty(0))
    cold = Exhaustive(restarts=2, softness=1e-6).class_scores(energy, torch.empty(0))
    torch.testing.assert_close(cold, least, atol=1e-5, rtol=0)
    torch.testing.assert_close(scores[0, 1], least[0, 1])
