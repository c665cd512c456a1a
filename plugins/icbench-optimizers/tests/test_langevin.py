"""Langevin dynamics: its stationary distribution, its annealing, and whose its random numbers are."""

import numpy as np
import pytest
import torch
from icbench.builtin.generators.cgan import load_cgan
from icbench.engine.invert import invert
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Components, Settings
from problems import Problem, starts

CURVATURES = torch.tensor([0.5, 2.0, 8.0], dtype=torch.float64)


def quadratic(rows):
    return (CURVATURES * rows.square()).sum(dim=1) / 2


def test_the_stationary_variance_on_a_quadratic_is_the_known_one(build):
    """x <- (1 - lr k) x + sqrt(2 lr T) xi has variance T / (k (1 - lr k / 2)): Boltzmann's T / k at small rates."""
    lr, temperature = 0.1, 0.3
    problem = Problem(torch.zeros(20_000, 3, dtype=torch.float64), energy_of=quadratic)
    found = problem.run(build("langevin", lr=lr, temperature=temperature, half_life=0), 120)
    expected = temperature / (CURVATURES * (1 - lr * CURVATURES / 2))
    torch.testing.assert_close(found.var(dim=0), expected, rtol=0.03, atol=0)
    assert found.mean(dim=0).abs().max() < 0.02
    assert np.abs(np.corrcoef(found.T.numpy()) - np.eye(3)).max() < 0.03


def test_at_temperature_0_it_is_gradient_descent(build):
    begin = starts(4, 3)
    found = Problem(begin, energy_of=quadratic).run(build("langevin", lr=0.1, temperature=0.0), 7)
    torch.testing.assert_close(found, begin * (1 - 0.1 * CURVATURES) ** 7)


def test_the_temperature_falls_by_half_in_each_half_life(build):
    flat = Problem(torch.zeros(20_000, 1, dtype=torch.float64), energy_of=lambda rows: 0 * rows.sum(dim=1))
    variance = flat.run(build("langevin", lr=0.5, temperature=1.0, half_life=3), 12).var().item()
    assert variance == pytest.approx(sum(2 * 0.5 * 0.5 ** (step / 3) for step in range(12)), rel=0.03)


def test_annealed_it_leaves_a_shallow_minimum_that_gradient_descent_stays_in(build):
    def two_wells(rows):
        return ((rows**2 - 1) ** 2 + 0.5 * rows).sum(dim=1)

    begin = torch.full((300, 1), 0.9, dtype=torch.float64)
    cold = Problem(begin, energy_of=two_wells).run(build("langevin", lr=0.05, temperature=0.0), 500)
    warm = Problem(begin, energy_of=two_wells).run(build("langevin", lr=0.05, temperature=1.0, half_life=100), 500)
    assert (cold > 0).all()
    assert (warm < 0).double().mean() > 0.8


def test_the_rate_scales_the_noise_with_the_gradient(build):
    flat = Problem(torch.zeros(20_000, 1, dtype=torch.float64), energy_of=lambda rows: 0 * rows.sum(dim=1))
    found = flat.run(build("langevin", lr=0.5, temperature=1.0, half_life=0), 1, rate=4.0)
    assert found.var().item() == pytest.approx(4.0, rel=0.03)


def test_an_image_takes_its_path_whatever_it_is_computed_with(build):
    begin, image = starts(6), torch.tensor([3, 14, 15, 92, 65, 35])
    optimizer = build("langevin", lr=0.001, temperature=1.0)

    def run(rows, seed=0):
        problem = Problem(begin[rows], residuals=lambda x: x.cos(), image=image[rows], seed=seed)
        return problem.run(optimizer, 20)

    everything = torch.arange(6)
    torch.testing.assert_close(run(everything.flip(0)).flip(0), run(everything))
    torch.testing.assert_close(run(everything[2:3]), run(everything)[2:3])
    assert (run(everything, seed=1) != run(everything)).all()


def test_a_run_is_the_same_in_every_batch_size(build, manager):
    images = np.random.default_rng(0).integers(0, 255, (6, 1, 28, 28)).astype(np.uint8)
    distance, schedule = (manager.select(*spec).build() for spec in (("distance", "mse"), ("schedule", "exhaustive")))
    cgan = prepare(load_cgan(), torch.device("cpu"))
    components = Components(cgan, distance, build("langevin", lr=0.5, temperature=0.01), schedule)
    results = [
        concatenate(list(invert(components, images, np.arange(6), Settings(5, seed=3), size))) for size in (1, 20, 1000)
    ]
    for other in results[1:]:
        np.testing.assert_allclose(other.noise, results[0].noise, atol=1e-4)
        assert (other.prediction == results[0].prediction).all()


def test_a_row_that_is_not_finite_leaves_the_others_alone(build):
    begin, optimizer = starts(4), build("langevin", lr=0.01)
    factor = torch.tensor([1, torch.nan, 1, 1], dtype=torch.float64)[:, None]
    broken = Problem(begin, residuals=lambda rows: rows * factor).run(optimizer, 10)
    sound = Problem(begin, residuals=lambda rows: rows).run(optimizer, 10)
    torch.testing.assert_close(broken[[0, 2, 3]], sound[[0, 2, 3]])
