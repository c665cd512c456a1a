"""Torch's optimizers, by their first steps."""

import pytest
import torch
from problems import Problem

START = torch.tensor([[3.0, -0.5], [0.01, 2.0]], dtype=torch.float64)


def quadratic(rows):
    return (rows * torch.tensor([1.0, 4.0])).square().sum(dim=1) / 2


def problem():
    return Problem(START, energy_of=quadratic)


def test_rmsprop_steps_by_the_rate_over_the_root_of_the_mean_square(build):
    moved = problem().run(build("rmsprop", lr=0.1, alpha=0.96), 1) - START
    torch.testing.assert_close(moved, -0.1 / 0.2 * START.sign(), atol=1e-4, rtol=0)


def test_centred_rmsprop_grows_its_steps_where_gradients_agree(build):
    plain, centred = (problem().run(build("rmsprop", lr=0.01, centered=word), 30) for word in (False, True))
    assert (quadratic(centred) < quadratic(plain)).all()


def test_rprop_steps_by_the_sign_and_grows_while_it_stays(build):
    moved = problem().run(build("rprop", lr=0.001, grow=1.5), 3) - START
    torch.testing.assert_close(moved, -0.001 * (1 + 1.5 + 1.5**2) * START.sign())


def test_rprop_starts_at_the_rate_of_its_latent(build):
    moved = problem().run(build("rprop", lr=0.001), 1, rate=4.0) - START
    torch.testing.assert_close(moved, -0.004 * START.sign())


def test_adamw_pulls_to_zero_whatever_the_gradient(build):
    flat = Problem(START, energy_of=lambda rows: 0 * rows.sum(dim=1))
    torch.testing.assert_close(flat.run(build("adamw", lr=0.1, weight_decay=0.5), 2), START * 0.95**2)


@pytest.mark.parametrize("name", ["rmsprop", "rprop", "adamw"])
def test_a_quadratic_is_brought_near_its_minimum(build, name):
    assert (quadratic(problem().run(build(name, lr=0.05), 300)) < 0.01).all()
