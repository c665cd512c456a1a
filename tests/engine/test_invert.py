"""The claims a result's trust rests on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from toy import FragileDistance, LinearGenerator, NormedGenerator

from icbench.builtin.schedules.joint import Joint
from icbench.engine.initialization import draw_noise
from icbench.engine.invert import invert
from icbench.engine.prepare import prepare
from icbench.engine.result import NOT_FINITE, concatenate
from icbench.engine.settings import Components, Settings
from icbench.kinds.optimizer import Optimizer
from icbench.kinds.schedule import Hypotheses, clamp_and_normalise, uniform_point
from icbench.plugins.manager import PluginManager

SETTINGS = Settings(steps=40)


def run(components, images, index, settings=SETTINGS, batch_size=64):
    return concatenate(list(invert(components, images, np.asarray(index), settings, batch_size)))


def with_schedule(components: Components, manager: PluginManager, spec: str) -> Components:
    return replace(components, schedule=manager.select("schedule", spec).build())


@pytest.fixture
def normed(components: Components) -> Components:
    return replace(components, generator=prepare(NormedGenerator(), torch.device("cpu")))


@pytest.mark.parametrize("schedule", ["joint", "class-only", "exhaustive", "joint:noise_start=5,noise_rate=0.5"])
def test_exact_toy_generator_is_classified_perfectly(components, manager, digits, schedule):
    images, labels = digits
    result = run(with_schedule(components, manager, schedule), images, range(50))
    assert (result.prediction == labels).all()


@pytest.mark.parametrize("schedule", ["joint", "exhaustive:restarts=2,prior_weight=0.01"])
def test_an_image_alone_equals_itself_in_a_batch_and_in_a_permuted_batch(normed, manager, digits, schedule):
    images, _ = digits
    components = with_schedule(normed, manager, schedule)
    order = np.random.default_rng(0).permutation(50)
    together = run(components, images, range(50), batch_size=1000)
    shuffled = run(components, images, order)
    for image in (0, 17, 49):
        alone = run(components, images, [image])
        place = int(np.flatnonzero(order == image)[0])
        for result, row in ((together, image), (shuffled, place)):
            assert result.prediction[row] == alone.prediction[0]
            np.testing.assert_allclose(result.noise[row], alone.noise[0], atol=1e-4)
            np.testing.assert_allclose(result.distance[row], alone.distance[0], atol=1e-6)


def test_a_limit_does_not_change_the_images_it_keeps(normed, digits):
    images, _ = digits
    few, all_of_them = run(normed, images, range(7)), run(normed, images, range(50))
    np.testing.assert_allclose(few.noise, all_of_them.noise[:7], atol=1e-4)


def test_same_seed_gives_the_same_numbers_and_another_seed_others(normed, digits):
    images, _ = digits
    first, again = run(normed, images, range(5)), run(normed, images, range(5))
    other = run(normed, images, range(5), replace(SETTINGS, seed=1))
    np.testing.assert_array_equal(first.noise, again.noise)
    assert np.abs(first.noise - other.noise).min() > 1e-6


def test_a_start_depends_on_seed_image_and_restart_alone():
    noise = draw_noise(np.array([3, 8]), (0, 1, 0), 6, seed=5)
    assert torch.equal(noise[1], draw_noise(np.array([8]), (0, 1, 0), 6, seed=5)[0])
    assert torch.equal(noise[:, 0], noise[:, 2])
    starts = {tuple(row.tolist()) for row in noise[:, :2].flatten(0, 1)}
    assert len(starts) == 4
    assert not torch.equal(noise, draw_noise(np.array([3, 8]), (0, 1, 0), 6, seed=6))


def test_starts_are_standard_normal():
    noise = draw_noise(np.arange(2000), (0,), 10, seed=0).flatten()
    assert abs(noise.mean()) < 0.03
    assert abs(noise.std() - 1) < 0.03
    assert abs((noise**4).mean() - 3) < 0.3


@pytest.mark.parametrize(
    ("schedule", "steps", "forward", "backward"),
    [
        ("joint", 40, 41, 40),
        ("class-only", 7, 8, 7),
        ("exhaustive:start=drawn", 5, 60, 50),
        ("exhaustive:start=drawn,restarts=3", 5, 180, 150),
    ],
)
def test_nfe_equals_the_hand_count(components, manager, digits, schedule, steps, forward, backward):
    result = run(with_schedule(components, manager, schedule), digits[0], range(4), replace(SETTINGS, steps=steps))
    assert (result.forward, result.backward, result.nfe) == (forward, backward, forward + backward)


def test_the_engine_counts_what_an_optimizer_evaluates_behind_its_step(components, digits):
    class Twice(torch.optim.SGD):
        def step(self, closure=None):
            closure()
            return super().step(closure)

    result = run(replace(components, optimizer=Optimizer(Twice, 0.1)), digits[0], range(4), replace(SETTINGS, steps=3))
    assert (result.forward, result.backward) == (7, 6)


def test_the_generator_is_called_exactly_as_often_as_counted(components, digits):
    calls = []
    components.generator.register_forward_hook(lambda *_: calls.append(1))
    result = run(components, digits[0], range(4), replace(SETTINGS, steps=9))
    assert len(calls) == result.forward


def test_a_non_finite_distance_marks_its_image_and_stops_no_other(components, manager, digits):
    images, labels = digits
    fragile = replace(components, distance=FragileDistance())
    for schedule in ("joint", "exhaustive"):
        result = run(with_schedule(fragile, manager, schedule), images, range(50))
        hit = labels == 0
        assert (result.prediction[hit] == NOT_FINITE).all()
        assert np.isnan(result.distance[hit]).all()
        assert (result.prediction[~hit] == labels[~hit]).all()


def test_one_hypothesis_that_is_not_finite_is_enough_to_mark_an_image(components, manager, digits):
    class Blind(LinearGenerator):
        """Has no image of class 3."""

        def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
            lost = class_vector[:, 3].view(-1, 1, 1, 1) > 0.5
            return super().forward(class_vector, noise).masked_fill(lost, torch.nan)

    blind = replace(with_schedule(components, manager, "exhaustive"), generator=prepare(Blind(), torch.device("cpu")))
    assert (run(blind, digits[0], range(10)).prediction == NOT_FINITE).all()


def test_a_schedule_is_told_the_share_of_the_steps_that_are_done(components, digits):
    told = []

    class Told(Joint):
        def prior(self, class_vector: Tensor, noise: Tensor, progress: float) -> None:
            told.append(progress)

    run(replace(components, schedule=Told()), digits[0], range(2), replace(SETTINGS, steps=4))
    assert told == [0, 0.25, 0.5, 0.75, 1]


def test_returned_latents_give_the_returned_distance_in_float32(normed, digits):
    images, _ = digits
    result = run(normed, images, range(6), replace(SETTINGS, precision=torch.bfloat16))
    generated = normed.generator(torch.from_numpy(result.class_vector), torch.from_numpy(result.noise))
    distance = normed.distance(generated, torch.from_numpy(images[:6]).float() / 255)
    np.testing.assert_allclose(result.distance, distance.numpy(), rtol=1e-5)


def test_class_vectors_end_on_the_simplex(normed, digits):
    result = run(normed, digits[0], range(10))
    assert (result.class_vector >= 0).all()
    np.testing.assert_allclose(result.class_vector.sum(axis=1), 1, atol=1e-5)


def test_noise_rests_until_its_start_and_its_optimizer_state_with_it(normed, manager, digits):
    images, _ = digits
    waiting = with_schedule(normed, manager, "joint:noise_start=6")
    start = draw_noise(np.arange(3), (0,), 4, seed=0)[:, 0].numpy()
    np.testing.assert_array_equal(run(waiting, images, range(3), replace(SETTINGS, steps=6)).noise, start)
    moved = run(waiting, images, range(3), replace(SETTINGS, steps=7)).noise
    # Adam's first step is the learning rate in each coordinate; carried-over state would make it smaller.
    np.testing.assert_allclose(np.abs(moved - start), 0.05, rtol=1e-2)


def test_class_only_leaves_the_noise_as_drawn(normed, manager, digits):
    result = run(with_schedule(normed, manager, "class-only"), digits[0], range(3))
    np.testing.assert_array_equal(result.noise, draw_noise(np.arange(3), (0,), 4, seed=0)[:, 0].numpy())


def test_noise_rate_scales_the_noise_alone(normed, manager, digits):
    slow = run(with_schedule(normed, manager, "joint:noise_rate=0.1"), digits[0], range(3), replace(SETTINGS, steps=1))
    start = draw_noise(np.arange(3), (0,), 4, seed=0)[:, 0].numpy()
    np.testing.assert_allclose(np.abs(slow.noise - start), 0.005, rtol=1e-2)


@pytest.mark.parametrize("schedule", ["joint", "class-only", "exhaustive"])
def test_a_generator_without_noise_can_be_inverted(components, manager, digits, schedule):
    images, labels = digits
    bare = replace(
        with_schedule(components, manager, schedule), generator=prepare(LinearGenerator(0), torch.device("cpu"))
    )
    assert (run(bare, images, range(50)).prediction == labels).all()


def test_a_class_vector_that_clamps_to_zeros_goes_back_to_uniform_and_is_reported():
    vectors = torch.tensor([[-1.0, -0.5], [0.5, 1.5], [0.2, 0.2]])
    reset = clamp_and_normalise(vectors)
    assert reset.tolist() == [True, False, False]
    assert torch.allclose(vectors, torch.tensor([[0.5, 0.5], [1 / 3, 2 / 3], [0.5, 0.5]]))


class TwoStarts(Joint):
    def hypotheses(self, class_dim: int) -> Hypotheses:
        return uniform_point(2, class_dim)


@pytest.mark.parametrize(("schedule", "hypotheses"), [(Joint(), 1), (TwoStarts(), 2)])
def test_resets_are_counted_per_image(components, digits, schedule, hypotheses):
    class Plunge(torch.optim.Optimizer):
        """Pushes every class vector far below zero, so that each later step has to reset it."""

        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        def step(self, closure):
            closure()
            with torch.no_grad():
                for latent in self.param_groups[0]["params"]:
                    latent.sub_(10)

    plunging = replace(components, optimizer=Optimizer(Plunge, 0.1), schedule=schedule)
    result = run(plunging, digits[0], range(3), replace(SETTINGS, steps=4))
    assert result.resets.tolist() == [4 * hypotheses] * 3


def test_frozen_generators_are_in_eval_mode_and_take_no_gradients():
    generator = prepare(NormedGenerator().train(), torch.device("cpu"))
    assert not any(module.training for module in generator.modules())
    assert not any(parameter.requires_grad for parameter in generator.parameters())


def test_restarts_give_each_class_its_best_energy(components, manager):
    schedule = manager.select("schedule", "exhaustive:restarts=2").build()
    energy = torch.arange(20.0).view(1, 20)
    energy[0, 7] = -1
    scores = schedule.class_scores(energy, torch.zeros(1, 20, 10))
    assert scores.argmax() == 3
    assert scores[0, 0] == 0


def test_the_prior_enters_the_energy_and_not_the_distance(normed, manager, digits):
    images, _ = digits
    settings = replace(SETTINGS, steps=20)
    plain, held = (
        run(
            with_schedule(normed, manager, f"exhaustive:start=drawn,decay=none,prior_weight={weight}"),
            images,
            range(4),
            settings,
        )
        for weight in (0.03, 10)
    )
    assert (np.square(held.noise).sum(axis=1) < np.square(plain.noise).sum(axis=1)).all()
    assert (held.class_scores.max(axis=1) < -held.distance).all()


def test_optimizer_state_is_per_image_for_sgd_too(normed, manager, digits):
    components = replace(normed, optimizer=manager.select("optimizer", "sgd").build())
    alone, together = run(components, digits[0], [11]), run(components, digits[0], range(20))
    np.testing.assert_allclose(alone.noise[0], together.noise[11], atol=1e-4)


def test_torch_global_random_state_is_untouched(components, digits):
    before = torch.random.get_rng_state()
    run(components, digits[0], range(3))
    assert torch.equal(before, torch.random.get_rng_state())


def test_hand_made_gradients_reach_both_latents():
    class Product(LinearGenerator):
        def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
            return nn.functional.pad(class_vector[:, :1] * noise[:, :1], (0, 63)).view(-1, 1, 8, 8)

    manager = PluginManager()
    components = Components(
        prepare(Product(), torch.device("cpu")),
        manager.select("distance", "mse").build(),
        Optimizer(torch.optim.SGD, lr=64.0),
        manager.select("schedule", "joint").build(),
    )
    images = np.zeros((1, 1, 8, 8), np.uint8)
    result = run(components, images, [0], replace(SETTINGS, steps=1))
    noise = draw_noise(np.array([0]), (0,), 3, seed=0)[0, 0, 0].item()
    # d/dnoise of (c n)^2 / 64 is 2 c^2 n / 64, with c = 0.1 at the uniform point.
    assert result.noise[0, 0] == pytest.approx(noise - 64 * 2 * 0.01 * noise / 64, rel=1e-4)
