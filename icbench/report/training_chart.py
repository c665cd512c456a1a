"""The curves of a training, as a file. matplotlib is imported to draw them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from icbench.report.charts import DPI, HERE, INK, PALE, STYLE, drawing, save_figure
from icbench.training.checkpoint import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT, COLUMNS = 3.6, 2.7, 3
CYCLE = (HERE, "#c2410c", "#0f766e", "#7c3aed", PALE)


def draw_training(progress: Progress, file: Path) -> None:
    """A panel for each loss over the epochs, and one for the shares that the checkpoint is chosen by.

    Args:
        progress: of a training that is done.
        file: to write, in the format that its suffix says.

    Raises:
        OutputError: the file cannot be written.
    """
    names = list(next(iter(progress.losses.values()), {}))
    with drawing():
        from matplotlib.figure import Figure

        rows = -(-(len(names) + 1) // COLUMNS)
        figure = Figure(figsize=(WIDTH * COLUMNS, HEIGHT * rows), dpi=DPI, layout="constrained")
        panels = figure.subplots(rows, COLUMNS, squeeze=False).flatten()
        for panel, name in zip(panels, names, strict=False):
            _draw_loss(panel, name, {epoch: losses[name] for epoch, losses in progress.losses.items()})
        _draw_checks(panels[len(names)], progress)
        for panel in panels[len(names) + 1 :]:
            panel.set_visible(False)
        save_figure(figure, file)


def _draw_loss(panel: "Axes", name: str, values: Mapping[int, float]) -> None:
    panel.plot(list(values), list(values.values()), color=HERE, linewidth=1.2)
    panel.set_title(name, fontsize=STYLE["font.size"], color=INK, loc="left")
    panel.set_xlabel("epoch")


def _draw_checks(panel: "Axes", progress: Progress) -> None:
    """Each share over the checks, and a line at the checkpoint that was chosen."""
    epochs = [check.epochs for check in progress.checks]
    figures: list[Mapping[str, float]] = [check.score.figures() for check in progress.checks]
    for name, colour in zip(figures[0], CYCLE, strict=False):
        panel.plot(epochs, [each[name] for each in figures], "o-", color=colour, markersize=3, linewidth=1, label=name)
    panel.axvline(progress.best.epochs, color=INK, linewidth=0.8)
    panel.set_title(f"validation; chosen: epoch {progress.best.epochs}", fontsize=9, color=INK, loc="left")
    panel.set_xlabel("epoch")
    panel.legend(fontsize=7)
