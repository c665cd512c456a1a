"""Affine maps with kernels of their own, against the matrix that they stand for."""

from functools import partial

import pytest
import torch
from torch.func import jacfwd, jacrev, vmap

from icbench.compute.affine import AffineMap

MATRIX = torch.tensor([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]])
SUMMAND = torch.tensor([0.25, -4.0])


def opaque(matrix, summand, rows):
    """rows (N, I) times matrix (O, I), by something that torch cannot derive."""
    made = torch.from_numpy(rows.detach().numpy() @ matrix.numpy().T)
    return made if summand is None else made + summand


def affine(rows):
    there = partial(opaque, MATRIX, SUMMAND)
    return AffineMap.apply(rows, there, partial(opaque, MATRIX.T, None), partial(opaque, MATRIX, None))


@pytest.fixture
def rows():
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def test_it_maps_rows(rows):
    torch.testing.assert_close(affine(rows), rows @ MATRIX.T + SUMMAND)


def test_it_derives_as_often_as_asked(rows):
    """Of the cube of an affine map the third derivative is the last that is not 0."""
    rows.requires_grad_()
    values, expected = affine(rows).pow(3).sum(), (rows @ MATRIX.T + SUMMAND).pow(3).sum()
    for _ in range(3):
        [values] = torch.autograd.grad(values, rows, create_graph=True)
        [expected] = torch.autograd.grad(expected, rows, create_graph=True)
        torch.testing.assert_close(values, expected)
        values, expected = values.square().sum(), expected.square().sum()


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:FutureWarning")  # by torch itself, when it first goes forward
@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_torch_func_takes_it_forward_and_backward(rows, jacobian):
    found = jacobian(lambda row: affine(row[None])[0])(rows[0])
    torch.testing.assert_close(found, MATRIX)


def test_it_is_mapped_over_any_dimension(rows):
    stacked = torch.stack([rows, 2 * rows], dim=1)
    torch.testing.assert_close(vmap(affine, in_dims=1)(stacked), torch.stack([affine(rows), affine(2 * rows)]))
