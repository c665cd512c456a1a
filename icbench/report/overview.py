"""What a page shows of records: each track with its table, charts and comparisons, and each entry in full."""

import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icbench.errors import IntegrityError
from icbench.ranking.leaderboard import Leaderboard, RankedEntry, RankedTrack
from icbench.ranking.members import asked_members
from icbench.ranking.per_class import CalibratedRun, calibrated_run, class_figures, confusion_matrix
from icbench.ranking.references import published_references
from icbench.ranking.rows import Row, Track
from icbench.records import Record
from icbench.report.class_names import call_class
from icbench.report.explained import explain
from icbench.report.leaderboard import leaderboard_csv, leaderboard_data, track_grids
from icbench.report.plots import (
    Chart,
    draw_confusion,
    draw_cost,
    draw_differences,
    draw_path,
    draw_reliability,
    draw_survival,
)
from icbench.report.run import asked_about, classes_grid, configuration, run_figures
from icbench.report.table import Grid, printable
from icbench.report.tiles import Sheet, picture_url, sheet_of
from icbench.report.views import (
    Bar,
    EntryView,
    Overview,
    PathView,
    RunView,
    TableRow,
    TrackView,
)
from icbench.running.exhibits import EntryExhibit, TrackExhibit
from icbench.statistics import Estimate, difference_estimate, pairwise_tests

MOST_TILES = 6000
"""So many images a page holds for its comparisons, those that most pairs of entries differ on."""
CODE = 48
"""The character of a right prediction; that of class 0 is two further, between them is what was not finite."""

Exhibits = Mapping[Track, TrackExhibit]


def overview(
    board: Leaderboard, records: Sequence[Record], exhibits: Exhibits, folders: Sequence[Path] = ()
) -> Overview:
    """What a page shows of a leaderboard.

    Args:
        board: the leaderboard.
        records: all that it is of; a calibration is fitted on a validation run among them.
        exhibits: images and reconstructions, of those tracks that have some.
        folders: where the records are, which the page does not tell.
    """
    grids = track_grids(board, reference=True)
    most = MOST_TILES // max(1, len(board.tracks))
    tracks, problems = [], list(board.problems)
    for number, (table, grid) in enumerate(zip(board.tracks, grids, strict=True), 1):
        exhibit = exhibits.get(table.track, TrackExhibit())
        tracks.append(_Track(f"t{number}", table, grid, records, exhibit, most, problems).view())
    return Overview(tracks, _files(board), [_cut_folders(folders, problem) for problem in dict.fromkeys(problems)])


def _cut_folders(folders: Sequence[Path], text: str) -> str:
    """A text without the names of folders: where somebody keeps records is nobody else's business."""
    for folder in folders:
        text = text.replace(f"{folder}{os.sep}", "")
    return text


def _files(board: Leaderboard) -> dict[str, str]:
    content = leaderboard_data(board, reference=True)
    records = [run for table in board.tracks for run in _records(table)]
    documents = {f"{record.metadata.id}.json": _json(record.metadata.document()) for record in records}
    return {
        "leaderboard.csv": leaderboard_csv(board, reference=True),
        "leaderboard.json": _json(_cut_paths(content)),
        **documents,
    }


def _records(table: RankedTrack) -> list[Record]:
    whole = [record for entry in (*table.standings, *table.direct) for record in entry.row.records]
    return whole + [run.record for run in table.partial]


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _cut_paths(content: Any) -> Any:
    """JSON with paths cut to their last part."""
    if isinstance(content, Mapping):
        return {
            key: Path(value).name if key == "path" and isinstance(value, str) else _cut_paths(value)
            for key, value in content.items()
        }
    return [_cut_paths(value) for value in content] if isinstance(content, list | tuple) else content


class _Track:
    """Makes the view of one track."""

    def __init__(
        self,
        name: str,
        table: RankedTrack,
        grid: Grid,
        records: Sequence[Record],
        exhibit: TrackExhibit,
        most: int,
        problems: list[str],
    ) -> None:
        self.name, self.table, self.grid, self.records = name, table, grid, records
        self.exhibit, self.most, self.problems = exhibit, most, problems
        self.entries = [*table.standings, *table.direct]
        self.labels, self.predictions = _answers([entry.row for entry in self.entries])

    def view(self) -> TrackView:
        sheet = self._sheet()
        survival = [(entry.row.label, shares) for entry in self.entries if (shares := _survival(entry.row)) is not None]
        return TrackView(
            name=self.name,
            grid=self.grid,
            sections=_sections(self.grid, self.entries),
            filters=_filters(self.entries),
            charts=self._charts(survival),
            lines=self._lines(bool(survival), sheet),
            entries=[self._entry(number, entry) for number, entry in enumerate(self.entries)],
            compared=_find_differing(self.predictions),
            sheet=sheet,
            payload=_payload(self.entries, self.labels, self.predictions, sheet),
        )

    def _charts(self, survival: Sequence[tuple[str, NDArray[np.float64]]]) -> list[Chart]:
        track, standings = self.table.track, self.table.standings
        charts = []
        if self.entries:
            charts.append(draw_cost(f"{self.name}-cost", self.table, published_references(track.dataset, track.split)))
        if len(standings) > 1:
            tests = pairwise_tests([entry.row.correct for entry in standings])
            charts.append(draw_differences(f"{self.name}-differences", standings, tests))
        if survival:
            charts.append(draw_survival(f"{self.name}-survival", survival))
        return charts

    def _lines(self, survival: bool, sheet: Sheet | None) -> list[str]:
        lines = ["No record here keeps the accuracy by step." + (" Some keep which classes were dropped." * survival)]
        if self.exhibit.lacking:
            lines.append(f"There are no pictures of this track's images: {self.exhibit.lacking}.")
        if sheet and len(sheet.index) == self.most:
            lines.append(f"Comparisons show the {self.most:,} images that entries differ on most.")
        return lines

    def _sheet(self) -> Sheet | None:
        if self.exhibit.split is None or len(self.entries) < 2:
            return None
        right = (self.predictions == self.labels).mean(axis=0)
        disputed = right * (1 - right)
        order = np.argsort(-disputed, kind="stable")[: self.most]
        return sheet_of(self.exhibit.split, np.sort(order[disputed[order] > 0]), self.exhibit.light_on_dark)

    def _entry(self, number: int, entry: RankedEntry) -> EntryView:
        row, name = entry.row, f"{self.name}-{number}"
        confusion = np.stack([confusion_matrix(record) for record in row.records]).sum(axis=0)
        classes = class_figures(confusion)
        calibrated = self._calibrate(row.records[0])
        exhibit = self.exhibit.entries.get(row.key, EntryExhibit())
        lacking = exhibit.lacking or ("" if exhibit.explanations else self._why_no_pictures(row))
        return EntryView(
            number=number,
            label=printable(row.label),
            rank=_rank(entry),
            runs=[_run_view(record) for record in row.records],
            classes=classes_grid(classes, row.class_names) if classes else None,
            confusion=self._confusion(f"{name}-confusion", row, confusion) if len(confusion) else None,
            calibration=_calibration_text(calibrated),
            reliability=draw_reliability(f"{name}-calibration", calibrated.bins) if calibrated else None,
            explained=explain(exhibit.explanations, self.exhibit.light_on_dark) if exhibit.explanations else [],
            paths=self._paths(name, exhibit),
            lacking=lacking,
        )

    def _confusion(self, name: str, row: Row, counts: NDArray[np.int64]) -> Chart:
        worst = _worst_text(counts, row.class_names)
        seeds = f" All {len(row.records)} seeds are counted." if len(row.records) > 1 else ""
        return draw_confusion(name, counts, worst, worst + seeds, row.class_names)

    def _why_no_pictures(self, row: Row) -> str:
        if not row.metadata.entry.inverts_once:
            return ""
        return (
            self.exhibit.lacking or f"only the best {len(self.exhibit.entries)} of a track have pictures (--pictures)"
        )

    def _calibrate(self, record: Record) -> CalibratedRun | None:
        try:
            return calibrated_run(record, self.records)
        except IntegrityError as error:
            self.problems.append(error.message)
            return None

    def _paths(self, name: str, exhibit: EntryExhibit) -> list[PathView]:
        paths = exhibit.paths
        return [
            PathView(
                picture_url(paths.targets[number], paths.light_on_dark),
                draw_path(f"{name}-path{number}", paths, number),
            )
            for number in range(len(paths.truth) if paths else 0)
            if paths
        ]


def _answers(rows: Sequence[Row]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The labels (N,) and what each entry takes each image for (R, N)."""
    if not rows:
        return np.zeros(0, np.int64), np.zeros((0, 0), np.int64)
    labels = rows[0].records[0].images(["label"])["label"].astype(np.int64)
    return labels, np.stack([_usual_answers(row, labels) for row in rows])


def _usual_answers(row: Row, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,): the label where most seeds have it, else the most usual error."""
    found: NDArray[np.int64] = np.stack(
        [record.images(["prediction"])["prediction"].astype(np.int64) for record in row.records]
    )
    classes = max(int(found.max()), int(labels.max())) + 1
    counts = np.stack([(found == label).sum(axis=0) for label in range(-1, classes)])
    images = np.arange(len(labels))
    counts[labels + 1, images] = 0
    most = row.correct.mean(axis=0) > 0.5
    usual: NDArray[np.int64] = np.where(most, labels, counts.argmax(axis=0) - 1)
    return usual


def _find_differing(predictions: NDArray[np.int64]) -> int:
    """The first entry that answers otherwise than the very first; the second where none does."""
    others = np.flatnonzero((predictions != predictions[:1]).any(axis=1))
    return int(others[0]) if len(others) else 1


def _encode(values: NDArray[np.int64]) -> str:
    """Classes as text, a character each; −2 is what the label says, −1 what was not finite."""
    return "".join(map(chr, values + CODE + 2))


def _pair(first: Row, second: Row) -> list[float]:
    difference = difference_estimate(first.correct, second.correct)
    return [round(float(value), 6) for value in (difference.value, difference.low, difference.high, difference.p or 0)]


def _survival(row: Row) -> NDArray[np.float64] | None:
    """The share of images whose own class has a hypothesis, before each step; None where none is ever dropped."""
    record = row.records[0]
    if not record.has(["class_dropped_at"]):
        return None
    arrays = record.images(["label", "class_dropped_at"])
    label, dropped = arrays["label"].astype(np.int64), arrays["class_dropped_at"]
    known = label < dropped.shape[1]
    at = dropped[known, label[known]]
    steps = np.arange(record.metadata.entry.steps + 1)
    return np.array([1 - np.mean((at >= 0) & (at <= step)) for step in steps])


def _payload(
    entries: Sequence[RankedEntry], labels: NDArray[np.int64], predictions: NDArray[np.int64], sheet: Sheet | None
) -> dict[str, Any]:
    """What the page's script compares entries by."""
    rows = [entry.row for entry in entries]
    codes = [_encode(np.where(found == labels, -2, found)) for found in predictions]
    tiles = sheet and {"index": sheet.index.tolist(), "across": sheet.across, "down": sheet.down}
    return {
        "labels": _encode(labels),
        "names": [printable(name) for name in rows[0].class_names] if rows else [],
        "entries": [{"label": printable(row.label), "codes": code} for row, code in zip(rows, codes, strict=True)],
        "pairs": [_pair(*rows) for rows in combinations(rows, 2)],
        "tiles": tiles,
    }


class _Scale:
    """The range of all intervals, logarithmic in the error as the chart of costs is.

    Args:
        rows: whose intervals.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.floor = min((0.5 / row.correct.shape[1] for row in rows), default=1.0)
        ends = [self._height(end) for row in rows for end in (row.accuracy.low, row.accuracy.high)]
        self.low = min(ends, default=0.0)
        self.length = max(ends, default=0.0) - self.low or 1.0

    def bar(self, accuracy: Estimate) -> Bar:
        places = (self._height(value) - self.low for value in (accuracy.low, accuracy.value, accuracy.high))
        return Bar(*(round(100 * place / self.length, 2) for place in places))

    def _height(self, accuracy: float) -> float:
        return -math.log(max(self.floor, 1 - accuracy))


def _sections(grid: Grid, entries: Sequence[RankedEntry]) -> list[tuple[str, list[TableRow]]]:
    scale = _Scale([entry.row for entry in entries])
    numbered = iter(enumerate(entries))
    sections = []
    for place, section in enumerate(grid.sections):
        # The first two sections are of entries.
        rows = [_table_row(cells, *next(numbered), scale) if place < 2 else TableRow(cells) for cells in section.rows]
        sections.append((section.heading, rows))
    return sections


def _table_row(cells: list[str], number: int, entry: RankedEntry, scale: _Scale) -> TableRow:
    leading = entry.ranks is not None and entry.ranks[0] == 1
    return TableRow(cells, number, _traits(entry.row), entry.row.nfe, scale.bar(entry.row.accuracy), leading)


def _traits(row: Row) -> list[str]:
    components = row.metadata.entry.components
    return [f"tier: {row.tier}", *(f"{kind}: {one.name}" for kind, one in components.items())]


def _filters(entries: Sequence[RankedEntry]) -> dict[str, list[str]]:
    """What tells entries apart, by kind; the choices of a kind that has one alone are left out."""
    found: dict[str, set[str]] = {}
    for trait in (trait for entry in entries for trait in _traits(entry.row)):
        found.setdefault(trait.partition(":")[0], set()).add(trait)
    return {kind: sorted(traits) for kind, traits in found.items() if len(traits) > 1}


def _rank(entry: RankedEntry) -> str:
    if entry.ranks is None:
        return "direct classifier"
    first, last = entry.ranks
    return f"rank {first}" if first == last else f"rank {first} to {last}"


def _run_view(record: Record) -> RunView:
    shown = replace(record, path=Path(record.path.name))
    told = (*run_figures(record), *asked_about(asked_members(record)), *configuration(shown))
    metadata = record.metadata
    facts = [(name, printable(value)) for name, value in told]
    return RunView(f"{metadata.id}, seed {metadata.seed}", f"{metadata.id}.json", facts)


def _worst_text(confusion: NDArray[np.int64], names: Sequence[str]) -> str:
    """The most frequent confusions in words."""
    wrong = Counter(
        {(label, taken): int(count) for (label, taken), count in np.ndenumerate(confusion) if label != taken and count}
    )
    size = len(confusion)
    said = [
        f"{call_class(label, names)} for {'not finite' if taken == size else call_class(taken, names)} ({count:,})"
        for (label, taken), count in wrong.most_common(3)
    ]
    return f"Most often taken: {', '.join(said)}." if said else "Nothing is taken for anything else."


def _calibration_text(found: CalibratedRun | None) -> str:
    if found is None:
        return "Calibration needs a finished run of the same entry with --split validation among the folders."
    one = found.figures
    return (
        f"Temperature {one.temperature:.3g}, fitted on validation images: ECE {one.ece:.4f}, "
        f"Brier score {one.brier:.4f}, NLL {one.nll:.4f} nats."
    )
