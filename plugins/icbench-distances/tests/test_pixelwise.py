"""Distances pixel by pixel, by hand."""

from math import log

import pytest
import torch


def pair(*differences):
    """One image of grey 0.1 and one that differs by the given amounts."""
    target = torch.full((1, 1, 1, len(differences)), 0.1, dtype=torch.float64)
    return target + torch.tensor(differences, dtype=torch.float64), target


def test_l1_is_the_mean_absolute_difference(build):
    assert build("l1")(*pair(0.2, -0.1, 0.0, 0.9)).item() == pytest.approx(0.3)


def test_huber_is_half_a_square_near_zero_and_a_line_beyond_delta(build):
    huber = build("huber", delta=0.2)
    assert huber(*pair(0.1)).item() == pytest.approx(0.1**2 / 2)
    assert huber(*pair(0.6)).item() == pytest.approx(0.2 * (0.6 - 0.1))
    assert huber(*pair(0.1, 0.6)).item() == pytest.approx((0.005 + 0.1) / 2)


def test_bernoulli_is_the_cross_entropy_behind_a_channel_with_errors(build):
    target = torch.tensor([[[[1.0, 0.0, 0.25]]]], dtype=torch.float64)
    reconstruction = torch.tensor([[[[0.0, 0.0, 0.5]]]], dtype=torch.float64)
    expected = -(log(0.1) + log(0.9) + log(0.5)) / 3
    assert build("bernoulli", flip=0.1)(reconstruction, target).item() == pytest.approx(expected)


def test_bernoulli_pulls_at_a_saturated_wrong_pixel(build):
    black = torch.zeros(1, 1, 1, 1, requires_grad=True)
    build("bernoulli", flip=0.01)(black, torch.ones(1, 1, 1, 1)).sum().backward()
    assert black.grad.item() == pytest.approx(-0.98 / 0.01)
