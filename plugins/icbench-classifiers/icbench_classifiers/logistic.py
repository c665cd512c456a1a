"""Logistic regression: the best that a linear function of the pixels does."""

import torch
from icbench.kinds.classifier import Classifier
from torch import Tensor
from torch.nn import functional

STEPS = 1000
HISTORY = 10
GRADIENT = 1e-6
"""The largest element of the gradient at which the optimum is reached; on MNIST that takes some 300 steps."""


class LogisticRegression(Classifier):
    """Multinomial logistic regression on pixels (Bishop 2006, section 4.3.4), its coefficients held small.

    The least mean cross entropy plus penalty / 2 times the squared length of the coefficients (intercepts are free), by
    L-BFGS over all images (Liu & Nocedal 1989) from 0. The problem is convex and nothing is drawn: every seed gives the
    same classifier. The scores are logits.

    Args:
        penalty: weight of half the squared length of the coefficients.
    """

    def __init__(self, penalty: float = 1e-4) -> None:
        self.penalty = penalty

    def fit(self, images: Tensor, labels: Tensor, num_classes: int, seed: int) -> None:
        flat = images.flatten(1)
        weight = flat.new_zeros(num_classes, flat.shape[1]).requires_grad_()
        bias = flat.new_zeros(num_classes).requires_grad_()
        optimizer = torch.optim.LBFGS(
            [weight, bias],
            max_iter=STEPS,
            history_size=HISTORY,
            tolerance_grad=GRADIENT,
            line_search_fn="strong_wolfe",
        )

        def objective() -> Tensor:
            optimizer.zero_grad()
            loss = functional.cross_entropy(functional.linear(flat, weight, bias), labels)
            value = loss + self.penalty / 2 * weight.square().sum()
            value.backward()  # type: ignore[no-untyped-call]
            return value

        optimizer.step(objective)  # type: ignore[no-untyped-call]
        self.weight, self.bias = weight.detach(), bias.detach()

    def scores(self, images: Tensor) -> Tensor:
        return functional.linear(images.flatten(1), self.weight, self.bias)

    def parameters(self) -> int:
        return self.weight.numel() + self.bias.numel()
