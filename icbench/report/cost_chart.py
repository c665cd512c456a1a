"""A panel of a suite's chart: what accuracy costs, and which published ones it reaches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from icbench.kinds.names import TIERS
from icbench.kinds.suite import Mark
from icbench.ranking.rows import Row
from icbench.report.label_placement import Box, is_apart, place_labels
from icbench.running.entry import DIRECT
from icbench.suites import ExperimentOutcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

COLOURS = dict(zip((*TIERS, DIRECT), ("#1f6feb", "#00543d", "#c2410c", "#6b7280"), strict=True))
"""Of different lightness too: they can be told apart with any colour vision."""
FORMS = dict(zip((*TIERS, DIRECT), ("o", "s", "^", "D"), strict=True))
MARK_COLOUR = "#9aa4b2"
TICKS = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.997, 0.998, 0.999, 0.9995, 0.9999)
LEAST_ERROR = 1e-6
"""What is less is rounding: no test has so many images."""
BREAK = 1.8
"""How far beyond the least error that is drawn the place of no error is, as a factor."""
GAP, MOST_MOVES = 1.5, 60
"""By how many points the name of a line is moved at a time, and how often at most."""
APART = 6.0
"""The distance of a name from its point, in points."""


@dataclass(frozen=True)
class Point:
    """An entry in the panel.

    Args:
        label: its name.
        row: its runs.
        none: where no error at all is drawn, which a logarithm has no place for.
    """

    label: str
    row: Row
    none: float

    @property
    def error(self) -> float:
        """1 minus the mean accuracy, or `none` where no image is wrong."""
        return self._place(self.row.accuracy.value)

    @property
    def spread(self) -> tuple[float, float]:
        """How far the interval reaches to a smaller and to a larger error."""
        estimate = self.row.accuracy
        return self.error - self._place(estimate.high), self._place(estimate.low) - self.error

    def _place(self, accuracy: float) -> float:
        return 1 - accuracy if 1 - accuracy > LEAST_ERROR else self.none


class Ladder:
    """Accuracy against generator evaluations per image, both on logarithmic axes, with published accuracies as lines.

    An error of 1 % lies as far from 2 % as 10 % from 20 %, and none at all beyond a break in the axis. Direct
    classifiers, which evaluate no generator, are at 0.

    Args:
        panel: to draw in.
        outcome: whose complete cells are drawn.
        marks: the lines.
    """

    def __init__(self, panel: "Axes", outcome: ExperimentOutcome, marks: Sequence[Mark]) -> None:
        self.panel, self.marks = panel, marks
        rows = [(cell.cell.label, cell.row) for cell in outcome.cells if cell.row]
        none = _least_error([row for _, row in rows], marks) / BREAK
        self.points = [Point(label, row, none) for label, row in rows]
        panel.set_xscale("symlog", linthresh=10, linscale=0.5)
        panel.set_yscale("log")
        for tier in COLOURS:
            _draw_tier(panel, tier, [point for point in self.points if point.row.tier == tier])
        _frame(panel, self.points, marks, none)
        self.names = [_name_mark(panel, mark) for mark in sorted(marks, key=lambda mark: -mark.accuracy)]
        self.labels = [_name_point(panel, point) for point in self.points]

    def settle(self) -> None:
        """Move names to where there is room for them, once the panel has its final place."""
        taken: list[Bbox] = []
        for name in self.names:
            _move_down(name, taken)
        pixels = self.panel.figure.dpi / 72
        anchors = [self._place(point.row.nfe, point.error) for point in self.points]
        extents = [label.get_window_extent() for label in self.labels]
        frame = Box(*self.panel.get_window_extent().extents)
        places = place_labels(
            anchors,
            [(extent.width, extent.height) for extent in extents],
            frame,
            [box for point in self.points for box in self._obstacles(point, pixels)],
            [self._place(0, 1 - mark.accuracy)[1] for mark in self.marks],
            APART * pixels,
        )
        for label, anchor, place in zip(self.labels, anchors, places, strict=True):
            _move(label, anchor, place, pixels)

    def _place(self, nfe: float, error: float) -> tuple[float, float]:
        x, y = self.panel.transData.transform((nfe, error))
        return float(x), float(y)

    def _obstacles(self, point: Point, pixels: float) -> list[Box]:
        """The point itself and the bar of its interval."""
        x, y = self._place(point.row.nfe, point.error)
        _, high = self._place(point.row.nfe, point.error - point.spread[0])
        _, low = self._place(point.row.nfe, point.error + point.spread[1])
        form, bar = 3.5 * pixels, 2 * pixels
        return [Box(x - form, y - form, x + form, y + form), Box(x - bar, low, x + bar, high)]


def _least_error(rows: Sequence[Row], marks: Sequence[Mark]) -> float:
    """The least of all errors that there are, or half an image's."""
    estimates = [estimate for row in rows for estimate in (row.accuracy.low, row.accuracy.value, row.accuracy.high)]
    errors = [1 - accuracy for accuracy in (*estimates, *(mark.accuracy for mark in marks))]
    halves = [0.5 / int(row.correct.shape[1]) for row in rows]
    return min([error for error in errors if error > LEAST_ERROR] + halves)


def _draw_tier(panel: "Axes", tier: str, points: Sequence[Point]) -> None:
    if not points:
        return
    below, above = zip(*(point.spread for point in points), strict=True)
    panel.errorbar(
        [point.row.nfe for point in points],
        [point.error for point in points],
        (below, above),
        fmt=FORMS[tier],
        color=COLOURS[tier],
        capsize=2,
        linewidth=1,
        markersize=5,
        label=tier,
    )


def _frame(panel: "Axes", points: Sequence[Point], marks: Sequence[Mark], none: float) -> None:
    errors = [point.error - point.spread[0] for point in points] + [1 - mark.accuracy for mark in marks]
    worst = max([point.error + point.spread[1] for point in points] + [1 - mark.accuracy for mark in marks])
    panel.set_ylim(min(worst * 1.25, 1), min(errors) / 1.35)
    low, high = panel.get_ylim()[1], panel.get_ylim()[0]
    perfect = {none: "1"} if min(errors) == none else {}
    # What is half an image's error or less is beyond the break.
    ticks = {1 - tick: f"{tick:g}" for tick in TICKS if low <= 1 - tick <= high and 1 - tick > none * BREAK * 0.99}
    panel.set_yticks([*ticks, *perfect], [*ticks.values(), *perfect.values()])
    panel.set_yticks([], minor=True)
    if perfect:
        _break_axis(panel, none * BREAK**0.5)
    most = max(point.row.nfe for point in points)
    # Room on the right for the names.
    end = max(most, 10) * 8
    panel.set_xlim(-2, end)
    nfe = [tick for tick in (10, 30, 100, 300, 1000, 3000, 10_000, 100_000) if tick <= end]
    panel.set_xticks([0, *nfe], ["none", *(f"{tick:,}" for tick in nfe)])
    panel.set_xticks([], minor=True)
    panel.set_xlabel("generator evaluations per image")
    panel.set_ylabel("accuracy")
    for mark in marks:
        panel.axhline(1 - mark.accuracy, color=MARK_COLOUR, linewidth=0.8, linestyle="--", zorder=0.9)


def _break_axis(panel: "Axes", place: float) -> None:
    """Two short strokes across the axis: what is beyond has no distance."""
    for shift in (-2.0, 2.0):
        panel.annotate(
            "╱",
            (0, place),
            xycoords=("axes fraction", "data"),
            xytext=(0, shift),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=7,
            color=MARK_COLOUR,
            annotation_clip=False,
        )


def _name_mark(panel: "Axes", mark: Mark) -> "Annotation":
    """Beside the right end of its line."""
    return panel.annotate(
        f"{mark.name} {mark.accuracy:g}",
        (1, 1 - mark.accuracy),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=7,
        color="#57606a",
        annotation_clip=False,
    )


def _name_point(panel: "Axes", point: Point) -> "Annotation":
    """The name, with a line to the point that is seen only if the name has to be moved away."""
    colour = COLOURS[point.row.tier]
    return panel.annotate(
        point.label,
        (point.row.nfe, point.error),
        xytext=(APART, 0),
        textcoords="offset points",
        va="center",
        fontsize=7.5,
        color=colour,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.3},
        arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2},
        zorder=3,
    )


def _move(label: "Annotation", anchor: tuple[float, float], place: Box, pixels: float) -> None:
    middle = (place.left + place.right) / 2, (place.bottom + place.top) / 2
    label.set_horizontalalignment("center")
    label.xyann = ((middle[0] - anchor[0]) / pixels, (middle[1] - anchor[1]) / pixels)
    assert label.arrow_patch is not None
    label.arrow_patch.set_visible(is_apart(place, anchor, APART * pixels))


def _move_down(text: "Annotation", taken: "list[Bbox]") -> None:
    """Move the name of a line down until it lies over none of those above."""
    x, _ = text.xyann
    for step in range(MOST_MOVES):
        text.xyann = (x, -step * GAP)
        if not any(text.get_window_extent().overlaps(other) for other in taken):
            break
    taken.append(text.get_window_extent())
