"""What a page shows, as the templates take it: tracks, their tables and entries, pictures and charts."""

import json
from dataclasses import dataclass, field
from typing import Any

from icbench.report.plots import Chart
from icbench.report.table import Grid
from icbench.report.tiles import Sheet


@dataclass(frozen=True)
class Bar:
    """Where an interval lies on a scale that a table's rows share, in percent of its length."""

    low: float
    value: float
    high: float


@dataclass(frozen=True)
class TableRow:
    """A row of a table that can be sorted and filtered.

    Args:
        cells: its texts.
        entry: the number of the entry in its track, or None for what is no entry.
        traits: what one may filter by: its tier and components.
        nfe: generator evaluations.
        bar: its interval.
        leading: whether it may be the best.
    """

    cells: list[str]
    entry: int | None = None
    traits: list[str] = field(default_factory=list)
    nfe: int = 0
    bar: Bar | None = None
    leading: bool = False


@dataclass(frozen=True)
class Picture:
    """A reconstruction with what is said of it."""

    url: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Explained:
    """An image and its reconstructions."""

    title: str
    right: bool
    pictures: list[Picture]


@dataclass(frozen=True)
class RunView:
    """A run and the name of its document."""

    title: str
    document: str
    facts: list[tuple[str, str]]


@dataclass(frozen=True)
class PathView:
    """The path of a class vector, with the image it is of."""

    picture: str
    chart: Chart


@dataclass(frozen=True)
class EntryView:
    """One entry in full.

    Args:
        number: in its track.
        label: its name.
        rank: in words.
        runs: one for each seed.
        classes: the table by class, or None without images.
        confusion, reliability: charts.
        calibration: what is said of it.
        explained: images that it has right and wrong.
        paths: of class vectors.
        lacking: why there are no reconstructions.
    """

    number: int
    label: str
    rank: str
    runs: list[RunView]
    classes: Grid | None
    confusion: Chart | None
    calibration: str
    reliability: Chart | None
    explained: list[Explained]
    paths: list[PathView]
    lacking: str


@dataclass(frozen=True)
class TrackView:
    """One track.

    Args:
        name: what its parts are found by.
        grid: its table, whose texts `sections` repeat with more.
        sections: headings and rows.
        filters: for each kind what one may choose from.
        charts: of all entries.
        lines: what else is said, such as what is not kept.
        entries: in full.
        compared: the entry that the first is compared with until another is chosen.
        sheet: images that entries differ on.
        payload: what the page's script reads of the track.
    """

    name: str
    grid: Grid
    sections: list[tuple[str, list[TableRow]]]
    filters: dict[str, list[str]]
    charts: list[Chart]
    lines: list[str]
    entries: list[EntryView]
    compared: int
    sheet: Sheet | None
    payload: dict[str, Any]


@dataclass(frozen=True)
class Overview:
    """All tracks, and the data that the page's script reads.

    Args:
        tracks: in the leaderboard's order.
        files: what can be saved from the page, by name.
        problems: a line for each record that was left out.
    """

    tracks: list[TrackView]
    files: dict[str, str]
    problems: list[str]

    @property
    def payload(self) -> str:
        """What the script reads, as JSON."""
        charts = [chart for track in self.tracks for chart in track_charts(track)]
        content = {
            "charts": {chart.name: chart.spec for chart in charts},
            "tracks": {track.name: track.payload for track in self.tracks},
            "files": self.files,
        }
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def track_charts(track: TrackView) -> list[Chart]:
    """Every chart of a track."""
    inner = [chart for entry in track.entries for chart in (entry.confusion, entry.reliability) if chart]
    return [*track.charts, *inner, *(path.chart for entry in track.entries for path in entry.paths)]
