"""The figure of an inversion, for notebooks. Importing this imports matplotlib."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from icbench.report.charts import DPI, FAINT, HERE, INK, drawing
from icbench.report.sheet import ShownFigure
from icbench.running.image_grid import as_drawn

if TYPE_CHECKING:
    from icbench.running.inversion import Inversion

COLUMNS = 10
SIDE = 0.85
"""The width of an image, in inches."""


def draw_inversion(inversion: "Inversion", count: int) -> Figure:
    """Images above their reconstructions and the scores of all classes, as bars from the lowest score on."""
    count = min(count, len(inversion.prediction))
    with drawing():
        figure, panels = _bands(count, (1, 1, 0.7), inversion.label)
        for number in range(count):
            target, made, bars = panels[:, number]
            _draw_image(target, inversion.targets[number], light_on_dark=False)
            _draw_image(made, inversion.reconstructions[number], light_on_dark=False)
            made.set_xlabel(f"{inversion.distance[number]:.4f}", fontsize=7, color=INK)
            _draw_scores(bars, inversion.class_scores[number], int(inversion.prediction[number]))
        _name_rows(panels, ("target", "reconstruction,\ndistance", "class scores"))
    return figure


def _bands(count: int, heights: tuple[float, ...], title: str) -> tuple[Figure, NDArray[Any]]:
    """A figure for `count` images, and its panels (rows of a band, count): so many rows a band, `COLUMNS` a row."""
    columns, bands = max(1, min(count, COLUMNS)), max(1, -(-count // COLUMNS))
    size = SIDE * columns + 0.8, (SIDE * sum(heights) + 0.45) * bands + 0.35
    figure = ShownFigure(figsize=size, dpi=DPI, layout="constrained")
    figure.suptitle(title, fontsize=9, color=INK, x=0.01, ha="left")
    places = figure.subplots(len(heights) * bands, columns, squeeze=False, height_ratios=heights * bands)
    panels = places.reshape(bands, len(heights), columns).transpose(1, 0, 2).reshape(len(heights), -1)
    for unused in panels[:, count:].flatten():
        unused.axis("off")
    return figure, panels


def _draw_image(panel: Axes, image: NDArray[np.float32], light_on_dark: bool) -> None:
    panel.imshow(as_drawn(image, light_on_dark), cmap="gray", vmin=0, vmax=1)
    panel.set_xticks([])
    panel.set_yticks([])
    for spine in panel.spines.values():
        spine.set_visible(False)


def _draw_scores(panel: Axes, scores: NDArray[np.float32], prediction: int) -> None:
    known = np.nan_to_num(scores, nan=np.nan, posinf=np.nan, neginf=np.nan)
    lowest = np.nanmin(known) if np.isfinite(known).any() else 0.0
    colours = [HERE if label == prediction else FAINT for label in range(len(scores))]
    panel.bar(range(len(scores)), known - lowest, color=colours)
    panel.set_xticks([prediction] if prediction >= 0 else [])
    panel.set_yticks([])
    panel.grid(False)
    panel.spines["left"].set_visible(False)
    panel.tick_params(axis="x", length=0, labelcolor=HERE)


def _name_rows(panels: NDArray[Any], names: tuple[str, ...]) -> None:
    """Beside the first panel of each row."""
    for row, name in zip(panels[:, ::COLUMNS], names, strict=True):
        for panel in row:
            panel.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8, color=INK)
