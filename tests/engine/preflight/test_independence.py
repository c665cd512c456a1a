"""What lets an image's result depend on its batch mates is refused before a run, and named."""

from dataclasses import replace

import pytest
import torch
from test_batch_mates import Grouped
from test_gradients import Walk
from torch.nn import functional
from toy import NormedGenerator, ToyDigits

from icbench.builtin.distances import MSE
from icbench.builtin.schedules.exhaustive import Exhaustive
from icbench.builtin.schedules.joint import Joint
from icbench.engine.blame import expose
from icbench.engine.preflight.compatibility import check_components
from icbench.engine.prepare import prepare
from icbench.engine.settings import Settings
from icbench.errors import ComponentError
from icbench.kinds.optimizer import Optimizer
from icbench.plugins.manager import PluginManager

CPU = torch.device("cpu")
IMAGES = ToyDigits().split("test", None).images
NAMES = {"generator": "g", "distance": "d", "optimizer": "o", "schedule": "s"}
SETTINGS = Settings(steps=100)
HOST = PluginManager()


@pytest.fixture
def components(components):
    return replace(components, generator=prepare(NormedGenerator(), CPU))


def checked(components, steps=100, images=IMAGES, precision=torch.float32, **changes):
    check_components(replace(components, **changes), images, replace(SETTINGS, steps=steps, precision=precision), NAMES)


def refuses(kind, components, **changes):
    said = f"{kind} {NAMES[kind]} lets an image's result depend on the images that it is inverted beside"
    with pytest.raises(ComponentError, match=said):
        checked(components, **changes)


class Stepping(torch.optim.Optimizer):
    """Moves each latent by what `direction` makes of its gradient."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    def step(self, closure):
        closure()
        with torch.no_grad():
            for group in self.param_groups:
                for latent in group["params"]:
                    if latent.grad is not None:
                        latent.sub_(group["lr"] * self.direction(latent, latent.grad))


class Lamb(Stepping):
    """One trust ratio for all rows."""

    def direction(self, latent, gradient):
        step = gradient / (gradient.abs() + 1e-8)
        return step * latent.norm() / step.norm()


class Clipping(Stepping):
    """One length for the gradient of all rows."""

    def direction(self, latent, gradient):
        return gradient / gradient.norm()


class Averaging(Stepping):
    """Divides by the number of rows."""

    def direction(self, latent, gradient):
        return 1000 * gradient / len(gradient)


class Shampoo(Stepping):
    """Preconditions across rows, renewed at every tenth step and not before."""

    def direction(self, latent, gradient):
        state = self.state[latent]
        state["steps"] = state.get("steps", 0) + 1
        if state["steps"] % 10 == 0:
            rows = gradient @ gradient.T
            state["across"] = torch.linalg.inv(rows / rows.diagonal().mean() + torch.eye(len(rows)))
        return 10 * state.get("across", torch.eye(len(gradient))) @ gradient


class Following(Stepping):
    """All rows follow the one that moves most."""

    def direction(self, latent, gradient):
        return 10 * (gradient + gradient[gradient.norm(dim=1).argmax()])


class Plain(Stepping):
    """Mixes nothing."""

    def direction(self, latent, gradient):
        return 10 * gradient


@pytest.mark.parametrize("schedule", [Joint(), Exhaustive()], ids=lambda part: type(part).__name__)
@pytest.mark.parametrize(
    "optimizer", [torch.optim.Muon, torch.optim.Adafactor, Lamb, Clipping, Averaging, Shampoo, Following]
)
def test_an_optimizer_that_mixes_rows_is_named(components, optimizer, schedule):
    refuses("optimizer", components, optimizer=Optimizer(optimizer, 0.1), schedule=schedule)


class BatchNormed(NormedGenerator):
    def forward(self, class_vector, noise):
        images = super().forward(class_vector, noise)
        return functional.batch_norm(images, None, None, training=True).sigmoid()


class Diluted(NormedGenerator):
    def forward(self, class_vector, noise):
        return super().forward(class_vector, noise) / len(noise) ** 0.5


class Leaning(NormedGenerator):
    """Each row leans on the one before it, a little."""

    def forward(self, class_vector, noise):
        images = super().forward(class_vector, noise)
        return 0.99 * images + 0.01 * images.roll(1, 0)


class Relative(MSE):
    def compare(self, reconstruction, features):
        found = super().compare(reconstruction, features)
        return found / found.mean()


class Shared(MSE):
    def compare(self, reconstruction, features):
        return super().compare(reconstruction, features) / len(reconstruction)


class Centred(MSE):
    """Learns from all targets what is usual."""

    def features(self, target):
        return target - target.mean(0, keepdim=True)


class Levelling(Joint):
    def prior(self, class_vector, noise, progress):
        return 0.1 * (noise - noise.mean(0)).square().mean(1)


class Ranking(Joint):
    def class_scores(self, energy, class_vector):
        scores = super().class_scores(energy, class_vector)
        return scores - scores.mean(0)


class Starting(Joint):
    def initial_noise(self, context):
        return context.drawn - context.drawn.mean(0)


class Steering(Joint):
    """Puts all class vectors nearer to each other."""

    def constrain(self, coordinates):
        reset = super().constrain(coordinates)
        coordinates.lerp_(coordinates.mean(0, keepdim=True), 0.2)
        return reset


@pytest.mark.parametrize("generator", [BatchNormed, Diluted, Leaning])
def test_a_generator_that_mixes_rows_is_named(components, generator):
    refuses("generator", components, generator=prepare(generator(), CPU))


@pytest.mark.parametrize("distance", [Relative, Shared, Centred])
def test_a_distance_that_mixes_rows_is_named(components, distance):
    refuses("distance", components, distance=distance())


@pytest.mark.parametrize("schedule", [Levelling, Ranking, Starting, Steering])
def test_a_schedule_that_mixes_rows_is_named(components, schedule):
    refuses("schedule", components, schedule=schedule())


@pytest.mark.parametrize("steps", [0, 1, 3, 1000])
def test_mixing_is_found_whatever_the_number_of_steps(components, steps):
    refuses("distance", components, steps=steps, distance=Relative())


def test_a_group_that_is_declared_may_depend_on_itself_and_on_nothing_else(components):
    checked(components, generator=prepare(Grouped(), CPU))
    refuses("optimizer", components, generator=prepare(Grouped(), CPU), optimizer=Optimizer(torch.optim.Adafactor, 0.1))
    larger = Grouped()
    larger.batch_group_size = 2
    refuses("generator", components, generator=prepare(larger, CPU))


@pytest.mark.parametrize("schedule", [part.name for part in HOST.components("schedule") if part.name != "evidence"])
@pytest.mark.parametrize(
    "optimizer",
    [
        Optimizer(torch.optim.Adam, 0.05),
        Optimizer(torch.optim.Adam, 0.05, fused=True),
        Optimizer(torch.optim.RMSprop, 0.05),
        Optimizer(torch.optim.SGD, 5.0, momentum=0.9),
        Optimizer(Plain, 1.0),
        Optimizer(Walk, 1.0),
        Optimizer(torch.optim.Adam, 0.0),
    ],
    ids=lambda part: f"{part.cls.__name__} {part.lr:g}",
)
def test_what_treats_each_row_alone_passes(components, optimizer, schedule):
    checked(components, optimizer=optimizer, schedule=HOST.select("schedule", schedule).build())


@pytest.mark.parametrize("schedule", [Joint(), Exhaustive()], ids=lambda part: type(part).__name__)
def test_the_rounding_of_bfloat16_is_not_taken_for_mixing(components, schedule):
    checked(components, schedule=schedule, precision=torch.bfloat16)


def test_rounding_that_differs_from_call_to_call_is_not_taken_for_mixing(components):
    class Trembling(NormedGenerator):
        """As the sums of some devices, which are not in the same order twice; and worse."""

        def forward(self, class_vector, noise):
            images = super().forward(class_vector, noise)
            return images * (1 + 1e-3 * torch.randn(images.shape, generator=RANDOM))

    checked(components, generator=prepare(Trembling(), CPU))


RANDOM = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_few_images_are_company_enough(components, count):
    checked(components, images=IMAGES[:count])
    if count > 1:
        refuses("optimizer", components, images=IMAGES[:count], optimizer=Optimizer(Clipping, 0.1))


def test_what_is_watched_computes_as_it_did(components):
    watched = expose(components.generator, "generator g", {"forward": (torch.Tensor,)})
    class_vector, noise = torch.eye(10)[:3], torch.randn(3, 4, generator=RANDOM)
    torch.testing.assert_close(watched(class_vector, noise), components.generator(class_vector, noise), rtol=0, atol=0)
    assert "forward" not in vars(components.generator)


class Failing(Stepping):
    """Fails at one step, counted from 1."""

    def __init__(self, params, lr, at):
        super().__init__(params, lr)
        self.at, self.steps = at, 0

    def step(self, closure):
        self.steps += 1
        if self.steps == self.at:
            raise RuntimeError("no more")
        super().step(closure)

    def direction(self, latent, gradient):
        return gradient


def test_what_fails_at_the_first_steps_is_told_and_what_fails_later_is_left_to_its_run(components):
    for at in (1, 2):
        with pytest.raises(ComponentError, match="RuntimeError: no more"):
            checked(components, optimizer=Optimizer(Failing, 0.1, at=at))
    checked(components, optimizer=Optimizer(Failing, 0.1, at=6))
