"""Levenberg-Marquardt row by row: exact where it must be, safe where the system is singular."""

import numpy as np
import pytest
import torch
from icbench.cli.main import main
from problems import Problem, rosenbrock, starts
from scipy import optimize

from icbench_optimizers.levenberg_marquardt import solve

PLAIN = """
from icbench import Component, hookimpl
from icbench.kinds.distance import Distance


class Plain(Distance):
    def compare(self, reconstruction, features):
        return (reconstruction - features).abs().flatten(1).mean(dim=1)


@hookimpl
def icbench_distances():
    yield Component("plain", "plain:Plain", "no residuals")
"""


def matrices(count, rows, columns):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, rows, columns, dtype=torch.float64, generator=generator)


def linear(matrix, right):
    return lambda rows: (matrix @ rows[:, :, None])[:, :, 0] - right


def test_linear_least_squares_is_solved_in_one_step(build):
    matrix, right = matrices(6, 9, 4), matrices(6, 9, 1)[:, :, 0]
    found = Problem(starts(6, 4), residuals=linear(matrix, right)).run(build("levenberg-marquardt", lr=1e9), 1)
    oracle = [np.linalg.lstsq(a, b, rcond=None)[0] for a, b in zip(matrix.numpy(), right.numpy(), strict=True)]
    np.testing.assert_allclose(found.numpy(), np.stack(oracle), atol=1e-6)


def test_a_quadratic_prior_is_solved_with_it_in_one_step(build):
    matrix, right = matrices(6, 9, 4), matrices(6, 9, 1)[:, :, 0]
    held = Problem(starts(6, 4), residuals=linear(matrix, right), prior=lambda rows: rows.square().sum(dim=1) * 1.5)
    found = held.run(build("levenberg-marquardt", lr=1e9), 1)
    oracle = torch.linalg.solve(matrix.mT @ matrix + 3 * torch.eye(4), matrix.mT @ right[:, :, None])[:, :, 0]
    torch.testing.assert_close(found, oracle, atol=1e-6, rtol=0)


def test_every_row_finds_the_minimum_of_rosenbrocks_valley_as_scipy_does(build):
    begin = starts(20)
    found = Problem(begin, residuals=rosenbrock).run(build("levenberg-marquardt"), 30)
    for row, end in zip(begin, found.numpy(), strict=True):
        oracle = optimize.least_squares(lambda x: rosenbrock(torch.from_numpy(x[None]))[0].numpy(), row, method="lm")
        np.testing.assert_allclose(end, oracle.x, atol=1e-5)


def test_the_first_step_at_a_high_damping_is_down_the_gradient(build):
    begin = starts(3)
    problem = Problem(begin, residuals=lambda rows: rows)
    moved = problem.run(build("levenberg-marquardt", lr=1e-6, trials=1), 1, rate=2.0) - begin
    # The first trial divides the damping, 1 / (2 lr), by the factor, 5.
    torch.testing.assert_close(moved, -5 * 2e-6 * begin, rtol=1e-4, atol=0)


@pytest.mark.parametrize("trials", [1, 4])
def test_a_step_is_one_jacobian_and_a_fixed_number_of_trials(build, trials):
    problem = Problem(starts(20), residuals=rosenbrock)
    problem.run(build("levenberg-marquardt", trials=trials), 5)
    assert problem.calls == 5 * ["jacobian", *trials * ["energy"]]


@pytest.mark.parametrize("lr", [1e-3, 1.0, 1e6])
def test_no_row_is_ever_left_higher_than_it_was(build, lr):
    problem = Problem(starts(20), residuals=lambda rows: torch.sin(3 * rosenbrock(rows)))
    problem.run(build("levenberg-marquardt", lr=lr), 15)
    energies = torch.stack(problem.energies)
    assert (energies[1:] <= energies[:-1]).all()


def test_a_row_alone_and_in_any_batch_goes_the_same_way(build):
    begin, order = starts(12), torch.randperm(12, generator=torch.Generator().manual_seed(1))
    run = build("levenberg-marquardt")
    together = Problem(begin, residuals=rosenbrock).run(run, 6)
    torch.testing.assert_close(Problem(begin[order], residuals=rosenbrock).run(run, 6), together[order])
    torch.testing.assert_close(Problem(begin[7:8], residuals=rosenbrock).run(run, 6)[0], together[7])


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_row_that_is_not_finite_stays_and_leaves_the_others_alone(build, bad):
    begin = starts(4)
    factor = torch.tensor([1, bad, 1, 1], dtype=torch.float64)[:, None]
    broken = Problem(begin, residuals=lambda rows: rosenbrock(rows) * factor).run(build("levenberg-marquardt"), 6)
    sound = Problem(begin, residuals=rosenbrock).run(build("levenberg-marquardt"), 6)
    torch.testing.assert_close(broken[[0, 2, 3]], sound[[0, 2, 3]])
    assert torch.equal(broken[1], begin[1])


@pytest.mark.parametrize("lr", [1.0, 1e12])
def test_a_singular_jacobian_is_survived(build, lr):
    """Two coordinates that do the same, and one that does nothing."""

    def residuals(rows):
        return torch.stack([rows[:, 0] + rows[:, 1] - 3, 2 * (rows[:, 0] + rows[:, 1])], dim=1)

    problem = Problem(starts(5, 3), residuals=residuals)
    found = problem.run(build("levenberg-marquardt", lr=lr), 20)
    torch.testing.assert_close(found[:, 0] + found[:, 1], torch.full((5,), 0.6, dtype=torch.float64), atol=1e-3, rtol=0)
    torch.testing.assert_close(found[:, 2], starts(5, 3)[:, 2])


def test_a_prior_that_curves_down_is_survived(build):
    """Near its top the damped system has no Cholesky factor until the damping has risen."""
    problem = Problem(
        starts(8) * 0.01 + 0.01, residuals=lambda rows: 0.1 * rows, prior=lambda rows: torch.cos(rows).sum(dim=1)
    )
    problem.run(build("levenberg-marquardt", lr=1e3), 40)
    # From 2 at the top, into one valley or another.
    assert (problem.energies[-1] < -1.5).all()


def test_solving_a_row_that_cannot_be_solved_gives_zero_there_alone():
    right = torch.ones(3, 2)
    matrix = torch.stack([torch.eye(2) * 2, -torch.eye(2), torch.full((2, 2), torch.nan)])
    assert solve(matrix, right).tolist() == [[0.5, 0.5], [0, 0], [0, 0]]


def test_a_distance_without_residuals_is_refused_before_the_run(tmp_path, capsys):
    (tmp_path / "plain.py").write_text(PLAIN)
    options = ["--plugin-file", "plain.py", "--distance", "plain", "--limit", "3", "--device", "cpu"]
    with pytest.raises(SystemExit) as end:
        main(["run", "--optimizer", "levenberg-marquardt", *options, "--results", "results"])
    assert end.value.code == 2
    assert "levenberg-marquardt needs a distance with residuals, and plain has none" in capsys.readouterr().err
    assert not list((tmp_path / "results").glob("**/record.json"))
