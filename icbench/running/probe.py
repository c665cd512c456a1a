"""What a run of which nothing was measured costs: a short probe is timed."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from icbench.engine.targets import Pixels
from icbench.running.costs import Cost
from icbench.running.runners import InversionRunner

if TYPE_CHECKING:
    from icbench.engine.settings import Settings

ROWS, STEPS = 128, 2
"""A probe inverts about so many hypotheses, for so many steps."""


def probe(runner: InversionRunner, images: Pixels, settings: "Settings") -> Cost:
    """Invert a few images for a few steps, and take the time of all steps to be in proportion.

    Args:
        runner: of the entry.
        images: (N, C, H, W), the split.
        settings: of the run.
    """
    from icbench.engine.invert import invert

    index = np.arange(min(len(images), runner.images_per_batch(ROWS)))
    few = replace(settings, steps=min(STEPS, settings.steps))
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        list(invert(runner.components, images, index, few, ROWS))
        seconds.append(time.perf_counter() - started)
    # The first time, what is made once is made.
    return Cost(seconds[-1] / len(index) * settings.steps / max(1, few.steps), f"a probe of {few.steps} steps")
