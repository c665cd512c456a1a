"""When an image need not be searched any further."""

from collections.abc import Sequence

import torch
from torch import Tensor

from icbench.kinds.schedule import Rates

WINDOW = 10
"""How many steps are looked back on, and so between two looks."""


class EarlyStopping:
    """Tells which of B images have converged: the last `WINDOW` steps gained hardly anything of what all steps have.

    A hypothesis's gain is by how much its least energy so far has fallen, so that an optimizer that swings is not
    taken for one that has arrived. An image has converged when in `WINDOW` steps none of its hypotheses has gained more
    than `tolerance` times the greatest gain of any of them since the first step. That is a share, so it means the same
    for any distance, and it depends on the image's own rows alone.

    Args:
        tolerance: that share.
        rates: of each step. Nothing converges before all that is to move at some step has moved for a window.
    """

    def __init__(self, tolerance: float, rates: Sequence[Rates]) -> None:
        self.tolerance = tolerance
        moving = [[rate.class_vector != 0 for rate in rates], [rate.noise != 0 for rate in rates]]
        self.begins = max([moves.index(True) for moves in moving if True in moves], default=0)
        self.least: Tensor | None = None
        """(N,) the least energy of each row so far."""

    def note(self, energy: Tensor) -> None:
        """The energies (N,) of an evaluation."""
        if self.least is None:
            self.least, self.first, self.before = energy.clone(), energy, energy
        else:
            torch.minimum(self.least, energy, out=self.least)

    def is_due(self, step: int) -> bool:
        """Whether images may stop before `step`."""
        return step % WINDOW == 0 and step > 0

    def converged(self, step: int, images: int) -> Tensor:
        """Which of the images, as a mask (B,), have converged before `step`; gains from here on count next time."""
        assert self.least is not None
        lately, altogether = self.before - self.least, self.first - self.least
        self.before = self.least.clone()
        lately, altogether = (gain.view(images, -1).amax(dim=1) for gain in (lately, altogether))
        if step < self.begins + WINDOW:
            return torch.zeros_like(lately, dtype=torch.bool)
        return lately <= self.tolerance * altogether

    def select(self, rows: Tensor) -> None:
        """Go on with some rows."""
        if self.least is not None:
            self.least, self.first, self.before = (part[rows] for part in (self.least, self.first, self.before))
