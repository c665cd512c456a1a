"""The optimizers made of torch's: the switches of Adam."""

import numpy as np
import pytest
import torch

from icbench.errors import UsageError
from icbench.plugins.manager import PluginManager

GRADIENTS = np.array([[1.0, -2.0, 0.0], [0.5, 3.0, 0.0], [-1.0, 0.1, 2.0]])


def moved(spec):
    """Where Adam takes three numbers from 0 along fixed gradients."""
    latent = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    optimizer = PluginManager().select("optimizer", spec).build().over(latent, torch.zeros(1, 0))
    for gradient in GRADIENTS:
        latent.grad = torch.from_numpy(gradient[None]).clone()
        optimizer.step()
    return latent.detach().numpy()[0]


def reference(correct, epsilon, lr=0.05, beta1=0.9, beta2=0.99):
    """Algorithm 1 of Kingma and Ba (2015), with or without its lines on bias."""
    position, mean, square = np.zeros(3), np.zeros(3), np.zeros(3)
    for number, gradient in enumerate(GRADIENTS, 1):
        mean = beta1 * mean + (1 - beta1) * gradient
        square = beta2 * square + (1 - beta2) * gradient**2
        first = mean / (1 - beta1**number) if correct else mean
        second = square / (1 - beta2**number) if correct else square
        with np.errstate(invalid="ignore"):
            position -= lr * np.nan_to_num(first / (np.sqrt(second) + epsilon))
    return position


def test_adam_is_the_published_algorithm():
    np.testing.assert_allclose(moved("adam"), reference(True, 1e-8), rtol=1e-6)


def test_without_bias_correction_its_means_are_taken_as_they_are():
    np.testing.assert_allclose(moved("adam:bias_correction=false"), reference(False, 1e-8), rtol=1e-6)


def test_without_epsilon_a_latent_that_never_had_a_gradient_stays():
    found = moved("adam:bias_correction=false,epsilon=0")
    np.testing.assert_allclose(found, reference(False, 0), rtol=1e-6)
    assert np.isfinite(found).all()


def test_zero_by_zero_is_refused():
    with pytest.raises(UsageError, match="divides zero by zero"):
        PluginManager().select("optimizer", "adam:epsilon=0").build()


def test_the_default_is_the_adam_of_torch_itself():
    optimizer = PluginManager().select("optimizer", "adam").build()
    built = optimizer.over(torch.zeros(1, 1, requires_grad=True), torch.zeros(1, 0))
    assert type(built) is torch.optim.Adam
    assert built.defaults["eps"] == 1e-8


def test_the_first_step_without_correction_is_the_one_that_the_betas_give():
    latent = torch.zeros(1, 1, requires_grad=True)
    optimizer = PluginManager().select("optimizer", "adam:bias_correction=false,epsilon=0").build()
    built = optimizer.over(latent, torch.zeros(1, 0))
    latent.grad = torch.full((1, 1), 7.0)
    built.step()
    assert latent.item() == np.float32(-0.05 * 0.1 / np.sqrt(0.01))
