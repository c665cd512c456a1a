"""The precision that CUDA's products are taken in, as far as a machine without CUDA can tell."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from toy import LinearGenerator

from icbench.compute.devices import choose_precision, float32_products, precision_reason
from icbench.engine.invert import invert
from icbench.engine.prepare import prepare
from icbench.engine.settings import Components, Settings
from icbench.errors import UsageError
from icbench.plugins.manager import PluginManager

CUDA = torch.device("cuda")


def in_force() -> tuple[str, str]:
    return torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision


def test_float32_on_cuda_is_float32_and_what_was_set_comes_back():
    before = in_force()
    assert before[1] == "tf32", "torch's default has changed, and with it the reason for this"
    with float32_products(CUDA, tf32=False):
        assert in_force() == ("ieee", "ieee")
        with float32_products(CUDA, tf32=True):
            assert in_force() == ("tf32", "tf32")
        assert in_force() == ("ieee", "ieee")
    assert in_force() == before
    with pytest.raises(ZeroDivisionError), float32_products(CUDA, tf32=False):
        raise ZeroDivisionError
    assert in_force() == before


def test_a_cpu_is_left_alone():
    before = in_force()
    with float32_products(torch.device("cpu"), tf32=True):
        assert in_force() == before


def test_tf32_without_cuda_is_a_usage_error():
    assert choose_precision("tf32", CUDA) == "tf32"
    with pytest.raises(UsageError, match="cpu has no tf32"):
        choose_precision("tf32", torch.device("cpu"))


@pytest.mark.parametrize(("instructions", "precision"), [("avx512_bf16", "bfloat16"), ("", "float32")])
def test_auto_is_what_the_processor_multiplies_in(monkeypatch, instructions, precision):
    """Whatever is faster at the moment: nothing is measured."""
    monkeypatch.setattr("icbench.compute.devices.bfloat16_instructions", lambda: instructions)
    monkeypatch.setattr("icbench.compute.probe.speeds", lambda: pytest.fail("measured"))
    assert choose_precision("auto", torch.device("cpu")) == precision
    assert choose_precision("float32", torch.device("cpu")) == "float32"
    assert choose_precision("auto", CUDA) == "float32"
    assert precision_reason().startswith(precision)
    assert instructions in precision_reason()


@pytest.mark.parametrize(("tf32", "in_steps"), [(True, "tf32"), (False, "ieee")])
def test_steps_are_in_tf32_if_asked_for_and_results_are_scored_in_float32(monkeypatch, tf32, in_steps):
    """With the settings made as if the batch were on CUDA."""

    @contextmanager
    def as_if_on_cuda(device, tf32):
        with float32_products(CUDA, tf32):
            yield

    seen = []

    class Watched(LinearGenerator):
        def forward(self, class_vector, noise):
            seen.append(in_force())
            return super().forward(class_vector, noise)

    monkeypatch.setattr("icbench.engine.invert.float32_products", as_if_on_cuda)
    monkeypatch.setattr("icbench.engine.batch.float32_products", as_if_on_cuda)
    manager = PluginManager()
    specs = {"distance": "mse", "optimizer": "adam", "schedule": "joint"}
    generator = prepare(Watched(), torch.device("cpu"))
    components = Components(generator, *(manager.select(kind, spec).build() for kind, spec in specs.items()))
    images = np.zeros((2, *generator.image_shape), np.uint8)
    for _ in invert(components, images, np.arange(2), Settings(steps=3, tf32=tf32)):
        assert in_force()[1] == "tf32", "what is set for a batch holds between batches"
    assert seen == [(in_steps, in_steps)] * 3 + [("ieee", "ieee")]
