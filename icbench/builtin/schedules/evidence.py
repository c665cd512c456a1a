"""The schedule that weighs classes by Laplace's approximation of their evidence."""

from typing import Any

import torch
from torch import Tensor

from icbench.builtin.schedules.exhaustive import Halving
from icbench.kinds.optimizer import Linearisation

RIDGE = 1e-12
"""Added to the diagonal of a curvature."""


class Evidence(Halving):
    """`Exhaustive`, or `Halving`, with Laplace's approximation of the evidence: a class pays for what else it explains.

    The energy E is T times the negative logarithm of likelihood and prior, where T is the squared error's temperature,
    twice the pixels' variance divided by their number. Integrating exp(-E / T) over the noise around the minimum gives,
    times T and up to constants, E + T log det(H) / 2 with the curvature H of E there (MacKay 1992; Gauss-Newton for the
    distance). The weight of the prior fixes T: it is prior_weight / Z.

    Args:
        weight: factor on the term with the determinant; 1 is Laplace's, 0 is `Exhaustive`.
        at, keep: those of `Halving`, by default nothing: the determinant is the dearest part of an inversion, and only
            hypotheses that are left at the end need it.
        options: those of `Exhaustive`.
    """

    linearises = True

    def __init__(self, weight: float = 1.0, at: str = "", keep: str = "", **options: Any) -> None:
        super().__init__(at, keep, **options)
        self.weight = weight

    def laplace_correction(self, linearisation: Linearisation) -> Tensor:
        # In double, in which the ridge is more than rounding.
        curvature = linearisation.curvature.double()
        size = curvature.shape[1]
        # A curvature that rounding has made singular still has a determinant then.
        ridge = RIDGE * torch.eye(size, dtype=torch.float64, device=curvature.device)
        temperature = self.prior_weight / max(size, 1)
        return (self.weight * temperature / 2 * torch.logdet(curvature + ridge)).float()
