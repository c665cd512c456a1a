"""A study's chart, as a PNG file. It needs matplotlib, which is imported when one is drawn."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from icbench.report.charts import DPI, HERE, INK, THERE, drawing, save_figure
from icbench.report.study import correlation_text
from icbench.training.criteria import LAST, Criterion, CriterionResult, Findings, Snapshot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

WIDTH, HEIGHT, COLUMNS = 4.0, 3.7, 3
COLOURS = (HERE, THERE)
INDENT = 0.12
"""Where a title begins, of a panel's width: about where its axes do."""

TICKS = 4
PALEST = 0.2
"""How opaque the earliest checkpoint is."""


def draw_study(snapshots: Sequence[Snapshot], found: Findings, file: Path) -> None:
    """One panel for each criterion, and in it one strip for each schedule: full accuracies against the figure.

    Args:
        snapshots: of the study.
        found: its findings.
        file: the PNG to write.

    Raises:
        OutputError: the file cannot be written.
    """
    with drawing():
        save_figure(_figure(snapshots, found), file)


def _figure(snapshots: Sequence[Snapshot], found: Findings) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    results = [*found.results, found.last]
    rows = -(-len(results) // COLUMNS)
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.06)
    figure = Figure(figsize=(WIDTH * COLUMNS, HEIGHT * rows + 0.3), dpi=DPI, layout=layout)
    note = "pale: early, dark: late · ring: the checkpoint it picks · line: the best checkpoint · ◆ recommended"
    figure.suptitle(f"full accuracy of {found.checks} checkpoints · {note}", fontsize=10, color=INK)
    places = figure.subfigures(rows, COLUMNS, squeeze=False).flatten()
    for place, result in zip(places, results, strict=False):
        _draw_panel(place, result, snapshots, found)
    return figure


def _draw_panel(place: "SubFigure", result: CriterionResult, snapshots: Sequence[Snapshot], found: Findings) -> None:
    criterion = result.criterion
    mark, weight = ("◆ ", "bold") if result is found.choice else ("", "normal")
    place.suptitle(mark + criterion.title, x=INDENT, ha="left", fontsize=10, fontweight=weight)
    strips = place.subplots(len(found.best), 1, squeeze=False, sharex=True)[:, 0]
    for strip, name, colour in zip(strips, found.best, COLOURS, strict=False):
        _draw_strip(strip, result, name, snapshots, colour)
        strip.axhline(found.best[name].accuracy, color=colour, linewidth=0.8)
    strips[-1].set_xlabel(_x_label(criterion))


def _draw_strip(
    strip: "Axes", result: CriterionResult, schedule: str, snapshots: Sequence[Snapshot], colour: str
) -> None:
    """What is not finite has no place in it."""
    from matplotlib.colors import to_rgba

    worth = result.criterion.worth
    known = [each for each in snapshots if math.isfinite(worth(each))]
    x = [abs(worth(each)) if result.criterion.smaller else worth(each) for each in known]
    y = [each.accuracy[schedule] for each in known]
    shades = [to_rgba(colour, PALEST + (1 - PALEST) * each.epochs / snapshots[-1].epochs) for each in known]
    strip.scatter(x, y, s=26, color=shades, linewidths=0, zorder=2)
    picked = [number for number, each in enumerate(known) if each.epochs == result.pick]
    strip.scatter([x[n] for n in picked], [y[n] for n in picked], s=90, facecolors="none", edgecolors=INK, zorder=3)
    title = f"{schedule}  ρ {correlation_text(result.correlations[schedule])}"
    strip.set_title(title, fontsize=8, color=colour, loc="left")
    strip.margins(x=0.06, y=0.12)
    _scale(strip, logarithmic=result.criterion.smaller and min(x, default=0) > 0)


def _scale(strip: "Axes", logarithmic: bool) -> None:
    """Few and round ticks. Errors are on a logarithm: on their own scale the first epochs would crowd out the rest."""
    from matplotlib.ticker import MaxNLocator, NullLocator, ScalarFormatter

    if logarithmic:
        strip.set_xscale("log")
    strip.xaxis.set_major_formatter(ScalarFormatter())
    strip.xaxis.set_minor_locator(NullLocator())
    for axis in (strip.xaxis, strip.yaxis):
        axis.set_major_locator(MaxNLocator(TICKS, steps=[1, 2, 5, 10]))


def _x_label(criterion: Criterion) -> str:
    if criterion is LAST:
        return "epoch"
    return "smaller is better" if criterion.smaller else "larger is better"
