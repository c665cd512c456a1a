"""What the training of the built-in conditional GAN asks of its encoder's codes."""

import torch
from torch import Tensor
from torch.nn import functional

from icbench.builtin.generators.cgan import CGAN
from icbench.builtin.generators.cgan_networks import on_sphere

SHARPNESS = 2.0
"""The t of Wang and Isola's kernel exp(-t |x - y|^2), which is their 2."""
REFINEMENTS, REACH = 3, 0.15
"""The steps of a refinement, and how long the first is for each direction."""
EPSILON = 1e-6


def measure_crowding(codes: Tensor, labels: Tensor) -> Tensor:
    """How far codes (B, D) of the same class crowd on their sphere; least where they are uniform on it.

    Equation 2 of Wang and Isola (2020), class by class. Up to a constant and the logarithm it is the maximum mean
    discrepancy to the uniform distribution, whose mean kernel is the same at every point.
    """
    unit = functional.normalize(codes, dim=1)
    pairs = (labels[:, None] == labels).triu(1)
    # For unit vectors, 2 x.y - 2 is -|x - y|^2.
    kernel = (SHARPNESS * (2 * unit @ unit.T - 2)).exp()
    mean = (kernel * pairs).sum() / pairs.sum().clamp_min(1)
    return (mean + EPSILON).log()


def refine_codes(generator: CGAN, class_vector: Tensor, codes: Tensor, images: Tensor) -> Tensor:
    """Codes (B, D) moved a few steps to where the generator is nearer the images (B, C, H, W), as an inversion does.

    The encoder's codes leave a quarter to a third more squared error than the best noise does. A generator that learns
    to make the images there learns them where no inversion ends (semi-amortized inference, Kim et al. 2018).
    """
    generator.requires_grad_(False)
    for number in range(REFINEMENTS):
        codes = codes.detach().requires_grad_(True)
        error = (generator.decode(class_vector, codes).float() - images).square().sum()
        (slope,) = torch.autograd.grad(error, codes)
        # Steps of a length of their own: errors, and with them slopes, differ much between images.
        size = slope.square().mean(dim=1, keepdim=True).sqrt().clamp_min(EPSILON)
        codes = on_sphere(codes.detach() - REACH * (1 - number / REFINEMENTS) * slope / size)
    generator.requires_grad_(True)
    return codes.detach()
