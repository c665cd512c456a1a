"""The leaderboard as tables and as data."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from icbench.ranking.gate import GateResult, packed
from icbench.ranking.leaderboard import Leaderboard, RankedTrack, Standing
from icbench.ranking.marks import Mark, published_marks
from icbench.ranking.rows import PartialRun, Row, Track
from icbench.report.grid import Column, Grid, Section, printable
from icbench.statistics import Estimate

PARETO = "◆"

COLUMNS = (
    Column("rank", 0),
    Column("entry", 0, text=True),
    Column("accuracy", 0),
    Column("95 % interval", 2),
    Column("± seeds", 4),
    Column("to best", 3),
    Column("its interval", 7),
    Column("p", 3),
    Column("NFE", 5),
    Column("images/s", 6),
    Column("distance", 8),
    Column("size", 9),
    Column("tier", 10, text=True),
    Column("flags", 1, text=True),
)
"""All columns; where a terminal is too narrow, those of the highest numbers go first."""

OPTIONAL = ("± seeds", "tier", "flags")
"""Columns that are there only if some row has something in them."""

CSV_FIELDS = ["dataset", "split", "images", "section", "entry", "seeds", "rank_first", "rank_last"]
CSV_FIELDS += ["accuracy", "accuracy_low", "accuracy_high", "accuracy_deviation"]
CSV_FIELDS += ["to_best", "to_best_low", "to_best_high", "p_holm", "nfe", "pareto", "images_per_second"]
CSV_FIELDS += ["comparable_speed", "mean_distance", "parameters", "tier", "flags"]

LEAST_P = 0.001
EVERYONE_S_TIER = "pixels"


def track_title(track: Track) -> str:
    """What was classified, in one phrase."""
    return printable(f"{track.dataset} {track.split}, {track.images:,} images")


def track_grid(table: RankedTrack, reference: bool = False) -> Grid:
    """One track's table.

    Args:
        table: the track.
        reference: show published accuracies beneath.
    """
    marks = published_marks(table.track.dataset, table.track.split) if reference else []
    sections = [
        Section([_standing_row(standing) for standing in table.standings]),
        Section([_standing_row(standing) for standing in table.direct], "direct classifiers"),
        Section([_mark_row(mark, table.track) for mark in marks], "published, not measured here"),
        Section([_partial_row(run, table.track) for run in table.partial], "not complete, not ranked"),
    ]
    full = Grid(track_title(table.track), list(COLUMNS), sections, _footnotes(table))
    return _without_empty(full)


def _without_empty(grid: Grid) -> Grid:
    rows = grid.rows()
    kept = [
        number
        for number, column in enumerate(grid.columns)
        if column.heading not in OPTIONAL or any(row[number] not in ("", EVERYONE_S_TIER) for row in rows)
    ]
    return grid.only(kept)


def _standing_row(standing: Standing) -> list[str]:
    row = standing.row
    accuracy, to_best = row.accuracy, standing.to_best
    return [
        _ranks(standing),
        printable(row.label),
        f"{accuracy.value:.4f}",
        interval(accuracy),
        "" if accuracy.deviation is None else f"{accuracy.deviation:.4f} ({len(row.seeds)})",
        "" if to_best is None else signed(to_best.value),
        "" if to_best is None else f"{signed(to_best.low)} to {signed(to_best.high)}",
        "" if to_best is None or to_best.p is None else p_value(to_best.p),
        (f"{row.nfe:,}" if row.nfe else "") + (f" {PARETO}" if standing.pareto else ""),
        f"{row.images_per_second:,.0f}" if standing.comparable_speed and row.images_per_second else "",
        "" if row.mean_distance is None else f"{row.mean_distance:.5f}",
        _size(row.parameters),
        "" if row.direct else printable(str(row.facts["tier"])),
        ", ".join(map(printable, row.flags)),
    ]


def _mark_row(mark: Mark, track: Track) -> list[str]:
    elsewhere = "" if mark.images == track.images else f" (on {mark.images:,} images)"
    return _cells(entry=printable(mark.name) + elsewhere, accuracy=f"{mark.accuracy:.3f}")


def _partial_row(run: PartialRun, track: Track) -> list[str]:
    coverage = f"{run.done:,} of {track.images:,} images ({run.done / track.images:.0%})"
    seed = f", seed {run.seed}" if run.seed else ""
    return _cells(entry=f"{printable(run.label)}{seed}: {coverage}, {printable(run.status)}")


def _cells(**given: str) -> list[str]:
    return [given.get(column.heading, "") for column in COLUMNS]


def _footnotes(table: RankedTrack) -> list[str]:
    notes = []
    standings = [*table.standings, *table.direct]
    if len(table.standings) > 1:
        notes.append("rank, p: McNemar on the same images (t test with several seeds), Holm for all pairs, 5 %")
        notes.append(f"{PARETO} no other entry is as accurate with fewer evaluations (NFE)")
    if any(not standing.comparable_speed for standing in standings):
        shown = next((standing.row for standing in standings if standing.comparable_speed), None)
        where = f": those of {_machine(shown)} are shown" if shown else ""
        notes.append(f"images/s of different machines or precisions cannot be compared{where}")
    if table.beyond_budget:
        notes.append(f"beyond the budget and not ranked: {table.beyond_budget}")
    return notes


def _machine(row: Row) -> str:
    environment, device = row.facts["environment"], row.facts["device"]
    name = (environment.get("gpus") or ["?"])[0] if device == "cuda" else environment.get("cpu", "?")
    return printable(f"{name}, {device} {row.facts['precision']}")


def _ranks(standing: Standing) -> str:
    if standing.ranks is None:
        return ""
    first, last = standing.ranks
    return str(first) if first == last else f"{first}–{last}"


def interval(estimate: Estimate) -> str:
    """The interval of an accuracy."""
    return f"{estimate.low:.4f}–{estimate.high:.4f}"


def signed(value: float) -> str:
    """A difference of accuracies with its sign."""
    return f"{value:+.4f}".replace("-", "−")


def p_value(p: float) -> str:
    """A p value, not more exactly than it is of use."""
    return f"<{LEAST_P}" if p < LEAST_P else f"{p:.3f}"


def _size(parameters: int | None) -> str:
    if parameters is None:
        return ""
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if parameters >= unit:
            return f"{parameters / unit:.1f} {name}"
    return str(parameters)


def leaderboard_data(board: Leaderboard, reference: bool = False) -> dict[str, Any]:
    """The leaderboard as JSON has it, complete enough to be the baseline of a gate."""
    return {"tracks": [_track_data(table, reference) for table in board.tracks]}


def _track_data(table: RankedTrack, reference: bool) -> dict[str, Any]:
    marks = published_marks(table.track.dataset, table.track.split) if reference else []
    return {
        **vars(table.track),
        "rows": [_standing_data(standing) for standing in table.standings],
        "direct": [_standing_data(standing) for standing in table.direct],
        "published": [vars(mark) for mark in marks],
        "partial": [
            {"label": run.label, "seed": run.seed, "status": run.status, "done": run.done, "path": str(run.record.path)}
            for run in table.partial
        ],
        "beyond_budget": table.beyond_budget,
    }


def _standing_data(standing: Standing) -> dict[str, Any]:
    row = standing.row
    return {
        "label": row.label,
        "key": row.key,
        "entry": row.facts["entry"],
        "precision": row.facts["precision"],
        "device": row.facts["device"],
        "rank": list(standing.ranks) if standing.ranks else None,
        "accuracy": _estimate_data(row.accuracy),
        "to_best": _estimate_data(standing.to_best) if standing.to_best else None,
        "nfe": row.nfe,
        "pareto": standing.pareto,
        "images_per_second": row.images_per_second,
        "comparable_speed": standing.comparable_speed,
        "mean_distance": row.mean_distance,
        "parameters": row.parameters,
        "tier": row.facts["tier"],
        "flags": row.flags,
        "runs": [
            {
                "id": record.facts["id"],
                "seed": record.facts["seed"],
                "key": record.facts["key"],
                "path": str(record.path),
            }
            for record in row.records
        ],
        "correct": packed(row.correct),
    }


def _estimate_data(estimate: Estimate) -> dict[str, float | None]:
    return {name: value for name, value in vars(estimate).items() if value is not None}


def leaderboard_csv(board: Leaderboard, reference: bool = False) -> str:
    """Every row of every track as one CSV file, with full numbers."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_FIELDS)
    for table in board.tracks:
        track = [table.track.dataset, table.track.split, table.track.images]
        writer.writerows([*track, "inversion", *_csv_row(standing)] for standing in table.standings)
        writer.writerows([*track, "direct", *_csv_row(standing)] for standing in table.direct)
        if reference:
            marks = published_marks(table.track.dataset, table.track.split)
            writer.writerows([*track, "published", mark.name, "", "", "", mark.accuracy] for mark in marks)
    return stream.getvalue()


def _csv_row(standing: Standing) -> list[Any]:
    row, best = standing.row, standing.to_best
    return [
        row.label,
        len(row.seeds),
        *(standing.ranks or ("", "")),
        *(row.accuracy.value, row.accuracy.low, row.accuracy.high, row.accuracy.deviation),
        *((best.value, best.low, best.high, best.p) if best else ("", "", "", "")),
        *(row.nfe, standing.pareto, row.images_per_second, standing.comparable_speed),
        *(row.mean_distance, row.parameters, row.facts["tier"], "; ".join(row.flags)),
    ]


def gate_grid(results: Sequence[GateResult], margin: float) -> Grid:
    """What the gate found."""
    columns = [Column("verdict", 0, text=True), Column("entry", 0, text=True), Column("change", 0)]
    columns += [Column("95 % interval", 1), Column("track", 2, text=True)]
    rows = [
        [
            result.verdict,
            printable(result.label),
            signed(result.difference.value) if result.difference else "",
            f"{signed(result.difference.low)} to {signed(result.difference.high)}" if result.difference else "",
            track_title(result.track),
        ]
        for result in results
    ]
    note = f"worse: the interval lies below −{margin:g} as a whole; no worse: above it as a whole"
    return Grid(f"gate with margin {margin:g}", columns, [Section(rows)], [note])
