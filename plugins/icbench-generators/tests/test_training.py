"""Training: each trainer learns, leaves what ships, and goes on after a stop to the same weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from icbench.plugins.component import resolve
from icbench.training.budget import EvalBudget, InversionBudget
from icbench.training.loop import TrainingObserver, train
from icbench.training.trainer import TrainingJob

from icbench_generators import icbench_generators
from icbench_generators.training.augmentation import bends, random_maps, warp
from icbench_generators.training.picks import k_means_centres, k_means_images, random_images

NAMES = ["class-vae", "contrastive", "cvae", "class-block", "denoiser", "lstm", "prototype"]


@pytest.fixture(autouse=True)
def _short_epochs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("icbench_generators.training.lstm.STEPS_PER_EPOCH", 3)


SHORT = InversionBudget(20, {"joint": 2, "exhaustive": 1, "relaxed": 1})
BUDGET = EvalBudget(SHORT, SHORT, reserved=20, samples=200, differentiated=20)
COMPONENTS = {component.name: component for component in icbench_generators()}


def params_of(name):
    """All parameters that a trainer is made with."""
    few = {"draws": 4} if name == "denoiser" else {}
    return {key: value for key, value in COMPONENTS[name].complete(few).items() if key != "trained_on"}


def trainer(name):
    component = COMPONENTS[name]
    made = resolve(component.trainer, "icbench-generators")(**params_of(name))
    made.budget = replace(BUDGET, check=shorten(made.budget.check), final=shorten(made.budget.final))
    return made


def shorten(budget):
    """Fewer images, and no more steps than there are."""
    return InversionBudget(20, {name: min(steps, SHORT.steps.get(name, steps)) for name, steps in budget.steps.items()})


def job(name, out, epochs=4):
    params = params_of(name)
    return TrainingJob(name, params, Path(out), epochs, 0, torch.device("cpu"), "small", Path(), check_every=2)


class Stop(TrainingObserver):
    """Interrupts after some epochs."""

    def begin_epoch(self, number: int, images: int) -> None:
        if number == 3:
            raise KeyboardInterrupt


@pytest.mark.parametrize("name", NAMES)
def test_a_stopped_training_goes_on_to_the_same_weights(name, small):
    whole = train(trainer(name), small, job(name, "whole"), TrainingObserver())
    with pytest.raises(KeyboardInterrupt):
        train(trainer(name), small, job(name, "stopped"), Stop())
    resumed = train(trainer(name), small, job(name, "stopped"), TrainingObserver())
    assert whole.weights.read_bytes() == resumed.weights.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_what_a_training_leaves_is_what_the_component_loads(name, small):
    file = train(trainer(name), small, job(name, "out", epochs=1), TrainingObserver()).weights
    component = COMPONENTS[name]
    generator = resolve(component.factory, "icbench-generators")(**component.complete({"weights": str(file)}))
    assert generator.weights_digest


@pytest.mark.parametrize("name", NAMES)
def test_training_leaves_the_global_random_state_alone(name, small):
    before = torch.random.get_rng_state()
    train(trainer(name), small, job(name, "out", epochs=1), TrainingObserver())
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("name", ["class-vae", "contrastive", "cvae", "class-block", "denoiser", "lstm"])
def test_reconstruction_gets_better(name, small):
    learner = trainer(name)
    learner.begin(small.split("train", Path()), 10, job(name, "out", epochs=30))
    losses = [learner.epoch(number, lambda images: None)["reconstruction"] for number in range(30)]
    assert losses[-1] < 0.8 * losses[0]


def test_a_vae_step_has_as_many_images_of_each_class(small):
    learner = trainer("class-vae")
    split = small.split("train", Path())
    learner.begin(split, 10, job("class-vae", "out"))
    for rows in learner.batches(0):
        assert (split.labels[rows] == np.arange(10)[:, None]).all()


def test_a_class_vae_knows_how_large_its_residuals_are(small):
    file = train(trainer("class-vae"), small, job("class-vae", "out", epochs=2), TrainingObserver()).weights
    component = COMPONENTS["class-vae"]
    generator = resolve(component.factory, "icbench-generators")(**component.complete({"weights": str(file)}))
    assert (generator.residuals > 0.01).all()
    factor, summand = generator.error_calibration(torch.eye(10))
    order = generator.residuals.argsort()
    assert factor[order].diff().max() <= 0 <= summand[order].diff().min()


def test_classes_of_a_class_vae_learn_apart(small):
    """The images of one class change nothing in another's decoder."""
    split = small.split("train", Path())
    learner = trainer("class-vae")
    learner.begin(split, 10, job("class-vae", "out"))
    learner.random = torch.Generator().manual_seed(0)
    images = torch.rand(10, 4, 1, 28, 28, generator=learner.random)
    features = learner.generator.features(images.flatten(0, 1)).unflatten(0, (10, 4))
    mean, _ = learner.generator.posterior(features)
    learner.generator.decode(mean)[3].sum().backward()
    for layer in learner.generator.decoders:
        assert [float(part.abs().sum()) > 0 for part in layer.weight.grad] == [label == 3 for label in range(10)]


def test_warps_are_small_and_leave_the_other_images_alone():
    images = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    random = torch.Generator().manual_seed(1)
    moved = warp(images, 0.5, random)
    assert torch.equal(moved[10:], images[10:])
    assert not torch.isclose(moved[:10], images[:10]).flatten(1).all(dim=1).any()
    maps = random_maps(1000, (28, 28), random)
    assert (maps[:, :, :2].det() - 1).abs().max() < 0.25
    assert maps[:, :, 2].abs().max() <= 2 / 28


def test_bends_are_smooth_and_as_strong_as_they_are_said_to_be():
    pixels = bends(500, (28, 28), torch.Generator().manual_seed(0), 1.0) * 28 / 2
    assert 0.5 < pixels.std() < 1.0
    step = pixels.diff(dim=1).square().mean().sqrt()
    assert step < 0.5 * pixels.std()
    assert pixels.mean().abs() < 0.05


def test_a_contrastive_step_moves_the_noise_towards_less_energy_and_keeps_its_gradient(small):
    learner = trainer("contrastive")
    learner.begin(small.split("train", Path()), 10, job("contrastive", "out"))
    images = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    start = torch.zeros(10, 20, 12, requires_grad=True)
    learner.step = 1
    found = learner._search(start, images)
    assert learner._energy(found, images).mean() < learner._energy(start, images).mean()
    (gradient,) = torch.autograd.grad(found.sum(), start)
    assert torch.equal(gradient, torch.ones_like(start))


def test_a_contrastive_generator_gets_less_confused(small):
    learner = trainer("contrastive")
    learner.begin(small.split("train", Path()), 10, job("contrastive", "out", epochs=30))
    confusion = [learner.epoch(number, lambda images: None)["confusion"] for number in range(30)]
    assert confusion[-1] < 0.5 * confusion[0]


def test_k_means_finds_clusters_and_picks_from_the_images():
    random = np.random.default_rng(0)
    middles = 10 * np.eye(4, 6, dtype=np.float32)
    images = (middles.repeat(50, axis=0) + random.normal(size=(200, 6)).astype(np.float32) * 0.1).astype(np.float32)
    centres = k_means_centres(images, 4, 3)
    inertia = np.square(images[:, None] - centres).sum(axis=2).min(axis=1).mean()
    chance = np.square(images[:, None] - random_images(images, 4, 3)).sum(axis=2).min(axis=1).mean()
    assert inertia <= chance
    assert all((images == pick).all(axis=1).any() for pick in k_means_images(images, 4, 3))
