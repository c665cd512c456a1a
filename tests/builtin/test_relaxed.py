"""Class vectors in coordinates without a constraint, which a map takes to the simplex."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import ToyDigits

from icbench.builtin.schedules.joint import Joint
from icbench.builtin.schedules.relaxed import Relaxed, sparsemax
from icbench.engine.initialization import draw_noise
from icbench.engine.invert import class_paths, invert
from icbench.engine.result import concatenate
from icbench.engine.settings import Settings
from icbench.kinds.optimizer import Optimizer

SETTINGS = Settings(steps=30)
DIGITS = ToyDigits().split("test", None)
MAPS = ("softmax", "sparsemax", "mirror")


def inverted(components, schedule, count=20):
    return concatenate(
        list(invert(replace(components, schedule=schedule), DIGITS.images, np.arange(count), SETTINGS, 70))
    )


@pytest.mark.parametrize("name", MAPS)
def test_each_map_finds_the_classes_of_the_toy(components, name):
    found = inverted(components, Relaxed(name, noise_rate=0.5))
    assert (found.prediction == DIGITS.labels[:20]).all()
    np.testing.assert_allclose(found.class_vector.sum(axis=1), 1, atol=1e-5)
    assert (found.resets == 0).all()
    assert found.forward == SETTINGS.steps + 1


def test_sparsemax_is_the_projection_on_the_simplex():
    points = torch.tensor([[0.2, 0.3, 0.5], [3.0, 0.0, -1.0], [0.6, 0.5, -0.4], [7.0, 7.0, 7.0]])
    expected = torch.tensor([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.55, 0.45, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    torch.testing.assert_close(sparsemax(points), expected)


def test_sparsemax_has_the_jacobian_of_the_projection():
    """On a support S it is 1 - 1 / |S| on the diagonal and -1 / |S| beside it; elsewhere nothing moves."""
    jacobian = torch.autograd.functional.jacobian(lambda row: sparsemax(row[None])[0], torch.tensor([0.6, 0.5, -0.4]))
    expected = torch.tensor([[0.5, -0.5, 0.0], [-0.5, 0.5, 0.0], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(jacobian, expected)


def test_mirror_descent_is_exponentiated_gradient(components):
    """One step of rate r multiplies each class's share by exp(-r g), with g the energy's slope in the class vector."""
    mirror = replace(components, optimizer=Optimizer(torch.optim.SGD, 2.0), schedule=Relaxed("mirror", noise_rate=0.0))
    path = class_paths(mirror, DIGITS.images, np.arange(1), replace(SETTINGS, steps=1))
    vector = torch.full((1, 10), 0.1, requires_grad=True)
    target = torch.from_numpy(DIGITS.images[:1]).float() / 255
    noise = draw_noise(np.arange(1), (0,), components.generator.noise_dim, 0)[:, 0]
    energy = components.distance(components.generator(vector, noise), target)
    [slope] = torch.autograd.grad(energy.sum(), vector)
    expected = (vector.detach().log() - 2.0 * slope).softmax(dim=1)
    np.testing.assert_allclose(path[1, 0], expected[0].numpy(), rtol=1e-4)


def test_cooling_makes_the_same_coordinates_harder():
    schedule = Relaxed("softmax", temperature=1.0, cooling=0.1)
    coordinates = torch.tensor([[1.0, 0.0]])
    first, last = (schedule.class_vector_of(coordinates, progress)[0, 0].item() for progress in (0.0, 1.0))
    assert first == pytest.approx(1 / (1 + np.exp(-1.0)))
    assert last == pytest.approx(1 / (1 + np.exp(-10.0)))


def test_the_entropy_rises_with_the_steps_and_is_one_at_the_middle():
    schedule, middle = Relaxed(entropy=0.3), torch.full((1, 4), 0.25)
    noise = torch.zeros(1, 2)
    found = [schedule.prior(middle, noise, progress).item() for progress in (0.0, 0.5, 1.0)]
    assert found == pytest.approx([0.0, 0.15, 0.3])
    assert schedule.prior(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), noise, 1.0).item() == pytest.approx(0, abs=1e-6)
    assert Relaxed().prior(middle, noise, 1.0) is None


def test_coordinates_that_were_lost_go_back_to_the_middle_and_are_reported():
    coordinates = torch.tensor([[float("nan"), 1.0], [2.0, 1.0]])
    assert Relaxed().constrain(coordinates).tolist() == [True, False]
    assert coordinates.tolist() == [[0.0, 0.0], [2.0, 1.0]]


def test_a_path_is_of_class_vectors_and_not_of_coordinates(components):
    relaxed = replace(components, schedule=Relaxed("softmax", noise_rate=0.5))
    path = class_paths(relaxed, DIGITS.images, np.arange(3), SETTINGS)
    np.testing.assert_allclose(path.sum(axis=2), 1, atol=1e-5)
    np.testing.assert_allclose(path[0], 0.1, atol=1e-6)


def test_the_default_coordinates_are_the_class_vectors():
    vectors = torch.tensor([[0.5, 0.5]])
    assert Joint().coordinates(vectors) is vectors
    assert Joint().class_vector_of(vectors, 0.3) is vectors
