"""The leaderboard as tables and as data."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from icbench.ranking.gate import GateResult, pack_correct
from icbench.ranking.leaderboard import Leaderboard, RankedEntry, RankedTrack
from icbench.ranking.references import Reference, published_references
from icbench.ranking.rows import PartialRun, Row, Track
from icbench.report.estimates import difference, estimate_data, interval, p_value
from icbench.report.table import Column, Footnote, Grid, Section, printable

PARETO = "◆"

ALWAYS = ("rank", "entry", "accuracy")
"""Columns that are there even if no row has anything in them."""

CSV_FIELDS = ["dataset", "split", "images", "section", "entry", "seeds", "images_done", "rank_first", "rank_last"]
CSV_FIELDS += ["accuracy", "accuracy_low", "accuracy_high", "accuracy_deviation"]
CSV_FIELDS += ["to_best", "to_best_low", "to_best_high", "p_holm", "nfe", "pareto", "images_per_second"]
CSV_FIELDS += ["comparable_speed", "mean_distance", "parameters", "tier", "suites", "flags"]

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
    full = Grid(title, list(CELLS), sections, _footnotes(table))
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
    return [cell(entry) for cell in CELLS.values()]


def _reference_row(reference: Reference, track: Track) -> list[str]:
    elsewhere = "" if reference.images == track.images else f" (on {reference.images:,} images)"
    return _cells(entry=printable(reference.name) + elsewhere, accuracy=f"{reference.accuracy:.3f}")


def _partial_row(run: PartialRun, track: Track) -> list[str]:
    coverage = f"{run.done:,} of {track.images:,} images ({run.done / max(1, track.images):.0%})"
    seed = f", seed {run.seed}" if run.seed else ""
    return _cells(entry=f"{printable(run.label)}{seed}: {coverage}, {printable(run.status)}")


def _cells(**given: str) -> list[str]:
    return [given.get(column.heading, "") for column in CELLS]


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
    return "–".join(map(str, dict.fromkeys(entry.ranks or ())))


def _deviation(row: Row) -> str:
    return "" if row.accuracy.deviation is None else f"{row.accuracy.deviation:.4f} ({len(row.seeds)})"


def _evaluations(entry: RankedEntry) -> str:
    return (f"{PARETO} " if entry.pareto else "") + (f"{entry.row.nfe:,}" if entry.row.nfe else "")


def _speed(entry: RankedEntry) -> str:
    speed = entry.row.images_per_second if entry.comparable_speed else None
    return f"{speed:,.0f}" if speed else ""


def _distance(mean: float | None) -> str:
    return "" if mean is None else f"{mean:.5f}"


def _join_texts(texts: Sequence[str]) -> str:
    return ", ".join(map(printable, texts))


def _size(parameters: int | None) -> str:
    if parameters is None:
        return ""
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if parameters >= unit:
            return f"{parameters / unit:.1f} {name}"
    return str(parameters)


CELLS: dict[Column, Callable[[RankedEntry], str]] = {
    Column("rank", 0): _ranks,
    Column("entry", 0, words=26): lambda entry: printable(entry.row.label),
    Column("accuracy", 0): lambda entry: f"{entry.row.accuracy.value:.4f}",
    Column("95 % interval", 2): lambda entry: interval(entry.row.accuracy),
    Column("± seeds", 4): lambda entry: _deviation(entry.row),
    Column("suite", 4, words=14): lambda entry: _join_texts(entry.row.suites),
    Column("to best", 3): lambda entry: difference(entry.to_best)[0],
    Column("its interval", 7): lambda entry: difference(entry.to_best)[1],
    Column("p", 3): lambda entry: p_value(entry.to_best.p if entry.to_best else None),
    Column("NFE", 5): _evaluations,
    Column("images/s", 6): _speed,
    Column("distance", 8): lambda entry: _distance(entry.row.mean_distance),
    Column("size", 9): lambda entry: _size(entry.row.parameters),
    Column("tier", 10, words=14): lambda entry: "" if entry.row.direct else printable(entry.row.tier),
    Column("flags", 0, words=12): lambda entry: _join_texts(entry.row.flags),
}
"""All columns with an entry's cell; where a terminal is too narrow, those of the highest numbers go first, and of equal
ones the last."""


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
        "accuracy": estimate_data(row.accuracy),
        "to_best": estimate_data(entry.to_best),
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
        "correct": pack_correct(row.correct),
    }


def leaderboard_csv(board: Leaderboard, reference: bool = False) -> str:
    """Every row of every track as one CSV file, with full numbers."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, CSV_FIELDS, lineterminator="\n")
    writer.writeheader()
    for row in leaderboard_rows(board, reference):
        writer.writerow({name: printable(cell) if isinstance(cell, str) else cell for name, cell in row.items()})
    return stream.getvalue()


def leaderboard_rows(board: Leaderboard, reference: bool = False) -> Iterator[dict[str, Any]]:
    """Every row of every track, with the cells of `CSV_FIELDS`; what a row does not have is None."""
    for table in leaderboard_data(board, reference)["tracks"]:
        track = {name: table[name] for name in ("dataset", "split", "images")}
        for row in _flat_rows(table):
            cells = {**row, **track}
            yield {name: cells.get(name) for name in CSV_FIELDS}


def _flat_rows(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for section, rows in (("inversion", table["rows"]), ("direct", table["direct"])):
        for row in rows:
            yield {"section": section, "images_done": table["images"], **_flat_entry(row)}
    for published in table["published"]:
        figures = {"images_done": published["images"], "accuracy": published["accuracy"]}
        yield {"section": "published", "entry": published["name"], **figures}
    for run in table["partial"]:
        yield {"section": "partial", "entry": run["label"], "seeds": 1, "images_done": run["done"]}


def _flat_entry(row: dict[str, Any]) -> dict[str, Any]:
    """An entry's data without lists and objects."""
    first, last = row["rank"] or (None, None)
    texts = {name: "; ".join(row[name]) for name in ("suites", "flags")}
    figures = {
        f"{name}_{part}".removesuffix("_value"): value
        for name in ("accuracy", "to_best")
        for part, value in {"value": None, **(row[name] or {})}.items()
    }
    own = {"entry": row["label"], "seeds": len(row["runs"]), "rank_first": first, "rank_last": last}
    return {**row, **figures, **texts, **own, "p_holm": figures.get("to_best_p")}


def gate_grid(results: Sequence[GateResult], margin: float) -> Grid:
    """What the gate found."""
    columns = [Column("verdict", 0, words=9), Column("entry", 0, words=26), Column("change", 0)]
    columns += [Column("95 % interval", 1), Column("track", 2, words=30)]
    rows = [
        [
            result.verdict,
            printable(result.label),
            *difference(result.difference),
            track_title(result.track),
        ]
        for result in results
    ]
    note = f"worse: the interval lies below −{margin:g} as a whole; no worse: above it as a whole"
    return Grid(f"gate with margin {margin:g}", columns, [Section(rows)], [Footnote(note)])
