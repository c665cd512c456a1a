"""Times a 200-step `joint` inversion by icbench and by what people would use instead, and how near each step is to the
machine's limit.

    pytest benchmarks/test_peers.py --benchmark-only [--device cuda] [--benchmark-json FILE]

The same generator, images, starts and steps; every row says for how many images its class is not that of the plain loop
in float32. `benchmarks/report.py` prints the ratios.
"""

from itertools import pairwise
from pathlib import Path

import limits
import numpy as np
import pytest
import torch
from peers import posts_loop, todays_loop
from torch import Tensor, nn

from icbench.beginnings import drawn_noise
from icbench.builtin.cgan import load_cgan
from icbench.builtin.mnist import MNIST
from icbench.engine import Parts, Settings, concatenate, invert
from icbench.generation import as_target
from icbench.kinds.generator import Generator
from icbench.plugins import Host

STEPS, IMAGES, FEW = 200, 1024, 16
"""`FEW` are inverted by the post's loop, which takes minutes for more."""
SAME = 0.95
"""The share of classes that must be those of the plain loop; rounding turns inversions that hang between two."""
HOST = Host(discover=False)
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Dense(Generator):
    """A fully connected generator, to see which share of the matrix-product rate the loop reaches."""

    num_classes, noise_dim, image_shape = 10, 64, (1, 28, 28)

    def __init__(self) -> None:
        super().__init__()
        widths = (self.num_classes + self.noise_dim, 2048, 2048, 784)
        layers = [nn.Linear(*pair) for pair in pairwise(widths)]
        self.layers = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2], nn.Sigmoid())

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        return self.layers(torch.cat([class_vector, noise], dim=1)).unflatten(1, self.image_shape)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return MNIST().split("validation", Path()).images


@pytest.fixture(scope="module")
def starts(images, device) -> tuple[Tensor, Tensor]:
    """The targets, and the noise that icbench draws for them with seed 0."""
    index = np.arange(IMAGES)
    return as_target(images[index], device), drawn_noise(index, (0,), 10, 0)[:, 0].to(device)


@pytest.fixture(scope="module")
def plain(starts, device) -> Tensor:
    """The classes that the plain loop finds in float32."""
    return todays_loop(load_cgan(10).to(device).eval().requires_grad_(False), *starts, STEPS).argmax(dim=1)


def parts(generator: Generator, device: torch.device) -> Parts:
    chosen = [HOST.select(kind, name).build() for kind, name in (("distance", "mse"), ("optimizer", "adam"))]
    return Parts(generator.frozen(device), *chosen, HOST.select("schedule", "joint").build())


def timed(benchmark, run, count: int, plain: Tensor, device: torch.device, rounds: int = 5) -> None:
    """Time a function that returns classes of the first `count` images."""

    def synchronised() -> Tensor:
        found = run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return found

    found = benchmark.pedantic(synchronised, rounds=rounds, warmup_rounds=1)
    same = float((torch.as_tensor(found).cpu() == plain[:count].cpu()).float().mean())
    assert same >= SAME
    benchmark.extra_info.update(
        images_per_second=count / benchmark.stats.stats.median, images=count, steps=STEPS, same_class=same
    )


@pytest.mark.benchmark(group="200 steps of joint")
def test_posts_loop(benchmark, starts, plain, device):
    targets, noise = (part[:FEW] for part in starts)
    generator = load_cgan(10).to(device).eval()
    timed(benchmark, lambda: posts_loop(generator, targets, noise, STEPS).argmax(dim=1), FEW, plain, device)


@pytest.mark.benchmark(group="200 steps of joint")
def test_todays_loop(benchmark, starts, plain, device):
    generator = load_cgan(10).to(device).eval().requires_grad_(False)
    timed(benchmark, lambda: todays_loop(generator, *starts, STEPS).argmax(dim=1), IMAGES, plain, device)


@pytest.mark.benchmark(group="200 steps of joint")
def test_todays_loop_compiled(benchmark, starts, plain, device):
    generator = load_cgan(10).to(device).eval().requires_grad_(False)
    compiled = torch.compile(generator)
    try:
        todays_loop(compiled, *(part[:256] for part in starts), 1)
    except Exception as error:  # whatever the compiler lacks here
        pytest.skip(f"torch.compile does not work here: {type(error).__name__}")
    timed(benchmark, lambda: todays_loop(compiled, *starts, STEPS).argmax(dim=1), IMAGES, plain, device)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.benchmark(group="200 steps of joint")
def test_icbench(benchmark, images, plain, device, precision):
    built = parts(load_cgan(10), device)
    settings = Settings(STEPS, batch_size=512, device=device, precision=PRECISIONS[precision])
    index = np.arange(IMAGES)
    timed(
        benchmark, lambda: concatenate(list(invert(built, images, index, settings))).prediction, IMAGES, plain, device
    )


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("generator", [load_cgan, Dense], ids=["cgan", "dense"])
@pytest.mark.benchmark(group="a step of joint against the machine's limit")
def test_limit(benchmark, images, device, generator, precision):
    rows, steps, chosen = 512, 10, PRECISIONS[precision]
    built = parts(generator(), device)
    settings = Settings(steps, batch_size=rows, device=device, precision=chosen)

    def run() -> None:
        list(invert(built, images, np.arange(rows), settings))
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    benchmark.pedantic(run, rounds=9, warmup_rounds=2)
    work, rates = limits.counted(built, rows, device, chosen), limits.measured(device, chosen)
    step = benchmark.stats.stats.median / steps
    benchmark.extra_info.update(
        rows=rows,
        precision=precision,
        flops=work.flops,
        bytes=work.bytes,
        product_rate=rates.flops,
        copy_rate=rates.bytes,
        share_of_product_rate=work.flops / step / rates.flops,
        share_of_roofline=rates.least_seconds(work) / step,
        limited_by="products" if work.flops / rates.flops > work.bytes / rates.bytes else "bytes",
    )
