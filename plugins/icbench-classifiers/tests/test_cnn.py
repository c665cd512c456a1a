"""The CNN: what it draws, and what it learns."""

import pytest
import torch

from icbench_classifiers.cnn import initialise, shift


def fitted_scores(build, digits, seed, spec="cnn:epochs=1"):
    classifier = build(spec)
    classifier.fit(*digits("train", 200), 10, seed)
    return classifier.scores(digits("validation", 20)[0])


def test_the_seed_decides_the_network_to_the_last_bit(build, digits):
    assert torch.equal(fitted_scores(build, digits, 0), fitted_scores(build, digits, 0))
    assert not torch.allclose(fitted_scores(build, digits, 0), fitted_scores(build, digits, 1), atol=0.1)


def test_fitting_draws_nothing_from_shared_random_numbers(build, digits):
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    fitted_scores(build, digits, 0)
    assert torch.equal(torch.rand(4), expected)


def test_every_weight_is_drawn_from_the_given_source():
    first, again, other = (initialise((1, 8, 8), 3, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    for name, values in first.state_dict().items():
        assert torch.equal(values, again.state_dict()[name])
        assert values.ndim < 2 or not torch.equal(values, other.state_dict()[name])


def test_a_shift_moves_an_image_by_up_to_two_pixels_and_leaves_it_whole():
    images = torch.zeros(1000, 2, 9, 11)
    images[:, 0, 4, 5], images[:, 1, 4, 6] = 1.0, 0.5
    moved = shift(images, torch.Generator().manual_seed(0))
    first, second = (moved[:, channel].flatten(1).argmax(dim=1) for channel in (0, 1))
    assert torch.equal(second, first + 1)
    places = {(place // 11 - 4, place % 11 - 5) for place in first.tolist()}
    assert places == {(down, right) for down in range(-2, 3) for right in range(-2, 3)}
    assert torch.equal(moved.sum(dim=(1, 2, 3)), torch.full((1000,), 1.5))


def test_what_a_shift_brings_in_is_black():
    moved = shift(torch.ones(100, 1, 6, 6), torch.Generator().manual_seed(0))
    assert set(moved.unique().tolist()) == {0.0, 1.0}
    assert moved[:, :, 2:4, 2:4].all()


def test_scoring_is_by_running_statistics(build, digits):
    classifier = build("cnn:epochs=1")
    classifier.fit(*digits("train", 200), 10, 0)
    before = {name: values.clone() for name, values in classifier.network.state_dict().items()}
    classifier.scores(digits("validation", 50)[0])
    assert all(torch.equal(values, before[name]) for name, values in classifier.network.state_dict().items())


@pytest.mark.slow
def test_it_beats_97_percent_after_two_epochs_of_ten_thousand_digits(build, digits):
    classifier = build("cnn:epochs=2")
    classifier.fit(*digits("train", 10_000), 10, 0)
    asked, truth = digits("validation", 2000)
    assert (classifier.scores(asked).argmax(dim=1) == truth).float().mean() > 0.97
