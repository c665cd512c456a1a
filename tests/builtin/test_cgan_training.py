"""The components of the conditional GAN's training: what each of them asks for."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from icbench.builtin.generators import cgan_losses
from icbench.builtin.generators import cgan_training as training
from icbench.builtin.generators.cgan import CGAN
from icbench.builtin.generators.cgan_codes import measure_crowding, refine_codes
from icbench.builtin.generators.cgan_networks import Encoder, ProjectionDiscriminator, on_sphere
from icbench.builtin.generators.cgan_training import CGANTrainer
from icbench.kinds.dataset import Split
from icbench.training.trainer import TrainingJob

CPU = torch.device("cpu")
SHAPE = (1, 28, 28)


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=random(seed))


def trainer(noise_dim=6, epochs=2, images=256):
    pixels = torch.randint(256, (images, *SHAPE), generator=random()).to(torch.uint8).numpy()
    split = Split(pixels, torch.arange(images).remainder(10).numpy())
    made = CGANTrainer(noise_dim)
    made.begin(split, 10, TrainingJob("cgan", {}, Path("out"), epochs, 0, CPU, "random", Path()))
    return made


def crowding(codes, labels):
    return measure_crowding(codes, labels).exp().item()


def test_codes_that_are_uniform_on_their_sphere_have_the_mean_kernel_of_two_independent_points():
    labels = torch.arange(600) % 3
    # E exp(t cos) on the sphere in three dimensions is sinh(t) / t.
    expected = torch.tensor(4.0).sinh().item() / 4 * torch.tensor(-4.0).exp().item()
    assert crowding(on_sphere(normal(600, 3)), labels) == pytest.approx(expected, rel=0.05)


def test_codes_of_one_class_that_crowd_are_found_though_all_together_are_uniform():
    codes = on_sphere(normal(600, 3))
    spread = crowding(codes, torch.arange(600) % 2)
    halves = crowding(codes, (codes[:, 0] > 0).long())
    assert halves > 1.5 * spread
    assert crowding(codes * 7, torch.arange(600) % 2) == pytest.approx(spread, rel=1e-4)


def test_codes_of_classes_of_one_image_crowd_nobody():
    codes = normal(4, 3).requires_grad_()
    measure_crowding(codes, torch.arange(4)).backward()
    assert torch.equal(codes.grad, torch.zeros(4, 3))


def test_class_vectors_reach_from_the_vertices_inwards_and_stay_on_the_simplex():
    one_hot = functional.one_hot(torch.arange(2000) % 10, 10).float()
    vectors = training._noisy(one_hot, random())
    assert vectors.min() >= 0
    assert torch.allclose(vectors.sum(dim=1), torch.ones(2000))
    asked = vectors[one_hot.bool()]
    assert (asked == 1).float().mean() == pytest.approx(0.5, abs=0.05)
    assert asked.min() < 0.6


def test_refined_codes_are_nearer_the_images_and_on_the_sphere():
    generator = CGAN(6).eval()
    vectors, codes = torch.eye(10), on_sphere(normal(10, 6))
    with torch.no_grad():
        images = generator(vectors, normal(10, 6, seed=1))
    refined = refine_codes(generator, vectors, codes, images)
    errors = [(generator(vectors, noise) - images).square().flatten(1).sum(dim=1) for noise in (codes, refined)]
    assert (errors[1] < errors[0]).all()
    assert torch.allclose(refined.square().mean(dim=1), torch.ones(10), atol=1e-5)
    assert all(parameter.requires_grad and parameter.grad is None for parameter in generator.parameters())


def test_large_noise_is_trained_in_the_directions_that_the_generator_sees():
    made = trainer(noise_dim=40)
    made.random = random()
    batch = made._make_batch(torch.arange(training.BATCH))
    assert batch.noise.shape == batch.codes.shape == (training.BATCH, 10)
    before = made.generator.projection.clone()
    losses = torch.stack(made.train_batch(torch.arange(training.BATCH))).detach()
    assert losses.isfinite().all()
    assert torch.equal(made.generator.projection, before)
    assert torch.equal(made.snapshot().projection, before)


def test_reconstruction_weighs_more_once_samples_are_of_their_class():
    steps = (0, cgan_losses.FIRST_STEPS, cgan_losses.FIRST_STEPS + cgan_losses.RISING_STEPS // 2, 10**6)
    assert [cgan_losses.rising_weight(step, 40.0, 150.0) for step in steps] == [40, 40, 95, 150]


def test_the_encoder_learns_what_the_refined_codes_are():
    made = trainer()
    made.random, made.step = random(), training.FIRST_STEPS
    rows = torch.arange(training.BATCH)
    before = made._make_batch(rows)
    assert not torch.allclose(before.refined, before.codes[: training.HALF])
    losses = torch.stack([torch.stack(made.train_batch(rows)).detach() for _ in range(25)])
    assert losses.isfinite().all()
    reconstruction = CGANTrainer.losses.index("reconstruction")
    assert losses[-1, reconstruction] < losses[0, reconstruction]


def test_a_wrong_label_is_of_another_class_and_any_of_them():
    made = trainer()
    made.random = random()
    labels = torch.zeros(500, dtype=torch.long) + 3
    wrong = made._wrong_labels(labels).argmax(dim=1)
    assert set(wrong.tolist()) == set(range(10)) - {3}


def test_the_noise_is_told_and_found_in_the_length_that_the_generator_sees():
    images, vectors = normal(5, *SHAPE), torch.eye(10)[:5]
    codes = Encoder(10, SHAPE, 7)(images, vectors)
    assert torch.allclose(codes.square().mean(dim=1), torch.ones(5), atol=1e-5)
    scores, noise = ProjectionDiscriminator(10, SHAPE, 7)(images, vectors)
    assert (scores.shape, noise.shape) == ((5,), (5, 7))


def test_the_discriminator_learns_to_tell_the_noise_and_the_class():
    made = trainer()
    made.random = random()
    rows = torch.arange(training.BATCH)
    losses = torch.stack([torch.stack(made.train_batch(rows)).detach() for _ in range(25)])
    assert losses.isfinite().all()
    first, last = losses[0], losses[-1]
    assert last[CGANTrainer.losses.index("discriminator")] < first[CGANTrainer.losses.index("discriminator")]
    assert last[CGANTrainer.losses.index("reconstruction")] < first[CGANTrainer.losses.index("reconstruction")]


def test_a_longer_training_begins_like_a_shorter_one():
    short, long = trainer(epochs=1), trainer(epochs=3)
    for made in (short, long):
        made.epoch(0, lambda _: None)
    for one, other in zip(short.average.parameters(), long.average.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_average_is_of_about_the_last_tenth_of_the_steps():
    made = trainer()
    weight = next(made.average.parameters())
    with torch.no_grad():
        for number in range(1000):
            made.step = number
            next(made.generator.parameters()).fill_(float(number))
            made._average_weights()
    assert weight.mean().item() == pytest.approx(1000 * 10 / 11, rel=0.01)


def test_instance_noise_fades_and_stays():
    made = trainer()
    made.random = random()
    nothing = torch.zeros(50, *SHAPE)
    sizes = []
    for step in (0, training.FADING_STEPS // 2, training.FADING_STEPS, 10 * training.FADING_STEPS):
        made.step = step
        sizes.append(made._with_instance_noise(nothing).std().item())
    assert sizes == pytest.approx([0.3, 0.225, 0.15, 0.15], rel=0.02)
