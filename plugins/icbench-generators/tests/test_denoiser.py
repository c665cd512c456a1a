"""The denoiser: its noisy copies, what it makes of them, and that the class vector is all that has to move."""

from pathlib import Path

import numpy as np
import pytest
import torch
from icbench.engine.invert import invert
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Components, Settings
from icbench.kinds.dataset import Dataset, DataShape, Split
from icbench.training.budget import EvalBudget, InversionBudget
from icbench.training.loop import TrainingObserver, train
from icbench.training.trainer import TrainingJob
from icbench.training.weights import load_weights

from icbench_generators.denoiser import Denoiser, geometric_levels, opposite_draws
from icbench_generators.training.denoiser import DenoiserTrainer

CPU = torch.device("cpu")
SHAPE = (2, 8, 9)
CLASSES = 3
DATA = DataShape(CLASSES, SHAPE)
READ = InversionBudget(30, {"exhaustive": 0})


class Bars(Dataset):
    """Images of two channels, each with a bright bar whose place is the class, of one of many strengths."""

    num_classes = CLASSES
    licence = "none"

    def split(self, name: str, folder: Path) -> Split:
        random = np.random.default_rng(len(name))
        labels = np.arange(240 if name == "train" else 60) % CLASSES
        images = random.uniform(0, 0.1, (len(labels), *SHAPE))
        for label in range(CLASSES):
            rows = labels == label
            images[rows, :, 2 * label : 2 * label + 2] += random.uniform(0.4, 0.9, (rows.sum(), 1, 1, 1))
        return Split((255 * images).astype(np.uint8), labels)

    def status(self, folder: Path) -> str:
        return "in memory"


class SmallTrainer(DenoiserTrainer):
    per_class = 20
    budget = EvalBudget(READ, READ, READ, reserved=30, samples=30, differentiated=3)


def small(draws: int = 6) -> Denoiser:
    """One whose weights are random, also those that begin at zero and leave all classes alike."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = prepare(Denoiser(draws, DATA), CPU)
        for weight in generator.parameters():
            weight += 0.1 * torch.randn_like(weight)
        return generator


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Denoiser:
    out = tmp_path_factory.mktemp("bars")
    job = TrainingJob("denoiser", {"draws": 6}, out, 25, 0, CPU, "bars", Path(), check_every=25)
    file = train(SmallTrainer(6), Bars(), job, TrainingObserver()).weights
    return prepare(load_weights(lambda: Denoiser(6, DATA), file, "denoiser"), CPU)


def read(manager, generator: Denoiser, schedule: str, steps: int):
    """The result of inverting all validation images, and their labels."""
    parts = (("distance", "mse"), ("optimizer", "adam"), ("schedule", schedule))
    components = Components(generator, *(manager.select(kind, spec).build() for kind, spec in parts))
    split = Bars().split("validation", Path())
    index = np.arange(len(split.labels))
    return concatenate(list(invert(components, split.images, index, Settings(steps)))), split.labels


def test_images_are_of_the_shape_and_the_noise_of_as_many_copies():
    generator = small()
    assert generator.noise_dim == 6 * 2 * 8 * 9
    images = generator(torch.eye(CLASSES), torch.randn(CLASSES, generator.noise_dim))
    assert images.shape == (CLASSES, *SHAPE)


def test_levels_rise_in_pairs_whose_draws_are_opposite():
    levels, drawn = geometric_levels(7), opposite_draws(7, 500)
    assert len(levels) == len(drawn) == 7
    torch.testing.assert_close(levels[0:6:2], levels[1:6:2])
    assert (levels[::2].diff() > 0).all()
    torch.testing.assert_close(drawn[0:6:2], -drawn[1:6:2])
    assert (drawn[::2] @ drawn[::2].T / 500 - torch.eye(4)).abs().max() < 0.2
    torch.testing.assert_close(drawn, opposite_draws(7, 500))


def test_the_encoder_gives_every_class_the_image_with_noise_of_each_level():
    generator = small()
    generator.centre.fill_(0.2)
    generator.scale.fill_(0.3)
    images = torch.rand(4, *SHAPE)
    noise = generator.encode(images)
    assert noise.shape == (4, CLASSES, generator.noise_dim)
    assert torch.equal(noise[:, 0], noise[:, 2])
    copies = noise[:, 0].view(4, 6, -1) * (0.3**2 + generator.levels**2).sqrt()[:, None] + 0.2
    added = copies - images.flatten(1)[:, None]
    torch.testing.assert_close(added, (generator.levels[:, None] * generator.drawn).expand_as(added), atol=1e-5, rtol=0)


def test_with_its_spread_the_error_is_the_weighted_mean_of_those_of_the_copies():
    generator = small()
    images = torch.rand(5, *SHAPE)
    class_vector = torch.rand(5, CLASSES).softmax(dim=1)
    noise = generator.encode(images)[:, 0]
    mean, spread = generator.mean_and_spread(class_vector, noise)
    expected = torch.zeros(5)
    for copy, level in enumerate(generator.levels):
        found = generator.find(noise.unflatten(1, (6, -1))[:, copy], level[None])
        made = torch.stack([generator.denoise(*found, level[None], torch.full((5,), k)) for k in range(CLASSES)])
        mixed = torch.einsum("nk,knp->np", class_vector, made)
        expected += generator.shares[copy] * (mixed - images.flatten(1)).square().mean(dim=1)
    found = (mean - images).square().flatten(1).mean(dim=1) + spread
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(generator(class_vector, noise), mean)


def test_the_image_of_a_class_vector_is_the_mixture_of_the_classes_images():
    generator = small()
    noise = torch.randn(CLASSES, generator.noise_dim)
    everywhere = torch.stack([generator(torch.eye(CLASSES)[[k] * CLASSES], noise) for k in range(CLASSES)])
    class_vector = torch.rand(CLASSES, CLASSES).softmax(dim=1)
    mixture = torch.einsum("nk,knchw->nchw", class_vector, everywhere)
    torch.testing.assert_close(generator(class_vector, noise), mixture)


def test_noise_that_neighbours_have_in_common_is_looked_at_once(monkeypatch):
    generator = small()
    noise = torch.randn(2, generator.noise_dim).repeat_interleave(CLASSES, dim=0)
    seen, find = [], generator.find
    monkeypatch.setattr(generator, "find", lambda *given: seen.append(len(given[0])) or find(*given))
    shared = generator(torch.eye(CLASSES).repeat(2, 1), noise)
    apart = generator(torch.eye(CLASSES).repeat(2, 1)[:: CLASSES + 1], noise[:: CLASSES + 1])
    assert set(seen) == {2}
    torch.testing.assert_close(shared[:: CLASSES + 1], apart)


def test_while_the_class_vector_alone_moves_the_copies_are_denoised_once(monkeypatch):
    generator = small()
    calls, find = [], generator.find
    monkeypatch.setattr(generator, "find", lambda *given: calls.append(given) or find(*given))
    noise = torch.randn(4, generator.noise_dim)
    for _ in range(3):
        class_vector = torch.rand(4, CLASSES).softmax(dim=1).requires_grad_()
        mean, spread = generator.mean_and_spread(class_vector, noise)
        (mean.sum() + spread.sum()).backward()
        assert class_vector.grad.abs().sum() > 0
    assert len(calls) == 6
    noise[0] += 1
    moved = generator(class_vector, noise)
    assert len(calls) == 12
    torch.testing.assert_close(moved, generator(class_vector, noise.clone()))


def test_a_trained_one_denoises_better_for_the_true_class(trained):
    split = Bars().split("validation", Path())
    images = torch.from_numpy(split.images).float() / 255
    noise = trained.encode(images)[:, 0]
    errors = [
        (trained(torch.eye(CLASSES)[(split.labels + shift) % CLASSES], noise) - images).square().mean()
        for shift in range(CLASSES)
    ]
    assert errors[0] < 0.5 * min(errors[1:])


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [
        ("exhaustive:start=encoder,noise_rate=0,prior_weight=0,calibrate=true", 0),
        ("class-only:start=encoder,calibrate=true", 20),
    ],
)
def test_the_class_vector_alone_finds_the_class_and_the_noise_stays(trained, manager, schedule, steps):
    found, labels = read(manager, trained, schedule, steps)
    assert (found.prediction == labels).mean() > 0.95
    images = torch.from_numpy(Bars().split("validation", Path()).images).float() / 255
    np.testing.assert_allclose(found.noise, trained.encode(images)[:, 0].numpy(), atol=1e-5)


def test_more_draws_need_no_other_weights(trained):
    state = trained.state_dict()
    more = Denoiser(20, DATA)
    more.load_state_dict(state)
    assert not [name for name in state if name.rsplit(".", 1)[-1] in ("levels", "shares", "drawn")]


def test_the_average_follows_the_weights_and_is_what_is_kept():
    split = Bars().split("train", Path())
    trainer = SmallTrainer(4)
    job = TrainingJob("denoiser", {"draws": 4}, Path(), 3, 0, CPU, "bars", Path())
    trainer.begin(split, CLASSES, job)
    start = trainer.snapshot().last.weight.clone()
    trainer.epoch(0, lambda images: None)
    kept, weights = (each.last.weight for each in (trainer.snapshot(), trainer.generator))
    assert (kept - start).norm() > 0
    assert 0 < (kept - weights).norm() < (start - weights).norm()
    assert trainer.generator.centre == pytest.approx(split.images.mean() / 255, rel=1e-3)
