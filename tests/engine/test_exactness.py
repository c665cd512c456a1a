"""The engine finds what a plain loop finds that was written from the description, in float32 and without any reuse."""

from pathlib import Path

import numpy as np
import pytest
import torch
from peers import posts_loop, todays_loop

from icbench.builtin.datasets.mnist import MNIST
from icbench.builtin.generators.cgan import load_cgan
from icbench.compute.probe import speeds
from icbench.engine.decode import as_target
from icbench.engine.initialization import draw_noise
from icbench.engine.invert import invert
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Components, Settings
from icbench.plugins.manager import PluginManager

IMAGES = 64
INDEX = np.arange(IMAGES)


@pytest.fixture(scope="module")
def images():
    return MNIST().split("validation", Path()).images


@pytest.fixture(scope="module")
def starts(images):
    return as_target(images[INDEX], torch.device("cpu")), draw_noise(INDEX, (0,), 10, 0)[:, 0]


def inverted(images, steps, optimizer="adam", batch_size=512, **settings):
    manager = PluginManager()
    specs = {"distance": "mse", "optimizer": optimizer, "schedule": "joint"}
    built = [manager.select(kind, spec).build() for kind, spec in specs.items()]
    components = Components(prepare(load_cgan(10), torch.device("cpu")), *built)
    return concatenate(list(invert(components, images, INDEX, Settings(steps, **settings), batch_size)))


def plain(starts, steps):
    return todays_loop(load_cgan(10).eval().requires_grad_(False), *starts, steps).numpy()


@pytest.fixture(params=["torch", "onednn"])
def kernel(request, monkeypatch):
    """The library that large products are taken by."""
    precision = "bfloat16" if "bfloat16" in request.node.name else "float32"
    if f"{request.param} {precision}" not in speeds():
        pytest.skip("this torch has no such product for this processor")
    monkeypatch.setattr("icbench.compute.products.onednn_pays", lambda precision: request.param == "onednn")


@pytest.mark.usefixtures("kernel")
def test_float32_has_the_plain_loops_latents_after_ten_steps(images, starts):
    np.testing.assert_allclose(inverted(images, 10).class_vector, plain(starts, 10), atol=2e-4)


@pytest.mark.usefixtures("kernel")
def test_bfloat16_has_nearly_the_plain_loops_latents_after_ten_steps(images, starts):
    found = inverted(images, 10, precision=torch.bfloat16)
    assert np.abs(found.class_vector - plain(starts, 10)).mean() < 0.01


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("batch_size", [7, 512])
def test_float32_has_the_plain_loops_classes_after_a_hundred_steps(images, starts, batch_size):
    found = inverted(images, 100, batch_size=batch_size)
    assert (found.prediction == plain(starts, 100).argmax(axis=1)).mean() >= 0.98


def test_the_posts_loop_is_joint_with_his_adam(images, starts):
    found = inverted(images, 10, "adam:bias_correction=false,epsilon=0")
    np.testing.assert_allclose(found.class_vector, posts_loop(load_cgan(10).eval(), *starts, 10).numpy(), atol=2e-4)
