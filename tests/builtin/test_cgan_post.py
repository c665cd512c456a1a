"""The source post's generator, as published, and its training by the post's recipe."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from icbench.builtin.generators import cgan_post_training
from icbench.builtin.generators.cgan_post import PostGenerator, load_cgan_post
from icbench.builtin.generators.cgan_post_training import BATCH, PostDiscriminator, PostTrainer
from icbench.engine.decode import generate
from icbench.engine.prepare import prepare
from icbench.errors import MissingWeightsError
from icbench.kinds.dataset import Dataset, Split
from icbench.plugins.manager import PluginManager
from icbench.testing import GeneratorTests
from icbench.training.budget import EvalBudget, InversionBudget
from icbench.training.loop import TrainingObserver, train
from icbench.training.trainer import TrainingJob
from icbench.training.weights import default_folder, find_weights, save_weights

CPU = torch.device("cpu")


class Small(PostGenerator):
    """The same with few maps."""

    embedded = 20
    maps = (8, 4)


@pytest.fixture(scope="module")
def latents():
    random = torch.Generator().manual_seed(0)
    class_vector = torch.rand(10, 10, generator=random)
    return class_vector / class_vector.sum(1, keepdim=True), torch.randn(10, 3, generator=random)


def seasoned(batch_norm="running"):
    """A generator whose norms have seen something."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = Small(3, batch_norm)
        for norm in generator.norms:
            norm.running_mean.normal_(0, 0.3)
            norm.running_var.uniform_(0.5, 2)
            nn.init.normal_(norm.weight, 1, 0.2)
            nn.init.normal_(norm.bias, 0, 0.2)
    return generator


def rows(latents, chosen):
    return [latent[chosen] for latent in latents]


def test_it_has_the_layers_of_the_post():
    shapes = {name: tuple(values.shape) for name, values in PostGenerator(25).named_parameters() if values.ndim > 1}
    assert shapes == {
        "class_layer.weight": (1000, 10),
        "dense.weight": (64 * 28 * 28, 1025),
        "convolution.weight": (64, 32, 5, 5),
        "to_pixels.weight": (32, 1, 5, 5),
    }


def test_folding_changes_nothing_and_leaves_no_norm(latents):
    generator = seasoned().eval()
    with torch.no_grad():
        expected = generator(*latents)
        found = prepare(generator, CPU)(*latents)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in generator.modules())


def test_folding_twice_changes_nothing(latents):
    for batch_norm in ("running", "batch"):
        generator = prepare(seasoned(batch_norm), CPU)
        before = generator(*latents)
        with torch.no_grad():
            generator.fold()
        assert torch.equal(before, generator(*latents))


def test_over_groups_it_is_what_a_generator_in_training_mode_makes_of_batches_of_4(latents):
    generator = seasoned("batch").train()
    with torch.no_grad():
        expected = torch.cat([generator(*rows(latents, slice(begin, begin + 4))) for begin in (0, 4, 8)])
        found = prepare(generator, CPU)(*latents)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert generator.batch_group_size == 4


def test_with_running_statistics_no_image_depends_on_another(latents):
    generator = prepare(seasoned("running"), CPU)
    assert generator.batch_group_size == 1
    torch.testing.assert_close(generator(*latents)[2:3], generator(*rows(latents, slice(2, 3))), atol=1e-5, rtol=0)


@pytest.mark.parametrize("batch_norm", ["running", "batch"])
def test_products_in_bfloat16_give_about_the_same_images(latents, batch_norm):
    generator = prepare(seasoned(batch_norm), CPU)
    exact, rounded = (generate(generator, *latents, precision) for precision in (torch.float32, torch.bfloat16))
    assert 0 < (exact - rounded).abs().mean() < 0.01


def test_over_groups_it_has_second_derivatives(latents):
    generator = prepare(seasoned("batch"), CPU)
    class_vector = latents[0].clone().requires_grad_()
    (first,) = torch.autograd.grad(generator(class_vector, latents[1]).sum(), class_vector, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), class_vector)
    assert second.abs().max() > 0


def test_without_weights_it_is_said_where_they_would_be_and_how_to_make_them():
    with pytest.raises(
        MissingWeightsError, match="noise_dim=7 trained on mnist; none are shipped, and trained/cgan-post-noise7-seed0/"
    ) as it:
        load_cgan_post(7)
    assert "icbench train cgan-post:noise_dim=7" in it.value.hint


def test_a_training_writes_where_generators_look():
    assert default_folder("cgan-post", {"noise_dim": 25}) == Path("trained/cgan-post-noise25-seed0")
    assert default_folder("lstm", {}, 3) == Path("trained/lstm-seed3")
    folder = default_folder("cgan", {"noise_dim": 7})
    folder.mkdir(parents=True)
    (folder / "cgan.safetensors").touch()
    assert find_weights("cgan", {"noise_dim": 7}) == Path("trained/cgan-noise7-seed0/cgan.safetensors")


@pytest.fixture
def small(monkeypatch):
    """Training of small models."""
    monkeypatch.setattr(cgan_post_training, "PostGenerator", Small)
    for name, value in {"maps": (4, 8), "embedded": 20, "hidden": 32}.items():
        monkeypatch.setattr(PostDiscriminator, name, value)


class Noise(Dataset):
    """Random pixels in the shape of digits."""

    num_classes = 10
    licence = "none"

    def split(self, name, folder):
        random = np.random.default_rng(0)
        return Split(random.integers(0, 255, (BATCH, 1, 28, 28)).astype(np.uint8), np.arange(BATCH) % 10)

    def status(self, folder):
        return "made here"


def job(out, epochs=2):
    return TrainingJob("cgan-post", {"noise_dim": 3}, Path(out), epochs, 0, CPU, "noise", Path())


@pytest.fixture
def trainer(small):
    begun = PostTrainer(3)
    begun.begin(Noise().split("train", Path()), 10, job("out"))
    return begun


def test_it_descends_as_the_post_did(trainer):
    assert (BATCH, trainer.default_epochs, trainer.check_every) == (128, 61, 3)
    for optimizer in (trainer.generator_optimizer, trainer.discriminator_optimizer):
        assert type(optimizer) is torch.optim.SGD
        assert (optimizer.defaults["lr"], optimizer.defaults["momentum"]) == (0.01, 0)


def test_only_the_generator_step_has_noise_on_the_class_and_no_pair_is_mismatched(trainer, monkeypatch):
    made, judged = [], []
    forward = {"generator": trainer.generator.forward, "discriminator": trainer.discriminator.forward}

    def generating(class_vector, noise):
        made.append(class_vector)
        return forward["generator"](class_vector, noise)

    def judging(images, class_vector):
        judged.append(class_vector)
        return forward["discriminator"](images, class_vector)

    monkeypatch.setattr(trainer.generator, "forward", generating)
    monkeypatch.setattr(trainer.discriminator, "forward", judging)
    trainer.epoch(0, lambda _: None)
    clean, noisy = made
    real, fake, last = judged
    assert torch.equal(clean, fake)
    assert torch.equal(real, fake)
    assert set(clean.unique().tolist()) == {0.0, 1.0}
    assert noisy is last
    assert 0 <= noisy.min() <= noisy.max() <= 1
    assert (noisy - clean).abs().mean() > 0.05


def test_each_step_moves_one_of_the_two(trainer):
    one_hot = torch.eye(10).repeat(2, 1)
    trainer.random = torch.Generator().manual_seed(0)
    before = [copied(model) for model in (trainer.generator, trainer.discriminator)]
    trainer._train_discriminator(torch.rand(20, 1, 28, 28), one_hot)
    between = [copied(model) for model in (trainer.generator, trainer.discriminator)]
    assert all(map(torch.equal, before[0], between[0]))
    assert not any(map(torch.equal, before[1][:4], between[1][:4]))
    trainer._train_generator(one_hot)
    assert all(map(torch.equal, copied(trainer.discriminator), between[1]))
    assert not torch.equal(copied(trainer.generator)[0], between[0][0])


def copied(model):
    return [values.clone() for values in model.parameters()]


def test_a_stopped_training_goes_on_to_the_same_weights(small, monkeypatch):
    short = InversionBudget(4, {"joint": 1})
    budget = EvalBudget(short, short, reserved=4, samples=100, differentiated=5)
    monkeypatch.setattr(PostTrainer, "budget", budget)

    class Stop(TrainingObserver):
        def begin_epoch(self, number, images):
            if number == 1:
                raise KeyboardInterrupt

    whole = train(PostTrainer(3), Noise(), job("whole"), TrainingObserver())
    with pytest.raises(KeyboardInterrupt):
        train(PostTrainer(3), Noise(), job("stopped"), Stop())
    resumed = train(PostTrainer(3), Noise(), job("stopped"), TrainingObserver())
    assert whole.weights.read_bytes() == resumed.weights.read_bytes()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights of the full size, as they are drawn."""
    file = tmp_path_factory.mktemp("weights") / "cgan-post.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = PostGenerator().state_dict()
    save_weights({name: values for name, values in state.items() if values.is_floating_point()}, file)
    return file


@pytest.mark.slow
def test_weights_that_a_training_left_in_its_folder_are_found(weights):
    file = default_folder("cgan-post", {"noise_dim": 25}) / "cgan-post.safetensors"
    file.parent.mkdir(parents=True)
    file.symlink_to(weights)
    built = PluginManager().select("generator", "cgan-post").build()
    assert built.weights_digest
    assert sum(values.numel() for values in built.parameters()) == 51_543_801


@pytest.mark.slow
class TestConformance(GeneratorTests):
    @pytest.fixture(params=["running", "batch"])
    def component(self, request, weights):
        return f"icbench/cgan-post:batch_norm={request.param},weights={weights}"
