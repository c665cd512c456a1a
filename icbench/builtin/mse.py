"""The mean squared error between pixels."""

from math import sqrt

from torch import Tensor

from icbench.kinds.distance import Features, LeastSquares


class MSE(LeastSquares):
    """Mean over pixels of the squared difference (Hobbhahn 2020)."""

    def compare(self, reconstruction: Tensor, features: Features) -> Tensor:
        assert isinstance(features, Tensor)
        # The same numbers as torch's own mse_loss, whose gradient takes two more passes over the pixels.
        return (reconstruction - features).flatten(1).square().mean(dim=1)

    def residuals(self, reconstruction: Tensor, features: Features) -> Tensor:
        assert isinstance(features, Tensor)
        difference = (reconstruction - features).flatten(1)
        return difference * sqrt(2 / difference.shape[1])
