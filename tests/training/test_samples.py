"""The figures of samples, for toys of which they are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy import CLASSES, SHAPE, LinearGenerator, NaNGenerator, ToyDigits, patterns

from icbench.engine.prepare import prepare
from icbench.engine.settings import Settings
from icbench.kinds.generator import Generator
from icbench.training.reference_cnn import train_reference_cnn
from icbench.training.samples import draw_samples, measure_samples

CPU = torch.device("cpu")


class LookupGenerator(Generator):
    """Real images, chosen by whatever `place` makes of the latents: (B,) of class and noise."""

    num_classes, image_shape, noise_dim = CLASSES, SHAPE, 2

    def __init__(self, place):
        super().__init__()
        self.place = place
        # Image n is of class n % CLASSES.
        self.images = torch.from_numpy(ToyDigits().split("validation", Path()).images).float() / 255

    def forward(self, class_vector, noise):
        images = self.images[self.place(class_vector.argmax(dim=1), drawn(noise))]
        return images + 0 * (class_vector.sum() + noise.sum())


def drawn(noise):
    """A whole number from 0 to 4 per row, each as often."""
    return (torch.special.ndtr(noise[:, 0]) * 5).long().clamp(0, 4)


@pytest.fixture(scope="module")
def validation():
    return ToyDigits().split("validation", Path())


@pytest.fixture(scope="module")
def reference():
    split = ToyDigits().split("train", Path())
    many = replace(split, images=np.tile(split.images, (150, 1, 1, 1)), labels=np.tile(split.labels, 150))
    return train_reference_cnn(many, CLASSES, CPU)


def figures(generator, validation, reference, seed=0):
    frozen, settings = prepare(generator, CPU), Settings(seed=seed)
    samples, real = draw_samples(frozen, 500, settings), validation.images[:500]
    return measure_samples(samples, frozen, real, reference, settings, 20)


def test_real_images_of_the_class_asked_for_are_perfect(validation, reference):
    found = figures(LookupGenerator(lambda label, number: label + CLASSES * number), validation, reference)
    assert (found.agreement, found.class_kept, found.coverage) == (1, 1, 1)
    assert found.frechet_distance == pytest.approx(0, abs=0.05)
    assert found.density > 1
    assert (found.samples, found.real_images, found.neighbours) == (500, 50, 5)
    assert found.features == "64 of the reference CNN's hidden layer"


def test_a_generator_that_ignores_its_class_vector_is_found_out(validation, reference):
    # The second number is as good as drawn anew, and the class asked for is not in it.
    ignoring = LookupGenerator(lambda label, number: (torch.arange(len(label)) // 10 * 7 + number) % 50)
    found = figures(ignoring, validation, reference)
    assert found.agreement == pytest.approx(0.1, abs=0.05)
    assert found.coverage == 1


def test_a_class_that_follows_the_noise_is_not_kept(validation, reference):
    found = figures(LookupGenerator(lambda label, number: number), validation, reference)
    assert found.agreement == pytest.approx(0.1, abs=0.05)
    assert found.class_kept == pytest.approx(0.2, abs=0.06)


def test_classes_in_the_wrong_places_are_kept_and_do_not_agree(validation, reference):
    found = figures(
        LookupGenerator(lambda label, number: (label + 1) % CLASSES + CLASSES * number), validation, reference
    )
    assert (found.agreement, found.class_kept) == (0, 1)


def test_one_image_per_class_covers_less_than_all_of_them(validation, reference):
    one, all_of_them = (
        figures(LookupGenerator(place), validation, reference)
        for place in (lambda label, number: label, lambda label, number: label + CLASSES * number)
    )
    assert one.coverage <= all_of_them.coverage
    assert one.frechet_distance > all_of_them.frechet_distance


class TwoMapGenerator(LinearGenerator):
    """`LinearGenerator` without its bounds, and with noise that moves pixels that no class does."""

    def __init__(self, by_noise):
        super().__init__(noise_dim=3)
        self.by_noise = by_noise

    def forward(self, class_vector, noise):
        image = class_vector @ self.patterns
        return torch.cat([image[:, :61], self.by_noise * noise], dim=1).view(-1, *SHAPE)


@pytest.mark.parametrize("by_noise", [0.0, 0.5, 10.0])
def test_the_class_vector_s_share_is_that_of_its_squared_jacobian(validation, reference, by_noise):
    by_class = (patterns() - patterns().mean(dim=0)).square().sum().item()
    expected = by_class / (by_class + 3 * by_noise**2)
    found = figures(TwoMapGenerator(by_noise), validation, reference)
    assert found.class_share == pytest.approx(expected, abs=0.03)


def test_without_noise_the_class_vector_has_all_of_it(validation, reference):
    found = figures(LinearGenerator(0), validation, reference)
    assert (found.class_share, found.class_kept) == (1, 1)


def test_what_is_not_finite_has_figures_that_json_can_hold(validation, reference):
    found = figures(NaNGenerator(), validation, reference)
    assert (found.frechet_distance, found.class_share, found.density, found.coverage) == (None, None, 0, 0)


def test_another_seed_draws_other_noise(validation, reference):
    one, again, other = (figures(LinearGenerator(), validation, reference, seed) for seed in (0, 0, 1))
    assert one == again
    assert one.frechet_distance != other.frechet_distance


def test_fewer_real_images_than_neighbours_are_no_trouble(validation, reference):
    few = replace(validation, images=validation.images[:3], labels=validation.labels[:3])
    found = figures(LinearGenerator(), few, reference)
    assert (found.real_images, found.neighbours) == (3, 2)


@pytest.mark.parametrize("count", [0, 1])
def test_where_no_real_image_has_a_neighbour_there_is_nothing_to_compare(validation, reference, count):
    few = replace(validation, images=validation.images[:count], labels=validation.labels[:count])
    found = figures(LinearGenerator(), few, reference)
    assert (found.frechet_distance, found.density, found.coverage) == (None, None, None)
    assert found.agreement > 0.9
