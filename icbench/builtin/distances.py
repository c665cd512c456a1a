"""The mean squared error between pixels."""

from math import sqrt

from torch import Tensor
from torch.nn import functional

from icbench.kinds.distance import Features, LeastSquares


class MSE(LeastSquares):
    """Mean over pixels of the squared difference (Hobbhahn 2020)."""

    def compare(self, reconstruction: Tensor, features: Features) -> Tensor:
        assert isinstance(features, Tensor)
        # A sum divided is a mean whose gradient takes a pass less over the pixels.
        errors = functional.mse_loss(reconstruction, features, reduction="none").flatten(1)
        return errors.sum(dim=1) / errors.shape[1]

    def residuals(self, reconstruction: Tensor, features: Features) -> Tensor:
        assert isinstance(features, Tensor)
        difference = (reconstruction - features).flatten(1)
        return difference * sqrt(2 / difference.shape[1])
