"""The leaderboard as tables and as data."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from icbench.ranking.gate import GateResult, packed
from icbench.ranking.leaderboard import Leaderboard, RankedEntry, RankedTrack
from icbench.ranking.references import Reference, published_references
from icbench.ranking.rows import PartialRun, Row, Track
from icbench.report.table import Column, Footnote, Grid, Section, printable
from icbench.statistics import Estimate

PARETO = "◆"

COLUMNS = (
    Column("rank", 0),
    Column("entry", 0, words=26),
    Column("accuracy", 0),
    Column("95 % interval", 2),
    Column("± seeds", 4),
    Column("suite", 4, words=14),
    Column("to best", 3),
    Column("its interval", 7),
    Column("p", 3),
    Column("NFE", 5),
    Column("images/s", 6),
    Column("distance", 8),
    Column("size", 9),
    Column("tier", 10, words=14),
    Column("flags", 0, words=12),
)
"""All columns; where a terminal is too narrow, those of the highest numbers go first, and of equal ones the last."""

ALWAYS = ("rank", "entry", "accuracy")
"""Columns that are there even if no row has anything in them."""

CSV_FIELDS = ["dataset", "split", "images", "section", "entry", "seeds", "images_done", "rank_first", "rank_last"]
CSV_FIELDS += ["accuracy", "accuracy_low", "accuracy_high", "accuracy_deviation"]
CSV_FIELDS += ["to_best", "to_best_low", "to_best_high", "p_holm", "nfe", "pareto", "images_per_second"]
CSV_FIELDS += ["comparable_speed", "mean_distance", "parameters", "tier", "suites", "flags"]

LEAST_P = 0.001
EVERYONE_S_TIER = "pixels"


def track_title(track: Track) -> str:
    """What was classified, in one phrase."""
    return printable(f"{track.dataset} {track.split}, {track.images:,} images")


def track_grids(board: Leaderboard, reference: bool = False) -> list[Grid]:
    """One table for each track; where two would be titled alike, their digests are named.

    Args:
        board: the leaderboard.
        reference: show published accuracies beneath.
    """
    titles = [track_title(table.track) for table in board.tracks]
    digests = [f", digest {printable(table.track.digest[:8])}…" for table in board.tracks]
    named = [title + (digest if titles.count(title) > 1 else "") for title, digest in zip(titles, digests, strict=True)]
    return [_track_grid(table, title, reference) for table, title in zip(board.tracks, named, strict=True)]


def _track_grid(table: RankedTrack, title: str, reference: bool) -> Grid:
    references = published_references(table.track.dataset, table.track.split) if reference else []
    sections = [
        Section([_entry_row(entry) for entry in table.standings]),
        Section([_entry_row(entry) for entry in table.direct], "direct classifiers"),
        Section([_reference_row(published, table.track) for published in references], "published elsewhere"),
        Section([_partial_row(run, table.track) for run in table.partial], "not complete, not ranked"),
    ]
    full = Grid(title, list(COLUMNS), sections, _footnotes(table))
    return _without_empty(full)


def _without_empty(grid: Grid) -> Grid:
    rows = grid.rows()
    kept = [
        number
        for number, column in enumerate(grid.columns)
        if column.heading in ALWAYS or any(row[number] not in ("", EVERYONE_S_TIER) for row in rows)
    ]
    return grid.only(kept)


def _entry_row(entry: RankedEntry) -> list[str]:
    row = entry.row
    accuracy, to_best = row.accuracy, entry.to_best
    return [
        _ranks(entry),
        printable(row.label),
        f"{accuracy.value:.4f}",
        interval(accuracy),
        "" if accuracy.deviation is None else f"{accuracy.deviation:.4f} ({len(row.seeds)})",
        ", ".join(map(printable, row.suites)),
        "" if to_best is None else signed(to_best.value),
        "" if to_best is None else f"{signed(to_best.low)} to {signed(to_best.high)}",
        "" if to_best is None or to_best.p is None else p_value(to_best.p),
        (f"{PARETO} " if entry.pareto else "") + (f"{row.nfe:,}" if row.nfe else ""),
        f"{row.images_per_second:,.0f}" if entry.comparable_speed and row.images_per_second else "",
        "" if row.mean_distance is None else f"{row.mean_distance:.5f}",
        _size(row.parameters),
        "" if row.direct else printable(row.tier),
        ", ".join(map(printable, row.flags)),
    ]


def _reference_row(reference: Reference, track: Track) -> list[str]:
    elsewhere = "" if reference.images == track.images else f" (on {reference.images:,} images)"
    return _cells(entry=printable(reference.name) + elsewhere, accuracy=f"{reference.accuracy:.3f}")


def _partial_row(run: PartialRun, track: Track) -> list[str]:
    coverage = f"{run.done:,} of {track.images:,} images ({run.done / max(1, track.images):.0%})"
    seed = f", seed {run.seed}" if run.seed else ""
    return _cells(entry=f"{printable(run.label)}{seed}: {coverage}, {printable(run.status)}")


def _cells(**given: str) -> list[str]:
    return [given.get(column.heading, "") for column in COLUMNS]


def _footnotes(table: RankedTrack) -> list[Footnote]:
    notes = []
    standings = [*table.standings, *table.direct]
    if len(table.standings) > 1:
        notes.append(
            Footnote("rank, p: McNemar on the same images (t test with several seeds), Holm for all pairs, 5 %")
        )
        notes.append(Footnote(f"{PARETO} no other entry is as accurate with fewer evaluations (NFE)", "NFE"))
    if any(not entry.comparable_speed for entry in standings):
        shown = next((entry.row for entry in standings if entry.comparable_speed), None)
        where = f": those of {_machine(shown)} are shown" if shown else ""
        text = f"images/s of different machines or precisions cannot be compared{where}"
        notes.append(Footnote(text, "images/s"))
    if table.beyond_budget:
        notes.append(Footnote(f"beyond the budget and not ranked: {table.beyond_budget}"))
    return notes


def _machine(row: Row) -> str:
    metadata, environment = row.metadata, row.metadata.environment
    name = (environment.gpus or ("?",))[0] if metadata.device == "cuda" else environment.cpu
    return printable(f"{name}, {metadata.device} {metadata.precision}")


def _ranks(entry: RankedEntry) -> str:
    if entry.ranks is None:
        return ""
    first, last = entry.ranks
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
    references = published_references(table.track.dataset, table.track.split) if reference else []
    return {
        **vars(table.track),
        "rows": [_entry_data(entry) for entry in table.standings],
        "direct": [_entry_data(entry) for entry in table.direct],
        "published": [vars(published) for published in references],
        "partial": [
            {"label": run.label, "seed": run.seed, "status": run.status, "done": run.done, "path": str(run.record.path)}
            for run in table.partial
        ],
        "beyond_budget": table.beyond_budget,
    }


def _entry_data(entry: RankedEntry) -> dict[str, Any]:
    row = entry.row
    return {
        "label": row.label,
        "name": row.name,
        "key": row.key,
        "entry": row.metadata.entry.document(),
        "precision": row.metadata.precision,
        "device": row.metadata.device,
        "rank": list(entry.ranks) if entry.ranks else None,
        "accuracy": _estimate_data(row.accuracy),
        "to_best": _estimate_data(entry.to_best) if entry.to_best else None,
        "nfe": row.nfe,
        "pareto": entry.pareto,
        "images_per_second": row.images_per_second,
        "comparable_speed": entry.comparable_speed,
        "mean_distance": row.mean_distance,
        "parameters": row.parameters,
        "tier": row.tier,
        "suites": row.suites,
        "flags": row.flags,
        "runs": [
            {
                "id": record.metadata.id,
                "seed": record.metadata.seed,
                "key": record.metadata.key,
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
    writer = csv.DictWriter(stream, CSV_FIELDS, lineterminator="\n")
    writer.writeheader()
    for table in board.tracks:
        track = {name: getattr(table.track, name) for name in ("dataset", "split", "images")}
        for row in _csv_rows(table, reference):
            cells = {**track, **row}.items()
            writer.writerow({name: printable(cell) if isinstance(cell, str) else cell for name, cell in cells})
    return stream.getvalue()


def _csv_rows(table: RankedTrack, reference: bool) -> Iterator[dict[str, Any]]:
    for entry in table.standings:
        yield {"section": "inversion", **_csv_entry(entry, table.track)}
    for entry in table.direct:
        yield {"section": "direct", **_csv_entry(entry, table.track)}
    for published in published_references(table.track.dataset, table.track.split) if reference else []:
        figures = {"entry": published.name, "images_done": published.images, "accuracy": published.accuracy}
        yield {"section": "published", **figures}
    for run in table.partial:
        yield {"section": "partial", "entry": run.label, "seeds": 1, "images_done": run.done}


def _csv_entry(entry: RankedEntry, track: Track) -> dict[str, Any]:
    row, best = entry.row, entry.to_best
    first, last = entry.ranks or ("", "")
    figures: dict[str, Any] = {"rank_first": first, "rank_last": last, "accuracy": row.accuracy.value}
    figures |= {"accuracy_low": row.accuracy.low, "accuracy_high": row.accuracy.high}
    if best:
        figures |= {"to_best": best.value, "to_best_low": best.low, "to_best_high": best.high, "p_holm": best.p}
    return {
        **figures,
        "entry": row.label,
        "seeds": len(row.seeds),
        "images_done": track.images,
        "accuracy_deviation": row.accuracy.deviation,
        "nfe": row.nfe,
        "pareto": entry.pareto,
        "images_per_second": row.images_per_second,
        "comparable_speed": entry.comparable_speed,
        "mean_distance": row.mean_distance,
        "parameters": row.parameters,
        "tier": row.tier,
        "suites": "; ".join(row.suites),
        "flags": "; ".join(row.flags),
    }


def gate_grid(results: Sequence[GateResult], margin: float) -> Grid:
    """What the gate found."""
    columns = [Column("verdict", 0, words=9), Column("entry", 0, words=26), Column("change", 0)]
    columns += [Column("95 % interval", 1), Column("track", 2, words=30)]
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
    return Grid(f"gate with margin {margin:g}", columns, [Section(rows)], [Footnote(note)])
