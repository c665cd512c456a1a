"""Optimizers of torch, through the adapter that takes any of its classes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from icbench.errors import UsageError
from icbench.kinds.optimizer import Optimizer


def adam(lr: float, beta1: float, beta2: float, epsilon: float = 1e-8, bias_correction: bool = True) -> Optimizer:
    """Adam (Kingma and Ba 2015), by default with the betas of Hobbhahn (2020).

    Args:
        lr: the learning rate.
        beta1, beta2: decay of the means of the gradient and of its square.
        epsilon: what is added to the root of the latter.
        bias_correction: divide the means by the weight that they have gathered (section 3). Without it step t is
            (1 - beta1^t) / sqrt(1 - beta2^t) times as long, with the post's betas up to 2.1 times, at the twelfth.

    Raises:
        UsageError: torch's Adam would divide zero by zero.
    """
    if bias_correction and epsilon == 0:
        raise UsageError(
            "adam: epsilon=0 divides zero by zero where a latent has no gradient",
            "Say bias_correction=false as well, as the post's Adam has it, or a small epsilon.",
        )
    if bias_correction:
        return Optimizer(torch.optim.Adam, lr, betas=(beta1, beta2), eps=epsilon)
    return Optimizer(UncorrectedAdam, lr, betas=(beta1, beta2), eps=epsilon)


class UncorrectedAdam(torch.optim.Optimizer):
    """Adam whose moving means begin at zero and are taken as they are. Where there was no gradient yet, nothing moves.

    Args:
        params: as for any optimizer of torch.
        lr, betas, eps: as for `torch.optim.Adam`.
    """

    def __init__(self, params: ParamsT, lr: float, betas: tuple[float, float], eps: float) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = closure() if closure else None
        for group in self.param_groups:
            for latent in group["params"]:
                if latent.grad is not None:
                    self._move(latent, **group)
        return loss

    def _move(self, latent: Tensor, lr: float, betas: tuple[float, float], eps: float, **_: Any) -> None:
        state, gradient = self.state[latent], latent.grad
        assert gradient is not None
        if not state:
            state["mean"], state["square"] = torch.zeros_like(latent), torch.zeros_like(latent)
        state["mean"].lerp_(gradient, 1 - betas[0])
        state["square"].mul_(betas[1]).addcmul_(gradient, gradient, value=1 - betas[1])
        step = state["mean"] / (state["square"].sqrt() + eps)
        latent.sub_(step.masked_fill_(state["square"] == 0, 0), alpha=lr)


def sgd(lr: float, momentum: float) -> Optimizer:
    """Stochastic gradient descent with momentum; without stochasticity here, as every step sees its whole image."""
    return Optimizer(torch.optim.SGD, lr, momentum=momentum)
