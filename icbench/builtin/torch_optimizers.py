"""Optimizers of torch, through the adapter that takes any of its classes."""

import torch

from icbench.kinds.optimizer import Optimizer


def adam(lr: float, beta1: float, beta2: float) -> Optimizer:
    """Adam (Kingma and Ba 2015), by default with the settings of Hobbhahn (2020)."""
    return Optimizer(torch.optim.Adam, lr, betas=(beta1, beta2))


def sgd(lr: float, momentum: float) -> Optimizer:
    """Stochastic gradient descent with momentum; without stochasticity here, as every step sees its whole image."""
    return Optimizer(torch.optim.SGD, lr, momentum=momentum)
