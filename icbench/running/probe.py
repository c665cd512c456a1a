"""What a run of which nothing was measured costs: its evaluations are counted, and a short probe is timed."""

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


def expected_evaluations(runner: InversionRunner, steps: int) -> int:
    """The generator evaluations of an image, if each step has one forward and one backward a hypothesis."""
    schedule = runner.components.schedule
    count = len(schedule.hypotheses(runner.components.generator.class_dim).restart)
    return 2 * sum(schedule.survivors(step, steps, count) for step in range(steps)) + count


def probe(runner: InversionRunner, images: Pixels, settings: "Settings") -> Cost:
    """Invert a few images for a few steps, and take the time of all steps to be in proportion.

    Args:
        runner: of the entry.
        images: (N, C, H, W), the split.
        settings: of the run.
    """
    from icbench.engine.invert import invert

    generator = runner.components.generator
    hypotheses = len(runner.components.schedule.hypotheses(generator.class_dim).restart)
    group = generator.batch_group_size
    index = np.arange(min(len(images), max(1, ROWS // hypotheses // group) * group))
    few = replace(settings, steps=min(STEPS, settings.steps))
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        list(invert(runner.components, images, index, few, ROWS))
        seconds.append(time.perf_counter() - started)
    # The first time, what is made once is made.
    return Cost(seconds[-1] / len(index) * settings.steps / max(1, few.steps), f"a probe of {few.steps} steps")
