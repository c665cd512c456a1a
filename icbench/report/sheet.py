"""Figures as notebooks show them, and sheets of paper to put images and words on. Importing this imports matplotlib."""

import io

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from icbench.report.charts import DPI
from icbench.running.image_grid import as_drawn

UNITS = 100
"""To an inch."""
SCREEN_DPI = 100
"""What a notebook shows."""


class ShownFigure(Figure):
    """A figure that a notebook shows even if pyplot, which would see to it, was never imported."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=SCREEN_DPI)
        return stream.getvalue()


class Sheet:
    """A sheet of paper in units of a hundredth of an inch, from its upper left corner on.

    Args:
        width, height: of it.
    """

    def __init__(self, width: float, height: float) -> None:
        self._figure = ShownFigure(figsize=(width / UNITS, height / UNITS), dpi=DPI)
        self._paper = self._figure.add_axes((0, 0, 1, 1))
        self._paper.axis("off")
        self._width = width
        self._paper.set_xlim(0, width)
        self._paper.set_ylim(height, 0)
        self._paper.set_autoscale_on(False)

    def draw(self, image: NDArray[np.float32], left: float, top: float, side: float, light_on_dark: bool) -> None:
        """Put an image (C, H, W) in [0, 1] into the middle of a square; its pixels stay as they are."""
        shown = as_drawn(image, light_on_dark)
        height, width = (side * length / max(shown.shape[:2]) for length in shown.shape[:2])
        x, y = left + (side - width) / 2, top + (side - height) / 2
        place = (x, x + width, y + height, y)
        self._paper.imshow(shown, extent=place, aspect="auto", interpolation="none", cmap="gray", vmin=0, vmax=1)

    def write(self, left: float, top: float, text: str, colour: str, size: float = 13.5, centred: bool = False) -> None:
        """Write a line.

        Args:
            left, top: where it begins, in units from the upper left corner.
            text: one line.
            colour: as matplotlib takes it.
            size: of the letters, in units.
            centred: `left` is the line's middle.
        """
        aligned = "center" if centred else "left"
        self._paper.text(left, top, text, color=colour, fontsize=size * 72 / UNITS, ha=aligned, va="top")

    def finish(self, margin: float) -> Figure:
        """The sheet, wider where a line needs more."""
        ends = [text.get_window_extent().x1 / DPI * UNITS for text in self._paper.texts]
        width = max([self._width, *(end + margin for end in ends)])
        self._paper.set_xlim(0, width)
        self._figure.set_figwidth(width / UNITS)
        return self._figure
