"""Charts of a page, as plotly takes them: what is drawn and what is said of a point; colours fit light and dark."""

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icbench.kinds.names import TIERS
from icbench.ranking.leaderboard import RankedEntry, RankedTrack
from icbench.ranking.references import Reference
from icbench.ranking.rows import Row
from icbench.report.class_names import call_class, tell_outcome
from icbench.report.cost_chart import TICKS
from icbench.report.estimates import format_signed, interval
from icbench.report.table import printable
from icbench.running.entry import DIRECT
from icbench.running.reconstructions import ClassPaths
from icbench.statistics import Pairwise, ReliabilityBin

BLUE, ORANGE, GREEN, PURPLE, GREY = "#2b7cc4", "#d2601a", "#1a8f6a", "#a862b8", "#7d8590"
"""Told apart by those who see no red or green (after Okabe and Ito), and 3 : 1 against white and against dark paper."""
FORMS = ((BLUE, "circle"), (GREEN, "square"), (ORANGE, "diamond"), (PURPLE, "x"))
TIER_FORMS = dict(zip((*TIERS, DIRECT), FORMS, strict=True))
UNKNOWN_FORM = GREY, "star"
NFE_TICKS = tuple(lead * 10**power for power in range(8) for lead in (1, 2, 5))
ROOM = 2.0
"""How far the axis of evaluations goes beyond its first and last entry, as a factor."""
WRAPPED, MOST_LINES = 44, 5
MOST_COUNTED = 12
"""So many classes have their counts written into the cells of a confusion matrix."""
UNDECIDED = "rgba(125,133,144,.22)"
CELLS = {
    "type": "heatmap",
    "zmin": -1,
    "zmax": 1,
    "showscale": False,
    "xgap": 1,
    "ygap": 1,
    "hovertemplate": "%{customdata}<extra></extra>",
}
MARGIN = {"l": 56, "r": 12, "t": 12, "b": 48}

Spec = dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """A chart and the words that go with it.

    Args:
        name: what the page's script finds it by.
        title: what it shows, in a few words.
        alt: what one would see in it.
        spec: `data` and `layout` as plotly takes them.
        height: in CSS pixels.
        caption: what is said beneath.
    """

    name: str
    title: str
    alt: str
    spec: Spec
    height: int = 420
    caption: str = ""


def wrap_text(text: str) -> str:
    """`text` as plotly shows it beside a point: in lines, and never as markup."""
    lines = textwrap.wrap(printable(text), WRAPPED) or [""]
    kept = lines[:MOST_LINES] + (["…"] if len(lines) > MOST_LINES else [])
    return "<br>".join(html.escape(line) for line in kept)


def draw_cost(name: str, table: RankedTrack, references: Sequence[Reference]) -> Chart:
    """Accuracy against generator evaluations: both axes logarithmic, that of accuracy in the error."""
    entries = [*table.standings, *table.direct]
    floor = 0.5 / table.track.images
    evaluations = [entry.row.nfe for entry in table.standings if entry.row.nfe] or [10]
    nowhere = min(evaluations) / 3
    first, last = (nowhere if table.direct else min(evaluations)) / ROOM, max(evaluations) * ROOM
    ends = [end for entry in entries for end in (entry.row.accuracy.low, entry.row.accuracy.high)]
    errors = [max(floor, 1 - end) for end in (*ends, *(reference.accuracy for reference in references))]
    tiers = dict.fromkeys((*TIER_FORMS, *(entry.row.tier for entry in entries)))
    points = [_tier_points(tier, entries, floor, nowhere) for tier in tiers]
    lines = [_pareto_line(table.standings, floor, last)]
    lines += [_reference_line(one, floor, first, last, not place) for place, one in enumerate(references)]
    layout = {
        "xaxis": _nfe_axis(evaluations, first, last, nowhere if table.direct else None),
        "yaxis": _error_axis(min(errors) / 1.3, min(1.0, max(errors) * 1.3), floor),
        "margin": MARGIN,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hovermode": "closest",
    }
    spec = {"data": [trace for trace in (*lines, *points) if trace["x"]], "layout": layout}
    return Chart(
        name, "Accuracy against generator evaluations (NFE)", _cost_alt(entries), spec, 460, _cost_caption(references)
    )


def _cost_alt(entries: Sequence[RankedEntry]) -> str:
    best = max((entry.row for entry in entries), key=lambda row: row.accuracy.value)
    accuracy = f"{best.accuracy.value:.4f} at {best.nfe:,} evaluations"
    return f"{len(entries)} entries; the most accurate is {printable(best.label)} with {accuracy}."


def _cost_caption(references: Sequence[Reference]) -> str:
    caption = (
        "Higher is better, further left is cheaper. Bars are 95 % intervals; the line joins the inversions that no "
        "other beats in both."
    )
    marks = "; ".join(f"{reference.accuracy:g} {reference.name}" for reference in references)
    return f"{caption} Dashed: published accuracies ({marks})." if marks else caption


def _tier_points(tier: str, entries: Sequence[RankedEntry], floor: float, nowhere: float) -> Spec:
    colour, form = TIER_FORMS.get(tier, UNKNOWN_FORM)
    shown = [(number, entry.row) for number, entry in enumerate(entries) if entry.row.tier == tier]
    values = [row.accuracy for _, row in shown]
    errors = [max(floor, 1 - value.value) for value in values]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": tier,
        "x": [row.nfe or nowhere for _, row in shown],
        "y": errors,
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [max(0.0, 1 - value.low - error) for value, error in zip(values, errors, strict=True)],
            "arrayminus": [
                max(0.0, error - max(floor, 1 - value.high)) for value, error in zip(values, errors, strict=True)
            ],
            "thickness": 1,
            "width": 3,
        },
        "marker": {"color": colour, "symbol": form, "size": 9, "line": {"width": 0}},
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 0.12}},
        "customdata": [number for number, _ in shown],
        "text": [_point_text(row) for _, row in shown],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _point_text(row: Row) -> str:
    evaluations = f"{row.nfe:,} evaluations" if row.nfe else "no generator evaluations"
    return f"{wrap_text(row.label)}<br>accuracy {row.accuracy.value:.4f} ({interval(row.accuracy)})<br>{evaluations}"


def _pareto_line(standings: Sequence[RankedEntry], floor: float, last: float) -> Spec:
    """What can be had for so many evaluations, up to `last`."""
    best = sorted((entry.row for entry in standings if entry.pareto and entry.row.nfe), key=lambda row: row.nfe)
    errors = [max(floor, 1 - row.accuracy.value) for row in best]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "best for its cost",
        "x": [row.nfe for row in best] + [last] * bool(best),
        "y": errors + errors[-1:],
        "line": {"shape": "hv", "color": GREY, "width": 1.5},
        "hoverinfo": "skip",
    }


def _reference_line(reference: Reference, floor: float, first: float, last: float, explained: bool) -> Spec:
    text = f"{wrap_text(reference.name)}<br>published: {reference.accuracy:g} on {reference.images:,} images"
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "published",
        "legendgroup": "published",
        "showlegend": explained,
        "x": list(np.geomspace(first, last, 25)),
        "y": [max(floor, 1 - reference.accuracy)] * 25,
        "text": text,
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": GREY, "width": 1.2, "dash": "dash"},
    }


def _nfe_axis(evaluations: Sequence[int], first: float, last: float, nowhere: float | None) -> Spec:
    shown = [tick for tick in NFE_TICKS if first <= tick <= last and (nowhere is None or tick > nowhere * 1.5)]
    if len(shown) > 7:
        shown = [tick for tick in shown if str(tick)[0] == "1"]
    if len(shown) < 2:
        shown = sorted({min(evaluations), max(evaluations)})
    none = {} if nowhere is None else {nowhere: "none"}
    ticks = {**none, **{tick: f"{tick:,}" for tick in shown}}
    return _log_axis("generator evaluations per image", first, last, ticks)


def _error_axis(least: float, most: float, floor: float) -> Spec:
    ticks = {1 - tick: f"{tick:g}" for tick in TICKS if least <= 1 - tick <= most and 1 - tick > 1.5 * floor}
    ticks |= {floor: "1"} if least <= floor else {}
    return _log_axis("accuracy", most, least, ticks)


def _log_axis(title: str, first: float, last: float, ticks: dict[float, str]) -> Spec:
    return {
        "type": "log",
        "title": {"text": title},
        "range": [float(np.log10(first)), float(np.log10(last))],
        "tickmode": "array",
        "tickvals": list(ticks),
        "ticktext": list(ticks.values()),
        "minor": {"ticks": ""},
    }


def draw_differences(name: str, standings: Sequence[RankedEntry], tests: Pairwise) -> Chart:
    """Which entries are really better than which, each pair a cell."""
    rows = [entry.row for entry in standings]
    places = list(range(1, len(rows) + 1))
    verdicts = tests.better.astype(int) - tests.better.T.astype(int)
    names = [wrap_text(row.label) for row in rows]
    values = [row.accuracy.value for row in rows]
    text = [
        [_pair_text(names[i], names[j], values[i] - values[j], tests.p[i, j], verdicts[i, j]) for j in range(len(rows))]
        for i in range(len(rows))
    ]
    scale = [[0, ORANGE], [0.33, ORANGE], [0.33, UNDECIDED], [0.67, UNDECIDED], [0.67, BLUE], [1, BLUE]]
    data = {**CELLS, "x": places, "y": places, "z": verdicts.tolist(), "colorscale": scale, "customdata": text}
    ticks = {"tickmode": "linear", "dtick": max(1, len(rows) // 10), "tick0": 1, "showgrid": False, "zeroline": False}
    layout = {
        "xaxis": {**ticks, "title": {"text": "than the entry in this row of the table"}, "constrain": "domain"},
        "yaxis": {
            **ticks,
            "title": {"text": "entry in this row"},
            "autorange": "reversed",
            "scaleanchor": "x",
            "constrain": "domain",
        },
        "margin": MARGIN,
    }
    alt = f"Of {len(rows) * (len(rows) - 1) // 2} pairs of entries, {int(tests.better.sum())} differ significantly."
    caption = (
        f"{alt} Blue: the entry on the left is better; orange: worse; grey: they cannot be told apart (Holm for all "
        "pairs, 5 %). Numbers are rows of the table as it is first sorted."
    )
    return Chart(name, "Which differences are real", alt, {"data": [data], "layout": layout}, 440, caption)


def _pair_text(name: str, other: str, difference: float, p: float, verdict: int) -> str:
    found = ("worse", "not told apart", "better")[verdict + 1]
    return f"{name}<br><b>{format_signed(difference)}</b> to<br>{other}<br>p {p:.3g}: {found}"


def draw_confusion(
    name: str, counts: NDArray[np.int64], alt: str, caption: str = "", names: Sequence[str] = ()
) -> Chart:
    """Labels down, predictions across: blue where they agree, orange where they do not.

    Args:
        name: of the chart.
        counts: (K, K + 1), the last column of images whose result was not finite.
        alt: what stands out in it.
        caption: what is said beneath.
        names: what the classes are called, if they have names.
    """
    size = len(counts)
    shown = counts if counts[:, size].any() else counts[:, :size]
    shares = shown / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    right = np.eye(*shown.shape, dtype=np.bool_)
    # The square root lets the few errors of a good classifier be seen.
    strength = np.where(right, shares, -np.minimum(1, 2 * shares**0.5)).round(4)
    predictions = [*(axis_name(label, names) for label in range(size)), "?"][: shown.shape[1]]
    data = {
        **CELLS,
        "x": predictions,
        "y": predictions[:size],
        "z": [[value if count else None for value, count in zip(*row, strict=True)] for row in _rows(strength, shown)],
        "colorscale": [[0, ORANGE], [0.5, "#f1f3f6"], [1, BLUE]],
        "hoverongaps": False,
        "customdata": [
            [_cell_text(label, *cell) for cell in zip(predictions, *row, strict=True)]
            for label, row in zip(predictions, _rows(shown, shares), strict=False)
        ],
    }
    if size <= MOST_COUNTED:
        text = [[f"{count:,}" if count else "" for count in row] for row in shown.tolist()]
        data |= {"text": text, "texttemplate": "%{text}", "textfont": {"size": 11}}
    axis = {"type": "category", "showgrid": False, "zeroline": False}
    layout = {
        "xaxis": {**axis, "title": {"text": "prediction"}, "constrain": "domain"},
        "yaxis": {**axis, "title": {"text": "label"}, "autorange": "reversed"},
        "margin": MARGIN,
    }
    return Chart(name, "What is taken for what", alt, {"data": [data], "layout": layout}, 400, caption)


def _rows(*arrays: NDArray[Any]) -> "zip[tuple[list[Any], ...]]":
    """The rows of several arrays of one shape, side by side."""
    return zip(*(array.tolist() for array in arrays), strict=True)


def axis_name(label: int, names: Sequence[str]) -> str:
    """What a class is called on an axis and in a point's text, which plotly reads as markup."""
    return html.escape(call_class(label, names))


def _cell_text(label: str, prediction: str, count: int, share: float) -> str:
    what = "not finite" if prediction == "?" else "right" if prediction == label else f"taken for {prediction}"
    return f"{count:,} images of {label} ({share:.1%}): {what}"


def draw_reliability(name: str, bins: Sequence[ReliabilityBin]) -> Chart:
    """Accuracy against the probability that an entry gives its own answers."""
    texts = [f"{one.images:,} images<br>sure to {one.confidence:.1%}, right in {one.accuracy:.1%}" for one in bins]
    most = max(one.images for one in bins)
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": [0, 1],
        "y": [0, 1],
        "hoverinfo": "skip",
        "line": {"color": GREY, "dash": "dash", "width": 1},
    }
    points = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [one.confidence for one in bins],
        "y": [one.accuracy for one in bins],
        "marker": {"color": BLUE, "size": [7 + 15 * (one.images / most) ** 0.5 for one in bins], "opacity": 1},
        "line": {"color": BLUE, "width": 1},
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
    }
    layout = {
        "xaxis": {"title": {"text": "probability"}, "range": [-0.03, 1.03]},
        "yaxis": {"title": {"text": "accuracy"}, "range": [-0.03, 1.06]},
        "showlegend": False,
        "margin": MARGIN,
    }
    alt = f"{len(bins)} ranges of probability against the accuracy in each; on the dashed line the two agree."
    return Chart(name, "Calibration", alt, {"data": [line, points], "layout": layout}, 340)


def draw_survival(name: str, kept: Sequence[tuple[str, NDArray[np.float64]]]) -> Chart:
    """The share of images whose own class is still among the hypotheses, by step, for entries that drop some.

    Args:
        name: of the chart.
        kept: labels and shares (S,) before each step.
    """
    colours = (BLUE, ORANGE, GREEN, PURPLE, GREY)
    lowest = min(float(shares[-1]) for _, shares in kept)
    # Where next to nothing is lost, the axis does not make much of it.
    least = min(0.98, lowest - 0.002)
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": wrap_text(label),
            "y": shares.round(5).tolist(),
            "line": {
                "shape": "hv",
                "color": colours[number % len(colours)],
                "dash": ("solid", "dash", "dot")[number // len(colours) % 3],
            },
            "text": wrap_text(label),
            "hovertemplate": "%{text}<br>step %{x}: %{y:.2%}<extra></extra>",
        }
        for number, (label, shares) in enumerate(kept)
    ]
    layout = {
        "xaxis": {"title": {"text": "step"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": "own class still there"}, "tickformat": ".1%", "range": [least, 1.002]},
        "margin": {**MARGIN, "l": 64},
        "showlegend": False,
    }
    alt = f"{len(kept)} entries that drop hypotheses; at the end {lowest:.1%} of the images or more have their class."
    return Chart(name, "What dropping hypotheses can cost, by step", alt, {"data": data, "layout": layout}, 320)


def draw_path(name: str, paths: ClassPaths, number: int) -> Chart:
    """How the class vector of one image moved: its own class blue, the one it was taken for orange."""
    path, truth = paths.path[:, number], int(paths.truth[number])
    final = int(path[-1].argmax())
    heavy = {final: ORANGE, truth: BLUE}
    said = [axis_name(label, paths.class_names) for label in range(path.shape[1])]
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "y": path[:, label].round(4).tolist(),
            "line": {"color": heavy.get(label, GREY), "width": 2.5 if label in heavy else 1},
            "opacity": 1 if label in heavy else 0.45,
            "hovertemplate": f"class {said[label]}, step %{{x}}: %{{y:.3f}}<extra></extra>",
        }
        for label in sorted(range(path.shape[1]), key=lambda label: (label in heavy, float(path[:, label].max())))
    ]
    layout = {
        "xaxis": {"title": {"text": "step"}},
        "yaxis": {"range": [-0.02, 1.04]},
        "margin": {"l": 36, "r": 8, "t": 6, "b": 40},
        "showlegend": False,
    }
    own, found = (call_class(label, paths.class_names) for label in (truth, final))
    title = tell_outcome(truth, final, paths.class_names)
    alt = f"The class vector of a {own} over {len(path) - 1} steps; it ends with {path[-1, final]:.2f} for {found}."
    return Chart(name, title, alt, {"data": data, "layout": layout}, 190)
