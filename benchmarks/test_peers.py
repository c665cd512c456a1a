"""Times a 200-step `joint` inversion by icbench and by what people would use instead, and how near each step is to the
machine's limit.

    pytest benchmarks/test_peers.py --benchmark-only [--device cuda] [--benchmark-json FILE]

The same generator, images, starts and steps; every row says for how many images its class is not that of the plain loop
in float32. Peers have a process of their own, in which nothing of icbench's settings holds. The ratios that
`benchmarks/report.py` prints are of neighbours in time.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path

import limits
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from peers import classes
from torch import Tensor, nn

import icbench
from icbench.builtin.datasets.mnist import MNIST
from icbench.builtin.generators.cgan import load_cgan
from icbench.compute.allocator import keep_freed_memory
from icbench.engine.batch_size import measure_batch_size
from icbench.engine.invert import invert
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Components, Settings
from icbench.kinds.generator import Generator
from icbench.plugins.manager import PluginManager

STEPS, IMAGES, SOME, FEW = 200, 1024, 256, 16
"""`FEW` are inverted by the post's loop, which takes minutes for more, and `SOME` by today's as a mark."""
SAME = 0.95
"""The share of classes that must be those of the plain loop; rounding turns inversions that hang between two."""
HOST = PluginManager()
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
def apart() -> Iterator[Executor]:
    """A process in which peers run as in their users' scripts: without what `icbench run` sets for its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def apart_keeping_memory() -> Iterator[Executor]:
    """The same, but where freed memory is kept as `icbench run` keeps it."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=keep_freed_memory) as pool:
        yield pool


@pytest.fixture(scope="module")
def plain(apart, device) -> NDArray[np.int64]:
    """The classes that the plain loop finds in float32."""
    return apart.submit(classes, "todays_loop", IMAGES, STEPS, device).result()


def build_components(generator: Generator, device: torch.device) -> Components:
    chosen = [HOST.select(kind, name).build() for kind, name in (("distance", "mse"), ("optimizer", "adam"))]
    return Components(prepare(generator, device), *chosen, HOST.select("schedule", "joint").build())


class Marks:
    """Times the post's loop and today's before each round of another, since a shared machine is not as fast all along.

    Args:
        apart: where they run.
        device: on which.
    """

    def __init__(self, apart: Executor, device: torch.device) -> None:
        self.apart, self.device = apart, device
        self.seconds: dict[str, list[float]] = {"posts_loop": [], "todays_loop": []}
        """Per image, of each round."""

    def __call__(self) -> None:
        for loop, images in (("posts_loop", FEW), ("todays_loop", SOME)):
            started = time.perf_counter()
            self.apart.submit(classes, loop, images, STEPS, self.device).result()
            self.seconds[loop].append((time.perf_counter() - started) / images)

    def ratios(self, seconds: Sequence[float], images: int) -> dict[str, list[float]]:
        """How many times as fast as each loop the rounds were, which took so many seconds for so many images."""
        found = {}
        for loop, marked in self.seconds.items():
            rounds = zip(marked[-len(seconds) :], seconds, strict=True)
            found[f"to_{loop}"] = [mark * images / second for mark, second in rounds]
        return found


@pytest.fixture
def marks(apart, device) -> Marks:
    return Marks(apart, device)


def time_loop(
    benchmark,
    run: Callable[[], NDArray[np.int64]],
    plain: NDArray[np.int64],
    marks: Marks,
    precision: torch.dtype = torch.float32,
) -> None:
    """Time a function that returns the classes of the first images, a mark before each round.

    How near it is to the machine's limit is told of the work that the steps need, whatever else the function does.
    """
    found = benchmark.pedantic(run, setup=marks, rounds=5, warmup_rounds=1)
    same = float((found == plain[: len(found)]).mean())
    assert same >= SAME
    benchmark.extra_info.update(
        images_per_second=len(found) / benchmark.stats.stats.median,
        images=len(found),
        steps=STEPS,
        same_class=same,
        **marks.ratios(benchmark.stats.stats.data, len(found)),
    )
    # Of as many rows as a batch of today's has; a step of all images takes as many times as long.
    needed, seconds = (
        build_components(load_cgan(10), marks.device),
        benchmark.stats.stats.median / STEPS * SOME / len(found),
    )
    settings = Settings(STEPS, device=marks.device, precision=precision)
    benchmark.extra_info.update(limits.compare_with_limits(needed, SOME, settings, seconds))


@pytest.mark.benchmark(group="200 steps of joint")
def test_posts_loop(benchmark, apart, plain, marks, device):
    time_loop(benchmark, lambda: apart.submit(classes, "posts_loop", FEW, STEPS, device).result(), plain, marks)


@pytest.mark.benchmark(group="200 steps of joint")
def test_todays_loop(benchmark, apart, plain, marks, device):
    time_loop(benchmark, lambda: apart.submit(classes, "todays_loop", IMAGES, STEPS, device).result(), plain, marks)


@pytest.mark.benchmark(group="200 steps of joint")
def test_todays_loop_keeping_memory(benchmark, apart_keeping_memory, plain, marks, device):
    run = partial(apart_keeping_memory.submit, classes, "todays_loop", IMAGES, STEPS, device)
    time_loop(benchmark, lambda: run().result(), plain, marks)


@pytest.mark.benchmark(group="200 steps of joint")
def test_todays_loop_compiled(benchmark, apart, plain, marks, device):
    try:
        apart.submit(classes, "todays_loop_compiled", 256, 1, device).result()
    except Exception as error:  # whatever the compiler lacks here
        pytest.skip(f"torch.compile does not work here: {type(error).__name__}")
    run = partial(apart.submit, classes, "todays_loop_compiled", IMAGES, STEPS, device)
    time_loop(benchmark, lambda: run().result(), plain, marks)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.benchmark(group="200 steps of joint")
def test_icbench(benchmark, images, plain, marks, device, precision):
    built, index = build_components(load_cgan(10), device), np.arange(IMAGES)
    settings = Settings(STEPS, device=device, precision=PRECISIONS[precision])
    # As `icbench run` measures it for the whole test split, as far as there are images here.
    rows = min(IMAGES, measure_batch_size(built, images, len(images), settings))
    run = partial(invert, built, images, index, settings, rows)
    time_loop(benchmark, lambda: concatenate(list(run())).prediction, plain, marks, PRECISIONS[precision])
    benchmark.extra_info["rows"] = rows


def classes_from_python(images: NDArray[np.uint8], precision: str, device: str) -> NDArray[np.int64]:
    """The classes that `icbench.invert` finds, all that it does beside the steps included."""
    return icbench.invert(images, steps=STEPS, device=device, precision=precision).prediction


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kept", [True, False], ids=["keeping memory", "as it is"])
@pytest.mark.benchmark(group="200 steps of joint")
def test_icbench_from_python(benchmark, images, apart, apart_keeping_memory, plain, marks, device, precision, kept):
    pool = apart_keeping_memory if kept else apart
    run = partial(pool.submit, classes_from_python, images[:IMAGES], precision, str(device))
    time_loop(benchmark, lambda: run().result(), plain, marks, PRECISIONS[precision])


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("generator", [load_cgan, Dense], ids=["cgan", "dense"])
@pytest.mark.benchmark(group="a step of joint against the machine's limit")
def test_limit(benchmark, images, device, generator, precision):
    rows, steps, chosen = 512, 10, PRECISIONS[precision]
    built = build_components(generator(), device)
    settings = Settings(steps, device=device, precision=chosen)

    def run() -> None:
        list(invert(built, images, np.arange(rows), settings, rows))
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    benchmark.pedantic(run, rounds=9, warmup_rounds=2)
    seconds = benchmark.stats.stats.median / steps
    benchmark.extra_info.update(
        rows=rows, precision=precision, **limits.compare_with_limits(built, rows, settings, seconds)
    )
