"""The work that benchmarks hold against the machine's limit is all of a step's, whoever takes the products."""

import limits
import pytest
import torch
from torch import nn

from icbench.compute.probe import speeds
from icbench.engine.prepare import prepare
from icbench.engine.settings import Components, Settings
from icbench.kinds.generator import Generator
from icbench.plugins.manager import PluginManager

ROWS, WIDTHS = 20, ((13, 256), (256, 256), (256, 64))


class Dense(Generator):
    num_classes, noise_dim, image_shape = 10, 3, (1, 8, 8)

    def __init__(self):
        super().__init__()
        first, second, third = (nn.Linear(*widths) for widths in WIDTHS)
        self.layers = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third, nn.Sigmoid())

    def forward(self, class_vector, noise):
        return self.layers(torch.cat([class_vector, noise], dim=1)).unflatten(1, self.image_shape)


@pytest.fixture(params=["torch", "onednn"])
def kernel(request, monkeypatch):
    precision = str(request.node.callspec.params["precision"]).removeprefix("torch.")
    if f"{request.param} {precision}" not in speeds():
        pytest.skip("this torch has no such product for this processor")
    monkeypatch.setattr("icbench.compute.products.onednn_pays", lambda precision: request.param == "onednn")


def built(schedule):
    manager = PluginManager()
    chosen = [manager.select(kind, name).build() for kind, name in (("distance", "mse"), ("optimizer", "adam"))]
    return Components(prepare(Dense(), torch.device("cpu")), *chosen, manager.select("schedule", schedule).build())


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("schedule", ["joint", "class-only", "exhaustive"])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
def test_every_product_is_counted_once_forward_and_once_backward(schedule, precision):
    work = limits.count_work(built(schedule), ROWS, Settings(5, precision=precision))
    assert work.flops == sum(2 * 2 * ROWS * inputs * outputs for inputs, outputs in WIDTHS)
    assert work.bytes > 4 * sum(inputs * outputs for inputs, outputs in WIDTHS)


def test_the_share_is_of_the_time_that_the_rates_leave(monkeypatch):
    monkeypatch.setattr(limits, "count_work", lambda *_: limits.Work(flops=600, bytes=50))
    monkeypatch.setattr(limits, "measure_rates", lambda *_: limits.Rates(flops=1000.0, bytes=200.0))
    found = limits.compare_with_limits(built("joint"), ROWS, Settings(5), seconds=1.2)
    assert found["share_of_product_rate"] == pytest.approx(0.5)
    assert found["share_of_roofline"] == pytest.approx(0.5)
    assert found["limited_by"] == "products"
    monkeypatch.setattr(limits, "measure_rates", lambda *_: limits.Rates(flops=1000.0, bytes=50.0))
    found = limits.compare_with_limits(built("joint"), ROWS, Settings(5), seconds=1.25)
    assert found["share_of_roofline"] == pytest.approx(0.8)
    assert found["limited_by"] == "bytes"
