"""L-BFGS row by row: against scipy where there is a number to compare, and by what each row is promised."""

import numpy as np
import pytest
import torch
from problems import Problem, rosenbrock, starts
from scipy import optimize

from icbench_optimizers.lbfgs import _lowest

SCALES = torch.logspace(0, 3, 8, dtype=torch.float64)


def ill_conditioned(rows):
    """A quadratic whose curvatures are from 1 to 1000."""
    return (SCALES * rows.square()).sum(dim=1) / 2


def test_every_row_finds_the_minimum_of_rosenbrocks_valley_as_scipy_does(build):
    begin = starts(20)
    found = Problem(begin, residuals=rosenbrock).run(build("lbfgs", lr=1.0), 150)
    for row, end in zip(begin.numpy(), found.numpy(), strict=True):
        oracle = optimize.minimize(lambda x: optimize.rosen(x) / 2, row, method="L-BFGS-B", jac="3-point")
        np.testing.assert_allclose(end, oracle.x, atol=1e-3)
        np.testing.assert_allclose(end, [1, 1], atol=1e-6)


def test_it_takes_about_as_many_evaluations_as_scipy(build):
    begin, counts = starts(20), []
    for row in begin.numpy():
        oracle = optimize.minimize(
            lambda x: optimize.rosen(x) / 2, row, method="L-BFGS-B", jac=lambda x: optimize.rosen_der(x) / 2
        )
        counts.append(oracle.nfev)
    problem = Problem(begin, residuals=rosenbrock)
    problem.run(build("lbfgs", lr=1.0), 2 * max(counts))
    needed = torch.stack(problem.energies).gt(1e-5).sum(dim=0).double()
    assert needed.mean() < 1.5 * np.mean(counts)


def test_an_ill_conditioned_quadratic_is_solved_where_gradient_descent_crawls(build):
    begin = starts(5, 8)
    assert (ill_conditioned(Problem(begin, energy_of=ill_conditioned).run(build("lbfgs", lr=5.0), 60)) < 1e-6).all()
    crawling = begin * (1 - SCALES / 1000) ** 60
    assert (ill_conditioned(crawling) > 0.01).all()


def test_a_step_is_one_evaluation_whatever_the_rows_do(build):
    problem = Problem(starts(20), residuals=rosenbrock)
    problem.run(build("lbfgs"), 25)
    assert problem.calls == ["gradient"] * 25


def test_no_row_is_ever_left_higher_than_it_was(build):
    problem = Problem(starts(20), residuals=rosenbrock)
    problem.run(build("lbfgs", lr=3.0), 80)
    energies = torch.stack(problem.energies)
    assert (energies[1:] <= energies[:-1]).all()
    assert (energies[1:] == energies[:-1]).any(dim=0).all(), "every row backtracks somewhere"


def test_the_first_step_is_down_the_gradient_and_as_long_as_the_rate(build):
    begin = torch.tensor([[3.0, 4.0], [-8.0, 6.0]], dtype=torch.float64)
    problem = Problem(begin, energy_of=lambda rows: rows.square().sum(dim=1) / 2)
    moved = problem.run(build("lbfgs", lr=0.25), 2, rate=2.0) - begin
    torch.testing.assert_close(moved, -0.5 * begin / begin.norm(dim=1, keepdim=True))


def test_no_step_is_longer_than_the_rate(build):
    places = [Problem(starts(10), residuals=rosenbrock).run(build("lbfgs", lr=0.1), steps) for steps in range(20)]
    lengths = (torch.stack(places[1:]) - torch.stack(places[:-1])).norm(dim=2)
    assert lengths.max() < 0.1 + 1e-9


def test_a_row_alone_and_in_any_batch_goes_the_same_way(build):
    begin, order = starts(12), torch.randperm(12, generator=torch.Generator().manual_seed(1))
    together = Problem(begin, residuals=rosenbrock).run(build("lbfgs"), 40)
    permuted = Problem(begin[order], residuals=rosenbrock).run(build("lbfgs"), 40)
    torch.testing.assert_close(permuted, together[order])
    for row in (0, 7):
        alone = Problem(begin[row : row + 1], residuals=rosenbrock).run(build("lbfgs"), 40)
        torch.testing.assert_close(alone[0], together[row])


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_row_that_is_not_finite_stays_and_leaves_the_others_alone(build, bad):
    begin = starts(4)
    factor = torch.tensor([1, bad, 1, 1], dtype=torch.float64)[:, None]
    broken = Problem(begin, residuals=lambda rows: rosenbrock(rows) * factor).run(build("lbfgs"), 30)
    sound = Problem(begin, residuals=rosenbrock).run(build("lbfgs"), 30)
    torch.testing.assert_close(broken[[0, 2, 3]], sound[[0, 2, 3]])
    assert torch.equal(broken[1], begin[1])


def test_a_wall_too_steep_for_a_quadratic_model_is_got_away_from(build):

    def wall(rows):
        return (rows[:, 0] ** 2 + 1e-3 * rows[:, 1] ** 2) / 2 + torch.exp(30 * (rows[:, 0] - 1))

    begin = torch.tensor([[0.99, 2.0], [-1.0, -2.0], [1.3, 0.0]], dtype=torch.float64)
    problem = Problem(begin, energy_of=wall)
    problem.run(build("lbfgs", lr=1.0), 60)
    assert (problem.energies[-1] < 1e-6).all()


def test_a_row_that_others_move_is_searched_from_its_new_place(build):
    problem = Problem(starts(3), residuals=rosenbrock)
    moved = []

    class Moved(type(problem)):
        def __call__(self):
            energy = super().__call__()
            moved.append(self.rows.detach().clone())
            return energy

    problem = Moved(starts(3), residuals=rosenbrock)
    optimizer = build("lbfgs", lr=1.0)
    problem.rows = problem.start.clone().requires_grad_()
    built = optimizer.over(torch.zeros(3, 2, dtype=torch.float64), problem.rows)
    for step in range(120):
        if step == 10:
            with torch.no_grad():
                problem.rows[1] = torch.tensor([-1.5, 1.5])
        built.step(problem)
    assert moved[10][1].tolist() == [-1.5, 1.5]
    torch.testing.assert_close(problem.rows.detach(), torch.ones(3, 2, dtype=torch.float64), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["lbfgs", "levenberg-marquardt"])
def test_class_vectors_find_the_nearest_point_of_the_simplex(build, name):
    """Inside the simplex, on its edges and at its corners; scipy knows the constraint, the optimizer does not."""
    goals = starts(20, 4, seed=3)
    goals[:5] = goals[:5].softmax(dim=1)
    weights = torch.tensor([1.0, 3.0, 0.5, 2.0], dtype=torch.float64)
    problem = Problem(torch.full_like(goals, 0.25), residuals=lambda rows: (rows - goals) * weights, simplex=True)
    found = problem.run(build(name), 60)
    for row, goal in zip(found.numpy(), goals.numpy(), strict=True):
        oracle = optimize.minimize(
            lambda x, goal=goal: (((x - goal) * weights.numpy()) ** 2).sum() / 2,
            np.full(4, 0.25),
            method="SLSQP",
            bounds=[(0, 1)] * 4,
            constraints={"type": "eq", "fun": lambda x: x.sum() - 1},
            options={"ftol": 1e-12},
        )
        np.testing.assert_allclose(row, oracle.x, atol=0.01)


def test_a_latent_that_begins_to_move_starts_a_new_history(build):
    latents = starts(3), starts(3, seed=1)
    built = build("lbfgs", lr=1.0).over(*latents)

    def closure():
        with torch.enable_grad():
            energy = sum(latent.square().sum(dim=1) * scale for latent, scale in zip(latents, (1, 50), strict=True))
            for latent in latents:
                if latent.requires_grad:
                    latent.grad = torch.autograd.grad(energy.sum(), latent, retain_graph=True)[0]
        return energy.detach()

    latents[0].requires_grad_()
    for step in range(40):
        if step == 10:
            assert torch.equal(latents[1], starts(3, seed=1))
            latents[1].requires_grad_()
        built.step(closure)
    assert latents[1].detach().abs().max() < 1e-4


def test_the_lowest_point_of_a_parabola():
    # f(x) = -x + 2 x^2 rises by 1 from 0 to 1 and is lowest at 1/4.
    assert _lowest(torch.tensor([-1.0]), torch.tensor([1.0])).item() == 0.25
    assert _lowest(torch.tensor([-1.0, 0.0]), torch.tensor([torch.inf, torch.nan])).tolist() == [0, 0]
