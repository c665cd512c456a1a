"""Times the inversion loop: by precision and batch size, and icbench's own share of a step.

    pytest benchmarks --benchmark-only [--device cuda]

Ratios between rows of one run on one machine mean something; single times do not. `benchmarks/report.py` prints them.
"""

from pathlib import Path

import limits
import numpy as np
import pytest
import torch
from peers import todays_loop
from torch import Tensor

from icbench.builtin.datasets.mnist import MNIST
from icbench.builtin.generators.cgan import CGAN, load_cgan
from icbench.engine.invert import invert
from icbench.engine.prepare import prepare
from icbench.engine.settings import Components, Settings
from icbench.errors import UsageError
from icbench.kinds.generator import Generator
from icbench.plugins.manager import PluginManager, plugin_manager

STEPS, ROUNDS = 20, 15
LOOP_STEPS = 200
"""Steps of the loop without a generator: as many as an inversion has, so that a batch's beginning has its due share."""
ROWS = 256
"""The batch at which icbench's own share of a step is told."""
HOST = PluginManager()


class FreeGenerator(Generator):
    """A generator that costs nothing, so that what remains is the loop itself."""

    num_classes, noise_dim, image_shape = 10, 10, (1, 1, 1)

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        return (class_vector[:, :1] + noise[:, :1]).sigmoid().view(-1, 1, 1, 1)


class Unprojected(CGAN):
    """The conditional GAN without its projection: the first layer takes all numbers of the noise."""

    most_directions = 4096


def build_components(generator: Generator, schedule: str, device: torch.device) -> Components:
    chosen = [HOST.select(kind, name).build() for kind, name in (("distance", "mse"), ("optimizer", "adam"))]
    return Components(prepare(generator, device), *chosen, HOST.select("schedule", schedule).build())


def measure(benchmark, built: Components, images: np.ndarray, rows: int, settings: Settings) -> None:
    """Time the steps of one batch; the time per hypothesis and step goes into the result."""
    hypotheses = len(built.schedule.hypotheses(built.generator.class_dim).restart)
    index = np.arange(max(1, rows // hypotheses))

    def steps() -> int:
        done = sum(len(part.index) for part in invert(built, images, index, settings, rows))
        if settings.device.type == "cuda":
            torch.cuda.synchronize(settings.device)
        return done

    assert benchmark.pedantic(steps, rounds=ROUNDS, warmup_rounds=5) == len(index)
    per_step = benchmark.stats.stats.median / settings.steps
    benchmark.extra_info.update(
        rows=rows,
        device=settings.device.type,
        precision=str(settings.precision).removeprefix("torch."),
        steps=settings.steps,
    )
    benchmark.extra_info["hypothesis_steps_per_second"] = len(index) * hypotheses / per_step
    if not isinstance(built.generator, FreeGenerator):
        benchmark.extra_info.update(limits.compare_with_limits(built, len(index) * hypotheses, settings, per_step))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return MNIST().split("validation", Path()).images


@pytest.mark.parametrize("rows", [4, 128, 256, 512, 2048])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.benchmark(group="joint steps of cgan")
def test_joint(benchmark, images, device, precision, rows):
    settings = Settings(STEPS, device=device, precision=precision)
    measure(benchmark, build_components(load_cgan(10), "joint", device), images, rows, settings)


@pytest.mark.parametrize("rows", [100, 500, 2000])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("generator", ["cgan", "cvae", "class-vae", "contrastive", "lstm", "prototype:types=300"])
@pytest.mark.benchmark(group="exhaustive steps by generator")
def test_generator(benchmark, images, device, generator, precision, rows):
    schedule = "relaxed:simplex_map=mirror" if generator.startswith("prototype") else "exhaustive"
    try:
        chosen = plugin_manager().select("generator", generator)
    except UsageError:
        pytest.skip("its plugin is not installed")
    settings = Settings(STEPS, device=device, precision=precision)
    measure(benchmark, build_components(chosen.build(), schedule, device), images, rows, settings)


@pytest.mark.parametrize("noise_dim", [10, 25, 50, 100, 200])
@pytest.mark.benchmark(group="joint steps by noise size")
def test_noise_size(benchmark, images, device, noise_dim):
    settings = Settings(STEPS, device=device)
    measure(benchmark, build_components(load_cgan(noise_dim), "joint", device), images, 512, settings)


@pytest.mark.parametrize("projected", [False, True], ids=["as-it-is", "projected"])
@pytest.mark.parametrize("noise_dim", [10, 25, 200])
@pytest.mark.benchmark(group="joint steps of 1,024 rows, noise projected or not")
def test_projection(benchmark, images, device, noise_dim, projected):
    generator = CGAN(noise_dim) if projected else Unprojected(noise_dim)
    measure(benchmark, build_components(generator, "joint", device), images, 1024, Settings(STEPS, device=device))


@pytest.mark.parametrize("schedule", ["joint", "class-only", "exhaustive"])
@pytest.mark.benchmark(group="steps by schedule")
def test_schedule(benchmark, images, device, schedule):
    settings = Settings(STEPS, device=device)
    measure(benchmark, build_components(load_cgan(10), schedule, device), images, 510, settings)


@pytest.mark.benchmark(group="the loop without a generator")
def test_overhead(benchmark, device):
    settings = Settings(LOOP_STEPS, device=device)
    measure(
        benchmark,
        build_components(FreeGenerator(), "joint", device),
        np.zeros((ROWS, 1, 1, 1), np.uint8),
        ROWS,
        settings,
    )


@pytest.mark.benchmark(group="the loop without a generator")
def test_plain_overhead(benchmark, device):
    """The same by the loop that one would write today."""
    generator, targets = FreeGenerator().to(device), torch.zeros(ROWS, 1, 1, 1, device=device)
    noise = torch.randn(ROWS, 10, device=device)

    def steps() -> None:
        todays_loop(generator, targets, noise, LOOP_STEPS)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    benchmark.pedantic(steps, rounds=ROUNDS, warmup_rounds=5)
    benchmark.extra_info["hypothesis_steps_per_second"] = ROWS * LOOP_STEPS / benchmark.stats.stats.median
