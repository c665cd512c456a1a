"""The mean squared error between pixels."""

from torch import Tensor

from icbench.kinds.distance import Distance, Features


class MSE(Distance):
    """Mean over pixels of the squared difference (Hobbhahn 2020)."""

    def compare(self, reconstruction: Tensor, features: Features) -> Tensor:
        assert isinstance(features, Tensor)
        return (reconstruction - features).square().flatten(1).mean(dim=1)
