"""How many hypotheses to invert together: measured on this machine, within its memory."""

import time
from dataclasses import replace

import numpy as np
import torch

from icbench.engine.invert import invert
from icbench.engine.memory import batch_bytes, free_bytes
from icbench.engine.settings import Components, Settings
from icbench.engine.targets import Pixels

CANDIDATES = (128, 256, 512, 1024, 2048)
CUDA_CANDIDATES = (1024, 4096, 16384)
REPEATS = 3
"""The best of so many timings counts: what else runs on a machine only ever slows it."""
WORTHWHILE = 1.05
"""A larger batch must be this much faster per image to be worth its memory."""
BATCHES_AT_LEAST = 8
"""A run is cut into this many batches if they are not too small for it: the accuracy so far is then worth watching, and
an interruption costs an eighth at most."""
UNWATCHED = 512
CUDA_UNWATCHED = CUDA_CANDIDATES[-1]
"""Batches of so many rows are over so soon that a run need not be cut for the sake of watching it."""
STEPS = 2
"""What is measured of a run that has as many or more."""
MEMORY_SHARE = 0.25
"""The share of the free memory that a batch may take."""


def measure_batch_size(components: Components, images: Pixels, wanted: int, settings: Settings) -> int:
    """The smallest of a few batch sizes whose throughput is within a twentieth of the highest.

    Args:
        components: the components of the run.
        images: (N, C, H, W), the split; the first ones are used.
        wanted: the number of images that the run inverts; no larger batch is tried.
        settings: the run's settings.

    Returns:
        a number of hypotheses.
    """
    group = components.generator.batch_group_size
    hypotheses = len(components.schedule.hypotheses(components.generator.class_dim).restart)
    # An image is inverted together with the mates that it depends on.
    least = group * hypotheses
    rows = -(-wanted // group) * least
    on_cuda = settings.device.type == "cuda"
    unwatched = CUDA_UNWATCHED if on_cuda else UNWATCHED
    most = min(rows, max(unwatched, rows // BATCHES_AT_LEAST), _rows_in_memory(components, settings))
    tried = [size for size in (CUDA_CANDIDATES if on_cuda else CANDIDATES) if size <= most]
    if not tried:
        return max(most, least)
    if on_cuda and tried[-1] < most < CUDA_UNWATCHED:
        # A GPU is kept busiest by the whole run at once, and then records its steps but once.
        tried.append(most)
    rates = {size: _rows_per_second(components, images, size, hypotheses, settings) for size in tried}
    fastest = max(rates.values())
    return max(least, next(size for size in tried if rates[size] * WORTHWHILE >= fastest))


def _rows_in_memory(components: Components, settings: Settings) -> int:
    return max(1, int(MEMORY_SHARE * free_bytes(settings.device) / batch_bytes(components, 1, settings)))


def _rows_per_second(components: Components, images: Pixels, rows: int, hypotheses: int, settings: Settings) -> float:
    group = components.generator.batch_group_size
    index = np.arange(max(1, rows // hypotheses // group) * group) % len(images)
    # Of a run without steps, reading the starts is all.
    measured = replace(settings, steps=min(STEPS, settings.steps))
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        list(invert(components, images, index, measured, rows))
        if settings.device.type == "cuda":
            torch.cuda.synchronize(settings.device)
        times.append(time.perf_counter() - started)
    return rows / min(times)
