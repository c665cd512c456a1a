"""A comparison as tables and as data."""

from typing import Any

from icbench.ranking.comparison import Comparison
from icbench.report.estimates import format_signed, interval, p_value
from icbench.report.leaderboard import track_title
from icbench.report.table import Column, Grid, Section, printable

LISTED = 20


def comparison_grids(comparison: Comparison) -> list[Grid]:
    """The accuracies of A and B, and McNemar's table."""
    columns = [Column("", 0), Column("entry", 0, words=30), Column("seeds", 1), Column("accuracy", 0)]
    columns += [Column("95 % interval", 0)]
    rows = [
        [name, printable(row.label), str(len(row.seeds)), f"{row.accuracy.value:.4f}", interval(row.accuracy)]
        for name, row in (("A", comparison.first), ("B", comparison.second))
    ]
    pair = comparison.pair
    counts = [["A right", f"{pair.both:,}", f"{pair.only_first:,}"], ["A wrong", f"{pair.only_second:,}"]]
    counts[1].append(f"{pair.neither:,}")
    title = "images" if _single(comparison) else "images, by what most seeds say"
    return [
        Grid(track_title(comparison.track), columns, [Section(rows)]),
        Grid(title, [Column("", 0, words=7), Column("B right", 0), Column("B wrong", 0)], [Section(counts)]),
    ]


def comparison_lines(comparison: Comparison) -> list[str]:
    """What follows from it, a line each."""
    difference, (low, high) = comparison.difference, comparison.bootstrap
    kind = "paired bootstrap" if _single(comparison) else "hierarchical bootstrap, seeds then images"
    value, low_end, high_end = map(format_signed, (difference.value, low, high))
    lines = [
        f"A − B: {value}, 95 % interval {low_end} to {high_end} ({kind})",
        _test(comparison),
        _verdict(comparison),
    ]
    for name, row in (("A", comparison.first), ("B", comparison.second)):
        if row.flags:
            lines.append(f"{name} is flagged: {', '.join(map(printable, row.flags))}")
    for name, images in (("A", comparison.only_first), ("B", comparison.only_second)):
        if len(images):
            more = f" … ({len(images):,})" if len(images) > LISTED else ""
            lines.append(f"only {name} right: {', '.join(map(str, images[:LISTED]))}{more}")
    return lines


def _single(comparison: Comparison) -> bool:
    return comparison.corrected_p is not None


def _test(comparison: Comparison) -> str:
    p = comparison.difference.p
    assert p is not None  # a difference always has one
    if comparison.corrected_p is None:
        return f"t test over images and seeds: p {_equals(p)}"
    return f"McNemar: exact p {_equals(p)}, corrected chi-squared p {_equals(comparison.corrected_p)}"


def _equals(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"


def _verdict(comparison: Comparison) -> str:
    if comparison.decided:
        better, worse = ("A", "B") if comparison.difference.value > 0 else ("B", "A")
        return f"{better} is better than {worse}"
    if comparison.more_images:
        return f"not told apart: needs about {comparison.more_images:,} more images"
    if comparison.pair.difference == 0:
        return "not told apart: as many images speak for A as for B"
    return "not told apart: needs more seeds, they differ too much"


def comparison_data(comparison: Comparison) -> dict[str, Any]:
    """The comparison as JSON has it."""
    pair = comparison.pair
    return {
        "track": vars(comparison.track),
        "entries": [
            {
                "label": row.label,
                "seeds": row.seeds,
                "runs": [record.metadata.id for record in row.records],
                "accuracy": row.accuracy.value,
                "accuracy_low": row.accuracy.low,
                "accuracy_high": row.accuracy.high,
                "flags": row.flags,
            }
            for row in (comparison.first, comparison.second)
        ],
        "mcnemar": {**vars(pair), "p": comparison.difference.p, "corrected_p": comparison.corrected_p},
        "difference": {
            "value": comparison.difference.value,
            "low": comparison.bootstrap[0],
            "high": comparison.bootstrap[1],
        },
        "decided": comparison.decided,
        "more_images": comparison.more_images,
        "only_first": comparison.only_first.tolist(),
        "only_second": comparison.only_second.tolist(),
    }
