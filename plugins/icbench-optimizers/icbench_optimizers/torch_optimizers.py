"""Further optimizers of torch, through the adapter that takes any of its classes."""

import torch
from icbench.kinds.optimizer import Optimizer


def rmsprop(lr: float, alpha: float, momentum: float, centered: bool) -> Optimizer:
    """RMSprop (Hinton 2012, lecture 6e; centred as in Graves 2013)."""
    return Optimizer(torch.optim.RMSprop, lr, alpha=alpha, momentum=momentum, centered=centered)


def rprop(lr: float, shrink: float, grow: float, step_min: float, step_max: float) -> Optimizer:
    """Resilient backpropagation (Riedmiller and Braun 1993), made for gradients without sampling noise, as here.

    Each coordinate has a step length of its own, which starts at the rate of the latent's first step and then goes its
    own way: rates that a schedule changes later do not reach it.
    """
    return Optimizer(torch.optim.Rprop, lr, etas=(shrink, grow), step_sizes=(step_min, step_max))


def adamw(lr: float, beta1: float, beta2: float, weight_decay: float) -> Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019): a pull of the noise towards its mean, 0."""
    return Optimizer(torch.optim.AdamW, lr, betas=(beta1, beta2), weight_decay=weight_decay)
