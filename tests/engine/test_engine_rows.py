"""What a step may ask of the engine: random numbers that belong to a row, energies alone, and linearisations."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import NormedGenerator, ToyDigits

from icbench.engine.invert import invert
from icbench.engine.preflight.compatibility import check_components
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.rng import normal, philox
from icbench.engine.settings import Settings
from icbench.errors import ComponentError, UsageError
from icbench.kinds.distance import Distance, LeastSquares
from icbench.kinds.optimizer import Optimizer

SETTINGS = Settings(steps=3)
NAMES = {"generator": "g", "distance": "d", "optimizer": "o", "schedule": "s"}


class Asking(torch.optim.Optimizer):
    """Leaves the latents alone and keeps what `ask` gets from the closure."""

    def __init__(self, params, lr, ask, answers):
        super().__init__(params, {"lr": lr})
        self.ask, self.answers = ask, answers

    def step(self, closure):
        self.answers.append(self.ask(closure, self.param_groups))


class Linearising(Optimizer):
    linearises = True


def run(components, images, index, settings=SETTINGS):
    return concatenate(list(invert(components, images, np.asarray(index), settings, 64)))


@pytest.fixture
def asked(components, manager, digits):
    """What an optimizer gets when it asks at each step, and the result; three images unless told otherwise."""
    images, _ = digits

    def asked(ask, index=(4, 7, 9), schedule="joint", settings=SETTINGS, **changes):
        answers = []
        normed = prepare(NormedGenerator(), torch.device("cpu"))
        optimizer = Optimizer(Asking, 0.1, ask=ask, answers=answers)
        built = manager.select("schedule", schedule).build()
        asking = replace(components, generator=normed, optimizer=optimizer, schedule=built, **changes)
        return answers, run(asking, images, index, settings)

    return asked


def words(text):
    return tuple(int(word, 16) for word in text.split())


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("0 0 0 0", "0 0", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (
            "ffffffff ffffffff ffffffff ffffffff",
            "ffffffff ffffffff",
            "408f276d 41c83b0e a20bc7c6 6d5451fd",
        ),
        (
            "243f6a88 85a308d3 13198a2e 03707344",
            "a4093822 299f31d0",
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_gives_the_known_answers_of_its_authors(counter, key, expected):
    found = philox(tuple(torch.tensor([word]) for word in words(counter)), words(key))
    assert tuple(word.item() for word in found) == words(expected)


def test_drawn_numbers_are_standard_normal_and_uncorrelated():
    numbers = normal(3, torch.arange(20_000), torch.zeros(20_000, dtype=torch.int64), 5, 0, 2).double()
    assert numbers.shape == (20_000, 8)
    assert numbers.mean(dim=0).abs().max() < 0.03
    assert (torch.cov(numbers.T) - torch.eye(8)).abs().max() < 0.05
    assert (numbers**4).mean().item() == pytest.approx(3, abs=0.1)


def test_a_drawn_number_belongs_to_its_seed_image_restart_step_and_place():
    image, restart = torch.tensor([5, 2**31]), torch.tensor([0, 3])
    numbers = normal(2**62 + 1, image, restart, 9, 0, 3)
    assert torch.equal(numbers[1:], normal(2**62 + 1, image[1:], restart[1:], 9, 0, 3))
    assert torch.equal(numbers[:, 4:8], normal(2**62 + 1, image, restart, 9, 1, 1))
    others = [(1, image, restart, 9), (2**62, image, restart, 9), (2**62 + 1, image + 1, restart, 9)]
    others += [(2**62 + 1, image, restart + 1, 9), (2**62 + 1, image, restart, 8)]
    for arguments in others:
        assert not (normal(*arguments, 0, 3) == numbers).any()


def test_draws_of_an_image_do_not_depend_on_its_batch(asked):
    def ask(closure, groups):
        closure()
        return closure.normal(7)

    together, _ = asked(ask, index=range(20))
    alone, _ = asked(ask, index=[13])
    assert all(torch.equal(some[13], one[0]) for some, one in zip(together, alone, strict=True))


def test_draws_are_fresh_at_each_call_step_and_restart_but_shared_by_hypotheses_of_one_restart(asked):
    answers, _ = asked(lambda closure, _: torch.cat([closure.normal(3), closure.normal(6)], 1), [3], "exhaustive")
    assert all(len(torch.unique(step[0])) == 9 for step in answers)
    assert not (answers[0] == answers[1]).any()
    assert torch.equal(answers[0][0], answers[0][9])
    restarts, _ = asked(lambda closure, _: closure.normal(3), [3], "exhaustive:restarts=2")
    assert torch.equal(restarts[0][0], restarts[0][2])
    assert not (restarts[0][0] == restarts[0][1]).any()


@pytest.mark.parametrize(
    ("ask", "forward", "backward"),
    [
        (lambda closure, _: closure(), 1, 1),
        (lambda closure, _: closure.energy(), 1, 0),
        (lambda closure, _: closure.normal(5), 0, 0),
        (lambda closure, _: closure.linearise(), 1, 1 + 10 + 4),
        (lambda closure, _: (closure.linearise(), closure.energy()), 2, 1 + 10 + 4),
    ],
)
def test_what_a_step_evaluates_is_what_is_counted(asked, ask, forward, backward):
    _, result = asked(ask)
    assert (result.forward, result.backward) == (3 * forward + 1, 3 * backward)


def test_a_resting_latent_costs_no_columns(asked):
    _, result = asked(lambda closure, _: closure.linearise(), schedule="exhaustive")
    assert result.backward == 10 * 3 * (1 + 4)


def test_a_linearisation_agrees_with_the_gradient_and_the_energy(asked):
    def ask(closure, groups):
        energy = closure()
        gradient = torch.cat([group["params"][0].grad for group in groups], 1)
        return energy, gradient, closure.energy(), closure.linearise()

    answers, _ = asked(ask)
    energy, gradient, alone, linear = answers[0]
    assert torch.equal(energy, alone)
    assert torch.equal(energy, linear.energy)
    torch.testing.assert_close(linear.gradient, gradient)
    torch.testing.assert_close(linear.residuals.square().sum(1) / 2, energy)
    assert linear.jacobian.shape == (3, 64, 14)


@pytest.mark.parametrize("schedule", ["exhaustive:prior_weight=0.5", "exhaustive:prior_weight=0"])
def test_jacobian_and_prior_agree_with_finite_differences(asked, schedule):
    def ask(closure, groups):
        noise, linear, columns = groups[1]["params"][0], closure.linearise(), []
        for place in range(4):
            sides = []
            for step in (0.001, -0.002):
                with torch.no_grad():
                    noise[:, place] += step
                sides.append(closure.linearise())
            with torch.no_grad():
                noise[:, place] += 0.001
            columns.append([(sides[0].residuals - sides[1].residuals) / 0.002, *((s.prior_gradient) for s in sides)])
        return linear, columns, noise.detach().clone()

    (linear, columns, noise), *_ = asked(ask, schedule=schedule)[0]
    weight = float(schedule.partition("=")[2])
    jacobian = torch.stack([column[0] for column in columns], 2)
    # Differences of float32 numbers, and a kink of a ReLU here and there, leave a hundredth.
    assert (linear.jacobian - jacobian).norm() < 0.03 * jacobian.norm()
    curvature = torch.stack([(column[1] - column[2]) / 0.002 for column in columns], 2)
    torch.testing.assert_close(linear.prior_curvature, curvature, atol=1e-3, rtol=0.01)
    torch.testing.assert_close(linear.prior_gradient, weight * noise / 4)
    torch.testing.assert_close(linear.prior_curvature, (weight / 4 * torch.eye(4)).expand(len(noise), 4, 4))
    torch.testing.assert_close(linear.curvature, linear.jacobian.mT @ linear.jacobian + linear.prior_curvature)


def test_a_row_that_is_not_finite_spoils_no_other_linearisation(asked, manager):
    mse = manager.select("distance", "mse").build()

    class Broken(LeastSquares):
        def residuals(self, reconstruction, features):
            values = mse.residuals(reconstruction, features)
            return values * torch.where(torch.arange(len(values)) == 1, torch.nan, 1.0)[:, None]

    sound, _ = asked(lambda closure, _: closure.linearise())
    broken, _ = asked(lambda closure, _: closure.linearise(), distance=Broken())
    for name in ("jacobian", "curvature", "gradient"):
        torch.testing.assert_close(getattr(broken[0], name)[[0, 2]], getattr(sound[0], name)[[0, 2]])
        assert getattr(broken[0], name)[1].isnan().any()


def test_mse_is_half_the_squared_length_of_its_residuals(manager):
    mse = manager.select("distance", "mse").build()
    first, second = torch.rand(5, 3, 8, 8), torch.rand(5, 3, 8, 8)
    assert mse.residuals(first, second).shape == (5, 192)
    torch.testing.assert_close(mse.residuals(first, second).square().sum(1) / 2, mse(first, second))


def test_every_evaluation_of_a_step_is_of_class_vectors_on_the_simplex(asked):
    def ask(closure, groups):
        latent, seen = groups[0]["params"][0], []
        for evaluate in (closure, closure.energy, closure.linearise):
            with torch.no_grad():
                latent.add_(torch.linspace(-0.3, 1, 10))
            evaluate()
            seen.append(latent.detach().clone())
        return torch.cat(seen)

    answers, _ = asked(ask)
    assert all((vectors >= 0).all() for vectors in answers)
    torch.testing.assert_close(torch.cat(answers).sum(1), torch.ones(27))


def test_the_constraint_is_applied_once_a_step_and_not_again_before_the_evaluation(components, digits, monkeypatch):
    calls, original = [], components.schedule.constrain
    monkeypatch.setattr(components.schedule, "constrain", lambda latent: (calls.append(1), original(latent))[1])
    run(components, digits[0], range(3))
    assert len(calls) == SETTINGS.steps + 1


class ThroughData(torch.optim.Optimizer):
    """Writes in a way that torch's version counter does not notice."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    def step(self, closure):
        closure()
        for group in self.param_groups:
            for latent in group["params"]:
                latent.data.add_(1.0)


@pytest.mark.parametrize(
    "optimizer", [Optimizer(ThroughData, 0.1), Optimizer(torch.optim.Adam, 0.5, fused=True)], ids=["data", "fused"]
)
def test_the_constraint_holds_however_an_optimizer_writes(components, digits, optimizer):
    sums = []

    class Summing(type(components.generator)):
        def forward(self, class_vector, noise):
            sums.append(class_vector.detach().sum(1))
            return super().forward(class_vector, noise)

    found = run(replace(components, generator=Summing(), optimizer=optimizer), digits[0], range(4))
    assert len(sums) == SETTINGS.steps + 1
    torch.testing.assert_close(torch.cat(sums), torch.ones(4 * len(sums)))
    np.testing.assert_allclose(found.class_vector.sum(1), 1, rtol=1e-6)


def checked(components, **changes):
    images = ToyDigits().split("test", None).images
    check_components(
        replace(components, optimizer=Linearising(torch.optim.SGD, 0.1), **changes), images, SETTINGS, NAMES
    )


def test_an_optimizer_that_linearises_is_fine_with_a_distance_that_has_residuals(components):
    checked(components)


def test_an_optimizer_that_linearises_is_refused_beside_a_distance_without_residuals(components):
    class Plain(Distance):
        def compare(self, reconstruction, features):
            return (reconstruction - features).abs().flatten(1).mean(1)

    with pytest.raises(UsageError, match="optimizer o needs a distance with residuals, and d has none") as caught:
        checked(components, distance=Plain())
    assert caught.value.exit_code == 2
    assert "least-squares" in caught.value.hint


def test_residuals_that_do_not_make_the_distance_are_found_before_a_run(components):
    class Twice(type(components.distance)):
        def residuals(self, reconstruction, features):
            return 2 * super().residuals(reconstruction, features)

    with pytest.raises(ComponentError, match="distance d is not half the squared length"):
        checked(components, distance=Twice())


@pytest.mark.parametrize("rough", [slice(0, None), slice(40, None)], ids=["everywhere", "in some pixels"])
def test_a_generator_without_second_derivatives_is_found_before_a_run(components, rough):
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, values):
            return values.clone()

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, gradient):
            return gradient.clone()

    class Rough(NormedGenerator):
        def forward(self, class_vector, noise):
            pixels = super().forward(class_vector, noise).flatten(1)
            return torch.cat([pixels[:, : rough.start], Once.apply(pixels[:, rough])], 1).view(-1, 1, 8, 8)

    with pytest.raises(ComponentError, match="second derivatives, and generator g or distance d has none"):
        checked(components, generator=prepare(Rough(), torch.device("cpu")))
