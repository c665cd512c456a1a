"""A grid before it runs, as tables and as data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from icbench.report.results import memory
from icbench.report.run_grid import distinct_names, duration
from icbench.report.table import Column, Footnote, Grid, Section, printable
from icbench.running.planning import Cell

MOST_ROWS = 40
"""Of so many entries each has a row; of more, those that take longest."""
COLUMNS = (
    Column("runs", 1),
    Column("images", 2),
    Column("time", 0),
    Column("by", 3, words=24),
    Column("memory", 4),
)
TROUBLES = (Column("runs", 0), Column("why", 0, words=50))


@dataclass(frozen=True)
class _Entry:
    """The runs of an entry that are to be made, one for each seed."""

    name: str
    cells: Sequence[Cell]

    @property
    def seconds(self) -> float | None:
        return _total([cell.seconds for cell in self.cells])


def plan_data(cells: Sequence[Cell]) -> dict[str, Any]:
    """The plan as `--json` prints it; what is not known is null."""
    return {"runs": [_cell_data(cell) for cell in cells], "total": _totals(cells)}


def _cell_data(cell: Cell) -> dict[str, Any]:
    return {
        "entry": cell.entry.parts(),
        "label": cell.entry.label,
        "split": cell.options.split,
        "seed": cell.seed,
        "state": cell.state,
        "images": cell.images,
        "images_done": cell.done,
        "note": cell.note,
        "seconds": cell.seconds,
        "seconds_from": cell.cost.source,
        "memory_bytes": cell.memory,
        "memory_from": "" if cell.memory is None else "earlier runs" if cell.measured else "a batch, computed",
    }


def _totals(cells: Sequence[Cell]) -> dict[str, Any]:
    memories = [cell.memory for cell in cells if cell.left != 0 and cell.memory]
    return {
        "runs": len(cells),
        **{state: sum(cell.state == state for cell in cells) for state in ("done", "begun", "new", "impossible")},
        "images_left": _total([cell.left for cell in cells]),
        "seconds": sum(cell.seconds or 0.0 for cell in cells),
        "runs_of_unknown_seconds": sum(cell.seconds is None for cell in cells),
        "memory_bytes": max(memories, default=None),
    }


def plan_grids(cells: Sequence[Cell]) -> list[Grid]:
    """What is to be run, an entry a row, and what cannot."""
    title, entries = _entries([cell for cell in cells if cell.left != 0])
    entries.sort(key=lambda entry: -1.0 if entry.seconds is None else entry.seconds, reverse=True)
    grids = [_work_grid(title, entries)] if entries else []
    troubles = [cell for cell in cells if cell.note]
    return grids + ([_trouble_grid(troubles)] if troubles else [])


def plan_line(cells: Sequence[Cell]) -> str:
    """The whole in a line."""
    total = _totals(cells)
    states = [f"{total[state]:,} {state}" for state in ("done", "begun", "impossible") if total[state]]
    parts = [f"{total['runs']:,} runs" + (f" ({', '.join(states)})" if states else "")]
    if total["images_left"]:
        parts.append(f"{total['images_left']:,} images left")
    unknown = total["runs_of_unknown_seconds"]
    if total["seconds"]:
        parts.append(f"about {duration(total['seconds'])} in one process")
    if unknown:
        parts.append(f"{unknown:,} runs of unknown time")
    return " · ".join(parts)


def _entries(cells: Sequence[Cell]) -> tuple[str, list[_Entry]]:
    """What all have in common, and the entries by what tells them apart."""
    if not cells:
        return "", []
    common, names = distinct_names([{**cell.entry.parts(), **cell.options.parts()} for cell in cells])
    found: dict[str, list[Cell]] = {}
    for name, cell in zip(names, cells, strict=True):
        found.setdefault(name, []).append(cell)
    return common, [_Entry(name, runs) for name, runs in found.items()]


def _work_grid(title: str, entries: Sequence[_Entry]) -> Grid:
    rows = [[entry.name, *_figures(entry)] for entry in entries[:MOST_ROWS]]
    more = len(entries) - len(rows)
    notes = [Footnote(f"and {more:,} entries that take no longer; --json has all")] if more else []
    return Grid(printable(title), [Column("entry", 0, words=26), *COLUMNS], [Section(rows)], notes)


def _figures(entry: _Entry) -> list[str]:
    first = entry.cells[0]
    left = _total([cell.left for cell in entry.cells])
    return [
        f"{len(entry.cells):,}",
        "–" if left is None else f"{left:,}",
        "unknown" if entry.seconds is None else duration(entry.seconds),
        first.cost.source if entry.seconds is not None else "",
        memory(first.memory or 0),
    ]


def _trouble_grid(cells: Sequence[Cell]) -> Grid:
    found: dict[str, list[str]] = {}
    for cell in cells:
        found.setdefault(cell.note, []).append(cell.entry.label)
    impossible = any(cell.state == "impossible" for cell in cells)
    rows = [[_listed(labels), f"{len(labels):,}", printable(note)] for note, labels in found.items()]
    title = "cannot be run" if impossible else "to be known"
    return Grid(title, [Column("entry", 0, words=26), *TROUBLES], [Section(rows)])


def _listed(labels: Sequence[str]) -> str:
    """The first of some entries, and how many more there are."""
    different = [*dict.fromkeys(labels)]
    more = f" and {len(different) - 1:,} more" if len(different) > 1 else ""
    return printable(different[0]) + more


def _total(values: Sequence[float | None]) -> float | None:
    """The sum of what is known of each; None where it is not known of all."""
    return None if None in values else sum(value or 0 for value in values)
