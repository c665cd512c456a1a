"""The fast form of a sub-pixel convolution against the plain one."""

import pytest
import torch
from torch import nn

from icbench.builtin.generators.maps import BlockedSubPixels, DoubledPixels, SubPixels


def convolution(channels, kind=torch.float32):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Conv2d(channels, 4, 3, padding=1, dtype=kind).requires_grad_(False)


@pytest.mark.parametrize(("channels", "height", "width"), [(16, 14, 14), (3, 2, 6), (1, 8, 2)])
def test_images_and_gradients_are_those_of_the_plain_convolution(channels, height, width):
    plain = nn.Sequential(convolution(channels), nn.PixelShuffle(2))
    maps = torch.randn(5, channels, height, width, requires_grad=True)
    expected, found = plain(maps), BlockedSubPixels(convolution(channels))(maps)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    weights = torch.randn_like(expected)
    [of_plain] = torch.autograd.grad(expected, maps, weights)
    [of_blocks] = torch.autograd.grad(found, maps, weights)
    torch.testing.assert_close(of_blocks, of_plain, atol=1e-5, rtol=1e-5)


def test_it_derives_twice_as_a_linearisation_needs():
    blocked = BlockedSubPixels(convolution(2, torch.float64))
    maps = torch.randn(2, 2, 4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(blocked, maps)
    assert torch.autograd.gradgradcheck(blocked, maps)


def test_its_bias_has_no_part_in_a_second_derivative():
    """The adjoint's adjoint is the linear part: with the bias in it, a Jacobian's columns would all be shifted."""
    layer = convolution(2)
    layer.bias.fill_(100.0)
    blocked, maps = BlockedSubPixels(layer), torch.zeros(1, 2, 2, 2, requires_grad=True)
    vector = torch.zeros(1, 1, 4, 4, requires_grad=True)
    [pulled] = torch.autograd.grad(blocked(maps), maps, vector, create_graph=True)
    [pushed] = torch.autograd.grad(pulled, vector, torch.zeros_like(maps))
    assert pushed.abs().max() == 0


def test_doubled_pixels_are_the_pixel_shuffle():
    maps = torch.randn(2, 4, 3, 5)
    assert torch.equal(DoubledPixels()(maps), nn.functional.pixel_shuffle(maps, 2))


def test_maps_in_bfloat16_give_float32_images_and_gradients_of_their_own_precision():
    plain = SubPixels(16).requires_grad_(False)
    maps = torch.randn(3, 16, 14, 14).bfloat16().requires_grad_()
    expected, found = plain(maps), plain.to_blocks(*maps.shape[2:])(maps)
    assert found.dtype is torch.float32
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    weights = torch.randn_like(expected)
    [of_plain] = torch.autograd.grad(expected, maps, weights)
    [of_blocks] = torch.autograd.grad(found, maps, weights)
    assert of_blocks.dtype is torch.bfloat16
    # Some dozen products of factors that are each rounded to eight binary digits.
    torch.testing.assert_close(of_blocks, of_plain, atol=0.02, rtol=0.01)


def test_the_gradient_lies_as_the_maps_do():
    """Channels last, so that the layer in front of them takes it without a copy."""
    maps = torch.randn(2, 8, 4, 4, requires_grad=True)
    [gradient] = torch.autograd.grad(SubPixels(8).to_blocks(*maps.shape[2:])(maps).sum(), maps)
    assert gradient.is_contiguous(memory_format=torch.channels_last)
