"""Errors whose cause is known by construction are put down to it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import CLASSES, SHAPE, FragileDistance, LinearGenerator, ToyDigits

from icbench.builtin.schedules.exhaustive import Exhaustive
from icbench.builtin.schedules.joint import ClassOnly
from icbench.engine.diagnosis import HeldClasses, diagnose
from icbench.engine.invert import invert
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Settings
from icbench.kinds.dataset import Split
from icbench.kinds.generator import Generator
from icbench.kinds.schedule import Rates

STILL = Settings(steps=1)
LONG = Settings(steps=60)


class ShiftedGenerator(LinearGenerator):
    """Draws for each class what the next one looks like: its wrong answers fit, its right ones do not."""

    def forward(self, class_vector, noise):
        return super().forward(class_vector.roll(1, dims=1), noise)


class HiddenGenerator(Generator):
    """Class 3 is white where the noise is above 4, grey elsewhere; the middle of the simplex leads the noise there."""

    num_classes, image_shape, noise_dim = CLASSES, SHAPE, 1

    def forward(self, class_vector, noise):
        middle = 0.6 * (1 - class_vector.max(dim=1, keepdim=True).values) / 0.9 * noise.sigmoid()
        held = class_vector[:, 3:4].pow(8) * (0.5 + 0.5 * (50 * (noise - 4)).sigmoid())
        return (middle + held).expand(-1, 64).view(-1, *SHAPE)


class BrokenMiddleGenerator(LinearGenerator):
    """Not finite in the middle of the simplex."""

    def forward(self, class_vector, noise):
        middle = class_vector.max(dim=1).values < 0.5
        return super().forward(class_vector, noise) * torch.where(middle, torch.nan, 1).view(-1, 1, 1, 1)


class Resting(ClassOnly):
    """The class vector stays in the middle, so that class 0 is taken for all; the noise moves."""

    def rates(self, step, steps):
        return Rates(0.0, 1.0)


class SwappedGenerator(LinearGenerator):
    """Draws 0 for 1 and 1 for 0."""

    def forward(self, class_vector, noise):
        return super().forward(class_vector[:, [1, 0, *range(2, CLASSES)]], noise)


class TwoMapGenerator(Generator):
    """`image = a * class_vector @ A + b * noise @ B` for fixed random A and B."""

    num_classes, image_shape, noise_dim = CLASSES, SHAPE, 5

    def __init__(self, by_class, by_noise):
        super().__init__()
        source = torch.Generator().manual_seed(0)
        self.by_class = by_class * torch.randn(CLASSES, 64, generator=source)
        self.by_noise = by_noise * torch.randn(self.noise_dim, 64, generator=source)

    def forward(self, class_vector, noise):
        return (class_vector @ self.by_class + noise @ self.by_noise).view(-1, *SHAPE)

    def noise_share(self):
        by_class = (self.by_class - self.by_class.mean(dim=0)).square().sum()
        by_noise = self.by_noise.square().sum()
        return (by_noise / (by_class + by_noise)).item()


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return ToyDigits().split("test", tmp_path_factory.getbasetemp())


def frozen(generator):
    return prepare(generator, torch.device("cpu"))


def predicted(components, split, settings):
    return concatenate(list(invert(components, split.images, np.arange(len(split.labels)), settings))).prediction


def diagnosed(components, split, settings, **options):
    return diagnose(components, split, predicted(components, split, settings), settings, **options)


def test_a_run_without_errors_has_none_of_either_kind(components, split):
    found = diagnosed(components, split, LONG)
    assert (found.images, found.errors, found.optimizer_errors, found.model_errors) == (50, 0, 0, 0)
    assert found.wrong_class_fits == 0


def test_errors_of_a_search_that_does_not_move_are_the_optimizer_s(components, split):
    found = diagnosed(replace(components, schedule=Resting()), split, STILL)
    assert (found.errors, found.optimizer_errors, found.model_errors) == (45, 45, 0)
    assert found.wrong_class_fits == 0


def test_errors_of_a_generator_that_draws_other_classes_are_the_model_s(components, split):
    shifted = replace(components, generator=frozen(ShiftedGenerator()), schedule=Exhaustive())
    found = diagnosed(shifted, split, LONG)
    assert (found.errors, found.optimizer_errors, found.model_errors) == (50, 0, 50)
    assert found.wrong_class_fits == 1


def test_a_lower_energy_found_from_the_winner_s_noise_counts(components, manager):
    white = Split(np.full((20, *SHAPE), 255, np.uint8), np.full(20, 3))
    hidden = replace(components, generator=frozen(HiddenGenerator()), schedule=Resting())
    hidden = replace(hidden, optimizer=manager.select("optimizer", "adam:lr=0.5").build())
    settings = Settings(steps=20)
    (winner,) = invert(hidden, white.images, np.arange(20), settings)
    (held,) = invert(replace(hidden, schedule=HeldClasses(Resting(), (3,))), white.images, np.arange(20), settings)
    assert (held.energy > winner.energy).all()
    found = diagnosed(hidden, white, settings)
    assert (found.errors, found.optimizer_errors) == (20, 20)


def test_a_search_that_does_not_stay_finite_where_the_true_class_does_is_the_optimizer_s_error(components, split):
    found = diagnosed(replace(components, generator=frozen(BrokenMiddleGenerator())), split, STILL)
    assert (found.errors, found.optimizer_errors) == (50, 50)
    assert found.noise_share_start is None


def test_an_image_that_is_finite_for_no_class_is_the_model_s_error(components, split):
    found = diagnosed(replace(components, distance=FragileDistance()), split, LONG)
    assert (found.errors, found.model_errors) == (5, 5)
    assert 0 <= found.noise_share_end <= 1


def test_the_sample_is_bounded_and_errors_have_a_sample_of_their_own(components, split):
    found = diagnosed(replace(components, schedule=Resting()), split, STILL, count=10)
    assert (found.images, found.errors) == (10, 10)


def test_wrong_classes_that_fit_are_counted_in_the_random_sample_and_not_among_the_errors(components, split):
    swapped = replace(components, generator=frozen(SwappedGenerator()), schedule=Exhaustive())
    found = diagnosed(swapped, split, STILL, count=10)
    assert (found.images, found.errors) == (10, 10)
    assert found.wrong_class_fits in (0.0, 0.1, 0.2, 0.3, 0.4)


def test_the_first_images_are_meant_where_not_all_were_classified(components, split):
    predictions = predicted(components, split, LONG)[:20]
    assert diagnose(components, split, predictions, LONG).images == 20


def test_the_same_run_has_the_same_diagnosis(components, split):
    assert diagnosed(components, split, STILL) == diagnosed(components, split, STILL)


def test_batches_do_not_matter(components, split):
    resting = replace(components, schedule=Resting())
    one, other = (diagnosed(resting, split, STILL, batch_size=size) for size in (7, 500))
    assert (one.errors, one.optimizer_errors) == (other.errors, other.optimizer_errors)
    assert one.noise_share_end == pytest.approx(other.noise_share_end, rel=1e-3)


@pytest.mark.parametrize("schedule", [ClassOnly(), Resting()])
def test_the_shares_of_the_work_add_up_to_all_of_it(components, split, schedule):
    shares = []
    diagnosed(replace(components, schedule=schedule), split, Settings(steps=5), on_step=shares.append)
    assert sum(shares) == pytest.approx(1)


def test_without_noise_it_has_no_share(components, split):
    found = diagnosed(replace(components, generator=frozen(LinearGenerator(0))), split, STILL)
    assert (found.noise_share_start, found.noise_share_end) == (0, 0)


@pytest.mark.parametrize(("by_class", "by_noise"), [(1.0, 0.3), (1.0, 1.0), (0.0, 1.0), (0.3, 1.0)])
def test_the_noise_s_share_is_that_of_its_squared_jacobian(components, split, by_class, by_noise):
    generator = TwoMapGenerator(by_class, by_noise)
    found = diagnosed(replace(components, generator=frozen(generator)), split, STILL)
    assert found.noise_share_start == pytest.approx(generator.noise_share(), abs=0.03)
    assert found.noise_share_end == pytest.approx(generator.noise_share(), abs=0.03)


def test_moving_all_classes_alike_is_no_direction_of_the_simplex(components, split):
    generator = TwoMapGenerator(1.0, 1.0)
    generator.by_class = torch.ones(CLASSES, 64)
    found = diagnosed(replace(components, generator=frozen(generator)), split, STILL)
    assert found.noise_share_start == pytest.approx(1)


def test_a_held_class_stays_and_its_noise_moves(linear, components, split):
    held = replace(components, schedule=HeldClasses(ClassOnly(), (4, 7)))
    (found,) = invert(held, split.images, np.arange(5), Settings(steps=3))
    assert set(found.class_vector.argmax(axis=1)) <= {4, 7}
    assert (found.class_vector.max(axis=1) == 1).all()
    (still,) = invert(replace(components, schedule=ClassOnly()), split.images, np.arange(5), Settings(steps=3))
    assert (found.noise != still.noise).any()
