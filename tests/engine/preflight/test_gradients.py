"""What a schedule moves has a gradient, or the run is refused: starts must not be ranked as an inversion."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import LinearGenerator, NormedGenerator, ToyDigits

from icbench.builtin.distances import MSE
from icbench.builtin.schedules.exhaustive import Exhaustive
from icbench.builtin.schedules.joint import ClassOnly, Joint
from icbench.engine.preflight.compatibility import check_components
from icbench.engine.prepare import prepare
from icbench.engine.settings import Settings
from icbench.errors import ComponentError
from icbench.kinds.distance import Distance
from icbench.kinds.optimizer import Optimizer

CPU = torch.device("cpu")
IMAGES = ToyDigits().split("test", None).images
NAMES = {"generator": "g", "distance": "d", "optimizer": "o", "schedule": "s"}
SETTINGS = Settings(steps=20)


def checked(components, steps=20, **changes):
    check_components(replace(components, **changes), IMAGES, replace(SETTINGS, steps=steps), NAMES)


class Distances:
    class WithoutGrad(MSE):
        def compare(self, reconstruction, features):
            with torch.no_grad():
                return super().compare(reconstruction, features)

    class Detached(MSE):
        def compare(self, reconstruction, features):
            return super().compare(reconstruction.detach(), features)

    class Elsewhere(MSE):
        def compare(self, reconstruction, features):
            unrelated = torch.zeros(len(reconstruction), requires_grad=True)
            return super().compare(reconstruction.detach(), features) + unrelated

    class Thresholded(Distance):
        def compare(self, reconstruction, features):
            return ((reconstruction > 0.5).float() - features + 0 * reconstruction).square().flatten(1).mean(1)

    class Steep(MSE):
        def compare(self, reconstruction, features):
            kink = (reconstruction - reconstruction.detach()).square().sqrt().flatten(1).mean(1)
            return super().compare(reconstruction, features) + kink


@pytest.mark.parametrize("schedule", [Joint(), ClassOnly(), Exhaustive()], ids=lambda part: type(part).__name__)
@pytest.mark.parametrize(
    ("distance", "fault"),
    [
        (Distances.WithoutGrad, "has no gradient"),
        (Distances.Detached, "has no gradient"),
        (Distances.Elsewhere, "has no gradient"),
        (Distances.Thresholded, "has a gradient of zero"),
        (Distances.Steep, "has a gradient that is not finite"),
    ],
)
def test_a_distance_that_cannot_be_descended_is_named(components, distance, fault, schedule):
    with pytest.raises(ComponentError, match=f"^distance d {fault} in the images") as caught:
        checked(components, distance=distance(), schedule=schedule)
    assert caught.value.exit_code == 2


class Frozen(NormedGenerator):
    def forward(self, class_vector, noise):
        with torch.no_grad():
            return super().forward(class_vector, noise)


class DeafToNoise(NormedGenerator):
    def forward(self, class_vector, noise):
        return super().forward(class_vector, noise.detach())


class Rounded(NormedGenerator):
    def forward(self, class_vector, noise):
        return super().forward(class_vector, noise).mul(8).round() / 8


class DeafToClasses(NormedGenerator):
    def forward(self, class_vector, noise):
        return super().forward(0 * class_vector, noise)


@pytest.mark.parametrize(
    ("generator", "fault"),
    [
        (Frozen, "has no gradient in the class vector"),
        (Rounded, "has a gradient of zero in the class vector"),
        (DeafToClasses, "has a gradient of zero in the class vector"),
        (DeafToNoise, "has no gradient in the noise"),
    ],
)
def test_a_generator_that_cannot_be_descended_is_named(components, generator, fault):
    with pytest.raises(ComponentError, match=f"^generator g {fault}"):
        checked(components, generator=prepare(generator(), CPU))


def test_a_latent_that_rests_needs_no_gradient(components):
    checked(components, generator=prepare(DeafToNoise(), CPU), schedule=ClassOnly())
    checked(components, generator=prepare(DeafToClasses(), CPU), schedule=Exhaustive())


def test_a_latent_that_moves_later_needs_one_then(components):
    late = Joint(noise_start=15)
    checked(components, steps=15, generator=prepare(DeafToNoise(), CPU), schedule=late)
    with pytest.raises(ComponentError, match="in the noise"):
        checked(components, steps=16, generator=prepare(DeafToNoise(), CPU), schedule=late)


def test_a_schedule_that_loses_the_gradient_is_named(components):
    class Losing(Joint):
        def class_vector_of(self, coordinates, progress):
            return coordinates.detach()

    with pytest.raises(ComponentError, match=r"^schedule s passes no gradient of the distance on"):
        checked(components, schedule=Losing())


def test_noise_of_no_length_beside_classes_that_are_held_is_fine(components):
    checked(components, generator=prepare(LinearGenerator(noise_dim=0), CPU), schedule=Exhaustive())


def test_without_steps_nothing_has_to_be_found(components):
    checked(components, steps=0, distance=Distances.WithoutGrad())


class Walk(torch.optim.Optimizer):
    """Tries a point beside each row, and keeps what is nearer."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure):
        latents = [group["params"][0] for group in self.param_groups]
        before, kept = closure.energy(), [latent.clone() for latent in latents]
        for latent in latents:
            latent.add_(0.1 * closure.normal(latent.shape[1]))
        worse = (closure.energy() > before)[:, None]
        for latent, old in zip(latents, kept, strict=True):
            latent.copy_(torch.where(worse, old, latent))


def test_an_optimizer_that_takes_energies_alone_needs_no_gradient(components):
    checked(components, distance=Distances.WithoutGrad(), optimizer=Optimizer(Walk, 0.1))


def test_one_image_may_start_where_it_is_flat(components):
    class FlatForSome(MSE):
        def compare(self, reconstruction, features):
            lit = (features[:, 0, 0, 0] > 0.5).float()
            return super().compare(reconstruction, features) * (1 - lit)

    assert IMAGES[0, 0, 0, 0] > 127
    assert np.all(IMAGES[1:4, 0, 0, 0] < 127)
    checked(components, distance=FlatForSome())
