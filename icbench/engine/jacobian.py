"""Jacobians and curvatures of energies, row by row, by reverse differentiation alone."""

from collections.abc import Sequence

import torch
from torch import Tensor

from icbench.kinds.optimizer import Linearisation


def linearise(energy: Tensor, residuals: Tensor, prior: Tensor | None, latents: Sequence[Tensor]) -> Linearisation:
    """The energies to second order in the latents, whose D columns it takes one by one for all rows together.

    A vector pulled back through the residuals is `jacobian.T @ vector`, which is linear in the vector, so that its own
    derivative is the Jacobian. Every layer that a gradient can be taken through twice will do; forward-mode products,
    which layers with kernels of their own often lack, are not needed.

    Args:
        energy: (N,).
        residuals: (N, R), of the latents.
        prior: (N,), of the latents, or None.
        latents: tensors (N, ...) that take gradients, D numbers a row together.
    """
    vector = torch.zeros_like(residuals, requires_grad=True)
    jacobian = _columns(_derivative(residuals, latents, vector), [vector])
    slope = jacobian.new_zeros(jacobian[:, 0].shape) if prior is None else _derivative(prior, latents)
    return Linearisation(energy.detach(), residuals.detach(), jacobian, slope.detach(), _columns(slope, latents))


def _derivative(values: Tensor, inputs: Sequence[Tensor], weights: Tensor | None = None) -> Tensor:
    """Each row's weighted sum of values, derived by its inputs: (N, D), differentiable; 0 where it has none of them."""
    weights = torch.ones_like(values) if weights is None else weights
    if not values.requires_grad:
        return torch.cat([torch.zeros_like(tensor) for tensor in inputs], dim=1)
    parts = torch.autograd.grad(values, inputs, weights, create_graph=True, allow_unused=True, materialize_grads=True)
    return torch.cat([part.flatten(1) for part in parts], dim=1)


def _columns(values: Tensor, inputs: Sequence[Tensor]) -> Tensor:
    """Each column of values (N, D), derived by each row's inputs: (N, size of the inputs, D)."""
    columns = [_derivative(values[:, column], inputs) for column in range(values.shape[1])]
    return torch.stack([column.detach() for column in columns], dim=2)
