"""Distances that look at every pixel alone."""

import torch.nn.functional as F  # noqa: N812
from icbench.kinds.distance import Distance, Features
from torch import Tensor


class L1(Distance):
    """Mean over pixels of the absolute difference."""

    def compare(self, reconstruction: Tensor, features: Features) -> Tensor:
        assert isinstance(features, Tensor)
        return (reconstruction - features).abs().flatten(1).mean(dim=1)


class Huber(Distance):
    """Mean over pixels of Huber's loss: squared up to `delta`, linear beyond (Huber 1964).

    Args:
        delta: the difference where the parabola d^2 / 2 goes over into the line delta * (|d| - delta / 2).
    """

    def __init__(self, delta: float = 0.2) -> None:
        self.delta = delta

    def compare(self, reconstruction: Tensor, features: Features) -> Tensor:
        assert isinstance(features, Tensor)
        return F.huber_loss(reconstruction, features, reduction="none", delta=self.delta).flatten(1).mean(dim=1)


class Bernoulli(Distance):
    """Mean over pixels of the cross entropy in nats, the reconstruction being the probability of a white pixel.

    This is the pixel likelihood of Kingma & Welling (2014, appendix C.1), seen through a channel that flips a pixel
    with probability `flip`: a reconstruction x stands for p = flip + (1 - 2 flip) x. So no pixel is ever impossible.
    Value and gradient are finite at 0 and 1 without a clamp, behind which a wrong saturated pixel would have no
    gradient. Between equal images it is not 0: a target has its own entropy.

    Args:
        flip: the channel's error probability.
    """

    def __init__(self, flip: float = 0.01) -> None:
        self.flip = flip

    def compare(self, reconstruction: Tensor, features: Features) -> Tensor:
        assert isinstance(features, Tensor)
        white = self.flip + (1 - 2 * self.flip) * reconstruction
        cross_entropy = features * white.log() + (1 - features) * (1 - white).log()
        return -cross_entropy.flatten(1).mean(dim=1)
