"""What holds of every distance here, beyond what the conformance kit asks."""

import subprocess
import sys

import pytest
import torch
from icbench.kinds.distance import LeastSquares

NAMES = [
    "l1",
    "huber",
    "bernoulli",
    "gradient",
    "blur",
    "imed",
    "tangent",
    "idm",
    "mse-idm",
    "ssim",
    "ms-ssim",
    "sliced-wasserstein",
]
SHAPES = [(1, 28, 28), (3, 32, 32), (2, 5, 9), (1, 2, 2), (1, 1, 1)]

every = pytest.mark.parametrize("name", NAMES)


def test_these_are_all_that_the_distribution_brings(manager):
    brought = [item.name for item in manager.components("distance") if item.dist == "icbench-distances"]
    assert sorted(brought) == sorted(NAMES)


def test_registering_imports_no_torch():
    code = (
        "import sys, icbench_distances; list(icbench_distances.icbench_distances()); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@every
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_number_of_channels_and_any_size_will_do(build, noise, name, shape):
    point = noise(3, *shape).requires_grad_()
    value = build(name)(point, noise(3, *shape, seed=1))
    (gradient,) = torch.autograd.grad(value.sum(), point)
    assert value.shape == (3,)
    assert value.isfinite().all()
    assert gradient.isfinite().all()


@every
def test_gradients_agree_with_finite_differences(build, noise, name):
    distance, target = build(name), noise(2, 1, 8, 7, seed=1)
    features = distance.features(target)
    point = (0.1 + 0.8 * noise(2, 1, 8, 7)).requires_grad_()
    assert torch.autograd.gradcheck(lambda image: distance.compare(image, features), point)


@every
def test_black_white_and_equal_images_give_finite_values_and_gradients(build, digits, name):
    images = torch.cat([torch.zeros_like(digits[:1]), torch.ones_like(digits[:1]), digits[:2]]).float()
    first, second = images.repeat_interleave(4, dim=0).requires_grad_(), images.repeat(4, 1, 1, 1)
    value = build(name)(first, second)
    (gradient,) = torch.autograd.grad(value.sum(), first)
    assert value.isfinite().all()
    assert gradient.isfinite().all()


@every
def test_equal_images_have_distance_zero_where_that_is_declared(build, manager, digits, name):
    declared = "zero-at-equality" in manager.select("distance", name).registered.component.traits
    zero = bool((build(name)(digits.float(), digits.float()).abs() < 1e-7).all())
    assert zero == declared
    assert declared == (name != "bernoulli")


@every
def test_descending_from_another_digit_comes_near_the_target(build, digits, name):
    distance, target = build(name), digits[:4].float()
    features = distance.features(target)
    image = digits[4:8].float().clamp(0.05, 0.95).logit().requires_grad_()
    optimizer = torch.optim.Adam([image], lr=0.1)
    values = []
    for _ in range(60):
        optimizer.zero_grad()
        value = distance.compare(image.sigmoid(), features)
        value.sum().backward()
        optimizer.step()
        values.append(value.detach())
    least = distance(target, target)
    assert (values[-1] - least < 0.35 * (values[0] - least)).all()


@every
def test_residuals_can_be_linearised(build, noise, name):
    distance = build(name)
    if not isinstance(distance, LeastSquares):
        pytest.skip("it has no residuals")
    target, image, direction = (noise(2, 1, 12, 12, seed=seed) for seed in range(3))
    features = distance.features(target)
    _, change = torch.autograd.functional.jvp(lambda point: distance.residuals(point, features), image, direction)
    expected = (
        distance.residuals(image + 1e-6 * direction, features) - distance.residuals(image - 1e-6 * direction, features)
    ) / 2e-6
    torch.testing.assert_close(change, expected, atol=1e-6, rtol=1e-5)
