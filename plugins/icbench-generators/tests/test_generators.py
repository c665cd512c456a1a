"""What every generator of this distribution promises, and what makes each the generator it is."""

import subprocess
import sys

import pytest
import torch
from icbench.engine.prepare import prepare

from icbench_generators.class_block import ClassBlock
from icbench_generators.class_decoders import ClassDecoders, mixture_weights
from icbench_generators.class_vae import ClassVAE
from icbench_generators.lstm import RowLSTM
from icbench_generators.prototype import Prototype

CPU = torch.device("cpu")
SPECS = ["class-vae", "cvae", "prototype", "lstm", "lstm:picks=nearest", "lstm:picks=random"]
DECODERS = ["class-vae", "lstm"]


def vertices(labels):
    return torch.eye(10)[torch.as_tensor(labels)]


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def points(count):
    return torch.rand(count, 10, generator=torch.Generator().manual_seed(1)).softmax(dim=1)


@pytest.mark.parametrize("spec", SPECS)
def test_images_have_the_shape_and_range_of_mnist(build, spec):
    generator = prepare(build(spec), CPU)
    for class_vector in (vertices(range(10)), points(10), torch.zeros(10, 10)):
        images = generator(class_vector, 3 * normal(10, generator.noise_dim))
        assert images.shape == (10, 1, 28, 28)
        assert images.min() >= 0
        assert images.max() <= 1


@pytest.mark.parametrize("spec", SPECS)
def test_a_row_does_not_depend_on_the_others(build, spec):
    generator = prepare(build(spec), CPU)
    noise = normal(30, generator.noise_dim)
    for class_vector in (vertices([3, 3, 7, 0, 1, 3] * 5), points(30)):
        together = generator(class_vector, noise)
        alone = torch.cat([generator(*(part[None] for part in row)) for row in zip(class_vector, noise, strict=True)])
        torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("spec", DECODERS)
def test_a_vertex_is_the_classs_decoder(build, spec):
    generator: ClassDecoders = prepare(build(spec), CPU)
    labels = torch.tensor([4, 9, 0, 4, 4, 7])
    noise = normal(6, generator.noise_dim)
    images = generator(vertices(labels), noise).flatten(1)
    for row, label in enumerate(labels):
        everything = generator.decode(noise[row].expand(10, 1, -1))
        torch.testing.assert_close(images[row], everything[label, 0], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("spec", DECODERS)
def test_a_vertex_is_the_same_image_and_noise_gradient_with_and_without_the_other_decoders(build, spec):
    generator: ClassDecoders = prepare(build(spec), CPU)
    results = []
    for moving in (False, True):
        class_vector = vertices([1, 5, 1, 1, 8, 0, 2]).requires_grad_(moving)
        noise = normal(7, generator.noise_dim).requires_grad_()
        images = generator(class_vector, noise)
        results.append((images.detach(), *torch.autograd.grad(images.square().sum(), noise)))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-3)


def test_a_held_vertex_costs_one_decoder_and_a_moving_one_all(monkeypatch):
    generator = prepare(ClassVAE(4), CPU)
    rows = []
    decode = generator.decode
    monkeypatch.setattr(generator, "decode", lambda noise: rows.append(noise.shape[:2].numel()) or decode(noise))
    generator(vertices(range(10)), normal(10, 4))
    generator(vertices(range(10)).requires_grad_(), normal(10, 4))
    generator(points(10), normal(10, 4))
    assert rows == [10, 100, 100]


@pytest.mark.parametrize("spec", DECODERS)
def test_a_point_between_classes_mixes_their_images(build, spec):
    generator: ClassDecoders = prepare(build(spec), CPU)
    noise = normal(1, generator.noise_dim)
    two, five = (generator(vertices([label]), noise) for label in (2, 5))
    between = generator(0.25 * vertices([2]) + 0.75 * vertices([5]), noise)
    torch.testing.assert_close(between, 0.25 * two + 0.75 * five)


def test_mixture_weights_are_on_the_simplex_and_leave_it_as_it_is():
    torch.testing.assert_close(mixture_weights(points(5)), points(5))
    off = mixture_weights(normal(50, 10))
    assert off.min() >= 0
    torch.testing.assert_close(off.sum(dim=1), torch.ones(50))
    assert mixture_weights(torch.zeros(1, 10)).isfinite().all()


def test_a_prototype_needs_no_noise_and_is_the_mean_of_its_class(build):
    from pathlib import Path

    import numpy as np
    from icbench.builtin.datasets.mnist import MNIST

    generator: Prototype = prepare(build("prototype"), CPU)
    train = MNIST().split("train", Path())
    images = generator(vertices(range(10)), torch.empty(10, 0)).numpy()
    for label in range(10):
        mean = train.images[train.labels == label].mean(axis=0) / 255
        np.testing.assert_allclose(images[label], mean, atol=5e-4)


def test_a_blocks_norm_weights_the_image_that_its_direction_names():
    generator = prepare(ClassBlock(3), CPU)
    code = torch.tensor([[0.2, 0.5, 0.3]])
    two, five = (generator(blocks({label: code[0]}), torch.empty(1, 0)) for label in (2, 5))
    torch.testing.assert_close(two.flatten(), generator.decode(code.expand(10, 1, 3))[2, 0])
    mixed = generator(blocks({2: 0.25 * code[0], 5: 0.75 * code[0]}), torch.empty(1, 0))
    torch.testing.assert_close(mixed, 0.25 * two + 0.75 * five)


def blocks(parts):
    """The class vector (1, 30) whose blocks of three are these, by class, and 0 elsewhere."""
    vector = torch.zeros(10, 3)
    for label, block in parts.items():
        vector[label] = block
    return vector.view(1, 30)


@pytest.mark.parametrize("spec", ["prototype", "class-block"])
def test_empty_noise_has_an_empty_gradient(build, spec):
    noise = torch.empty(10, 0, requires_grad=True)
    generator = prepare(build(spec), CPU)
    images = generator(torch.eye(generator.class_dim)[:10], noise)
    (gradient,) = torch.autograd.grad(images.sum(), noise)
    assert gradient.shape == (10, 0)


def test_an_lstm_writes_its_first_rows_before_it_knows_the_last(build):
    generator: RowLSTM = build("lstm")
    mixture = torch.eye(4).expand(10, -1, -1)
    whole = generator.rows(mixture)
    generator.image_shape = (1, 14, 28)
    torch.testing.assert_close(generator.rows(mixture), whole[..., : 14 * 28])


@pytest.mark.parametrize("spec", ["class-vae", "contrastive", "cvae"])
def test_encoders_give_noise_of_which_the_true_class_reconstructs_best(build, spec, validation):
    generator = prepare(build(spec), CPU)
    images = torch.from_numpy(validation.images[:100]).float() / 255
    noise = generator.encode(images)
    assert noise.shape == (100, 10, generator.noise_dim)
    decoded = generator(torch.eye(10).repeat(100, 1), noise.flatten(0, 1)).view(100, 10, -1)
    nearest = (decoded - images.view(100, 1, -1)).square().sum(dim=2).argmin(dim=1)
    assert (nearest.numpy() == validation.labels[:100]).mean() > 0.9


def test_registering_imports_no_torch():
    code = "import sys, icbench_generators as g; list(g.icbench_generators()); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
