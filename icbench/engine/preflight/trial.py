"""A few images inverted for a few steps before a run, as the run would: the ground of what is checked of components."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from icbench.engine.batch import BatchInversion
from icbench.engine.initialization import NoiseBank
from icbench.engine.result import InversionResult
from icbench.engine.settings import Components, Settings
from icbench.engine.targets import Pixels
from icbench.kinds.schedule import Hypotheses
from icbench.plugins.shared_state import preserve_state

STEPS = 12
"""Enough for what an optimizer does at its first step and at every tenth, as some renew what they precondition with."""


@dataclass(frozen=True)
class Trial:
    """What inversions of a few images are made from.

    Args:
        components: the components.
        images: (N, C, H, W), the split.
        settings: the run's.
        hypotheses: the schedule's.
        bank: of all inversions.
    """

    components: Components
    images: Pixels
    settings: Settings
    hypotheses: Hypotheses
    bank: NoiseBank

    @classmethod
    def of(cls, components: Components, images: Pixels, settings: Settings) -> "Trial":
        """A trial with the run's settings, but for what differs by more than rounding: early stops and tf32."""
        settings = replace(settings, stop_when=None, tf32=False)
        hypotheses = components.schedule.hypotheses(components.generator.class_dim)
        return cls(components, images, settings, hypotheses, NoiseBank.of(components, settings))

    def begin(self, index: NDArray[np.int64]) -> BatchInversion:
        """An inversion of images (B,), at its start."""
        return BatchInversion(self.components, self.hypotheses, self.images, index, self.bank, self.settings)

    def finish(self, inversion: BatchInversion, count: int = STEPS) -> InversionResult:
        """Make some steps, spread over the run's so that each of its phases is tried, and score."""
        steps = self.settings.steps
        for step in np.unique(np.linspace(0, steps - 1, min(steps, STEPS)).astype(int)).tolist()[:count]:
            take_step(inversion, step)
        return inversion.score(inversion.state, steps)


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it torch computes in one thread: for a few rows a second only adds waiting, long where others compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def take_step(inversion: BatchInversion, step: int) -> None:
    """Make one step of an inversion."""
    with preserve_state():
        inversion.drop_hypotheses(step)
        inversion.make_step(step)


def first_moving(inversion: BatchInversion) -> dict[int, int]:
    """The first step that moves each latent that ever moves and has a size: 0 stands for coordinates, 1 for noise."""
    found: dict[int, int] = {}
    for step, rates in enumerate(inversion.descent.rates):
        for place, factor in enumerate((rates.class_vector, rates.noise)):
            if factor != 0 and latents(inversion)[place].numel():
                found.setdefault(place, step)
    return found


def latents(inversion: BatchInversion) -> tuple[torch.Tensor, torch.Tensor]:
    """The coordinates (N, K) and the noise (N, Z)."""
    return inversion.state.coordinates, inversion.state.noise
