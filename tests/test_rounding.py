"""Weights that are rounded once, against what autocast makes of them."""

import pytest
import torch
from torch import nn

from icbench.rounding import RoundedLinear, rounded


@pytest.fixture
def layers() -> tuple[RoundedLinear, nn.Linear]:
    """A layer and torch's own, with the same frozen weights."""
    ours, torchs = RoundedLinear(7, 5), nn.Linear(7, 5)
    torchs.load_state_dict(ours.state_dict())
    return ours.requires_grad_(False), torchs.requires_grad_(False)


@pytest.mark.parametrize("enabled", [True, False])
def test_it_gives_what_autocast_gives(layers, enabled):
    features = torch.randn(3, 7)
    with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        for _ in range(2):
            ours, torchs = (layer(features) for layer in layers)
            assert ours.dtype is torchs.dtype
            assert torch.equal(ours, torchs)


def test_frozen_weights_are_rounded_once(layers):
    with torch.autocast("cpu", torch.bfloat16):
        assert rounded(layers[0].weight) is rounded(layers[0].weight)
    with torch.autocast("cpu", torch.float16):
        assert rounded(layers[0].weight).dtype is torch.float16


@pytest.mark.parametrize("change", ["in place", "by another tensor"])
def test_weights_that_change_are_rounded_again(layers, change):
    weight = layers[0].weight
    with torch.autocast("cpu", torch.bfloat16):
        rounded(weight)
        if change == "in place":
            weight.add_(1)
        else:
            weight.data = weight.data + 1
        assert torch.equal(rounded(weight), weight.bfloat16())


def test_in_training_the_weights_get_their_gradients():
    layer = RoundedLinear(7, 5)
    with torch.autocast("cpu", torch.bfloat16):
        layer(torch.randn(3, 7)).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.abs().sum() > 0
