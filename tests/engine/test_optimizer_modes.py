"""Optimizers that step from other latents than those to be read, and those that want more than gradients."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import NormedGenerator, ScheduleFree, ToyDigits

from icbench.builtin.schedules.exhaustive import Exhaustive, Halving
from icbench.engine.decode import as_target, generate
from icbench.engine.invert import class_paths, invert
from icbench.engine.preflight.compatibility import check_components
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Settings
from icbench.errors import ComponentError
from icbench.kinds.optimizer import Optimizer

SPLIT = ToyDigits().split("test", None)
SETTINGS = Settings(steps=12)
NAMES = {"generator": "g", "distance": "d", "optimizer": "o", "schedule": "s"}


@pytest.fixture
def averaging(components):
    generator = prepare(NormedGenerator(), torch.device("cpu"))
    return replace(components, generator=generator, optimizer=Optimizer(ScheduleFree, 0.5))


def run(components, index=range(12), settings=SETTINGS, batch_size=130):
    return concatenate(list(invert(components, SPLIT.images, np.asarray(index), settings, batch_size)))


def watched(components):
    """The same, and every torch optimizer that is built meanwhile."""
    built, over = [], components.optimizer.over
    optimizer = Optimizer(ScheduleFree, 0.5)
    optimizer.over = lambda *latents: built.append(over(*latents)) or built[-1]
    return replace(components, optimizer=optimizer), built


def scored(components, result):
    """The distances of the latents that came back."""
    latents = torch.from_numpy(result.class_vector), torch.from_numpy(result.noise)
    with torch.no_grad():
        images = generate(components.generator, *latents, torch.float32)
        return components.distance(images, as_target(SPLIT.images[result.index], torch.device("cpu"))).numpy()


def test_what_comes_back_is_what_eval_leaves_and_not_where_steps_were_made(averaging):
    components, built = watched(replace(averaging, schedule=Exhaustive()))
    result = run(components, batch_size=10)
    first = built[0].state[built[0].param_groups[1]["params"][0]]
    winner = int(np.abs(first["x"].numpy() - result.noise[0]).sum(axis=1).argmin())
    np.testing.assert_array_equal(result.noise[0], first["x"][winner].numpy())
    assert not np.allclose(result.noise[0], first["y"][winner].numpy(), atol=1e-3)


@pytest.mark.parametrize("stop_when", [None, 0.5])
def test_latents_that_come_back_are_on_the_simplex_and_have_the_distance_that_is_said(averaging, stop_when):
    result = run(averaging, settings=replace(SETTINGS, steps=60, stop_when=stop_when))
    assert (result.forwards < 61).any() == (stop_when is not None)
    np.testing.assert_allclose(result.class_vector.sum(axis=1), 1, atol=1e-5)
    assert result.class_vector.min() >= 0
    np.testing.assert_allclose(scored(averaging, result), result.distance, rtol=1e-5, atol=1e-7)


def test_an_image_stops_with_the_latents_that_its_batch_had_then(averaging):
    whole = run(averaging, settings=replace(SETTINGS, steps=60, stop_when=0.5))
    assert (whole.forwards < 61).all()
    for image in (0, 5):
        alone = run(averaging, [image], replace(SETTINGS, steps=60, stop_when=0.5))
        np.testing.assert_allclose(alone.noise[0], whole.noise[image], atol=1e-4)
        np.testing.assert_array_equal(alone.forwards[0], whole.forwards[image])


def test_dropped_hypotheses_change_nothing_for_those_that_go_on(averaging):
    """Also what it keeps for a whole parameter group, such as its count of steps, goes on."""
    every = run(replace(averaging, schedule=Exhaustive()))
    some = run(replace(averaging, schedule=Halving(at="3/6", keep="5/2")))
    same = some.prediction == every.prediction
    assert same.sum() > 6
    np.testing.assert_allclose(some.noise[same], every.noise[same], rtol=1e-4, atol=1e-4)


def test_looking_at_the_path_does_not_change_it(averaging):
    path = class_paths(averaging, SPLIT.images, np.arange(6), SETTINGS)
    np.testing.assert_allclose(path.sum(axis=2), 1, atol=1e-5)
    np.testing.assert_allclose(path[-1], run(averaging, range(6)).class_vector, atol=1e-6)


def test_a_resting_class_vector_stays_where_it_was(averaging):
    result = run(replace(averaging, schedule=Exhaustive()))
    assert set(np.unique(result.class_vector)) == {0, 1}


def test_it_passes_the_check_before_a_run(averaging):
    check_components(averaging, SPLIT.images, SETTINGS, NAMES)


class Hessian(torch.optim.SGD):
    """As AdaHessian and SophiaH: differentiates gradients by random directions."""

    def step(self, closure):
        closure()
        latents = [group["params"][0] for group in self.param_groups if group["params"][0].grad is not None]
        torch.autograd.grad([latent.grad for latent in latents], latents, [latent.grad for latent in latents])


class OneNumber(torch.optim.SGD):
    """As torch's LBFGS: one problem of all rows."""

    def step(self, closure):
        return float(closure())


class Lumping(Optimizer):
    def over(self, class_vector, noise):
        return torch.optim.LBFGS([class_vector, noise], self.lr)


@pytest.mark.parametrize(
    ("optimizer", "said"),
    [
        (Optimizer(Hessian, 0.1), "optimizer o differentiates gradients a second time"),
        (Optimizer(OneNumber, 0.1), "optimizer o takes the energies of all rows for one number"),
        (Optimizer(torch.optim.LBFGS, 0.1), "optimizer o raised ValueError: LBFGS doesn't support"),
        (Lumping(torch.optim.LBFGS, 0.1), "optimizer o has 1 parameter groups"),
    ],
    ids=["second derivatives", "one number", "own closure", "one group"],
)
def test_what_wants_more_than_gradients_is_refused_with_the_reason(components, optimizer, said):
    with pytest.raises(ComponentError, match=said):
        check_components(replace(components, optimizer=optimizer), SPLIT.images, SETTINGS, NAMES)
