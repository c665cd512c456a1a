"""Sliced Wasserstein distance against scipy's on each line."""

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from icbench_distances.transport import FLOOR, directions

PLACES = np.indices((28, 28)).reshape(2, -1).T


def masses(images):
    flat = images.flatten(1).numpy() + FLOOR
    return flat / flat.sum(axis=1, keepdims=True)


def shared(places, mass):
    """Mass between the two nearest points of a line: points and their mass."""
    below = np.floor(places)
    return np.concatenate([below, below + 1]), np.concatenate([mass * (below + 1 - places), mass * (places - below)])


def sliced_by_scipy(first, second, line_of):
    lines = ((PLACES - 13.5) @ directions(16, 0)).T
    return np.mean([wasserstein_distance(*line_of(line, first, second)) for line in lines]) / 28


def test_each_line_has_scipys_wasserstein_distance(build, digits):
    found = build("sliced-wasserstein", mass_weight=0.0)(digits[:6], digits[6:])

    def on_points(line, first, second):
        (points, own), (others, other) = shared(line, first), shared(line, second)
        return points, others, own.clip(0), other.clip(0)

    expected = [sliced_by_scipy(a, b, on_points) for a, b in zip(masses(digits[:6]), masses(digits[6:]), strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_sharing_mass_between_points_hardly_changes_the_distance(build, digits):
    found = build("sliced-wasserstein", mass_weight=0.0)(digits[:6], digits[6:])
    pairs = zip(masses(digits[:6]), masses(digits[6:]), strict=True)
    expected = [sliced_by_scipy(a, b, lambda line, first, second: (line, line, first, second)) for a, b in pairs]
    np.testing.assert_allclose(found, expected, rtol=0.03)


def test_moving_a_dot_costs_in_proportion_to_the_way(build):
    images = torch.zeros(4, 1, 28, 28, dtype=torch.float64)
    for row, column in enumerate((6, 7, 9, 15)):
        images[row, 0, 10:14, column : column + 4] = 1
    distance = build("sliced-wasserstein", projections=64, mass_weight=0.0)
    way = distance(images[1:], images[:1].expand(3, -1, -1, -1))
    torch.testing.assert_close(way / way[0], torch.tensor([1.0, 3.0, 9.0], dtype=torch.float64), rtol=0.02, atol=0)
    # In mean over all directions, a step of one pixel looks 2 / pi long; the floor keeps a part of the mass in place.
    assert way[0].item() == pytest.approx(2 / np.pi / 28 * 16 / (16 + 784 * FLOOR), rel=0.01)


def test_brightness_counts_through_the_mass_alone(build, digits):
    darker = 0.5 * digits
    without, with_mass = (build("sliced-wasserstein", mass_weight=weight)(darker, digits) for weight in (0.0, 2.0))
    assert (without < 0.05 * build("sliced-wasserstein")(digits.roll(5, dims=0), digits)).all()
    torch.testing.assert_close(with_mass - without, digits.mean(dim=(1, 2, 3)))


def test_directions_are_spread_and_depend_on_the_seed_alone():
    first, again, other = directions(16, 1), directions(16, 1), directions(16, 2)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    angles = np.arctan2(first[1], first[0])
    assert ((angles >= np.pi * np.arange(16) / 16) & (angles <= np.pi * np.arange(1, 17) / 16)).all()
