"""A grid of runs on a terminal: one line a run as long as there is room, else what runs, what is next and counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from icbench.kinds.names import ALL_KINDS, WHOLE_KINDS
from icbench.records import Record
from icbench.report.table import printable
from icbench.running.observer import PlannedRun
from icbench.statistics import wilson_interval

State = Literal["waiting", "running", "done", "reused", "failed", "stopped"]

MOST_ROWS = 30
"""Of how many runs each has a line, where the terminal is high enough."""
AROUND = 7
"""The lines of a terminal that runs do not get: headings, the total, and messages."""
NEXT = 3
"""How many runs are named that come next, where not all have a line."""
LAYOUTS: tuple[dict[str, int], ...] = (
    {"state": 7, "accuracy (95 %)": 19, "images/s": 8, "time": 12},
    {"state": 7, "accuracy (95 %)": 19, "time": 10},
    {"state": 7, "accuracy (95 %)": 19},
    {"state": 7, "accuracy": 8},
)
"""The columns beside the names and their widths, for narrower and narrower terminals."""
RIGHT = ("images/s", "time")
"""The columns that are aligned right."""
GAP = 2
ENOUGH = 24
"""The width of names that needs no fewer columns beside them."""
BAR_FROM, BAR = 20, 40
"""The least and the most columns of the bar."""

STYLES = {"waiting": "dim", "running": "bold cyan", "done": "", "reused": "", "failed": "red", "stopped": "yellow"}
BEST = "bold green"


@dataclass
class GridRun:
    """One run of the grid and how it stands.

    Args:
        name: what tells it from the others.
        images: how many it classifies.
        state: of it.
        at: how far it is, in images, batches that are under way included.
        done, correct: images that are classified.
        seconds: taken by it, or left while it runs; None where that is not known.
        rate: images a second, or None.
    """

    name: str
    images: int
    state: State = "waiting"
    at: float = 0.0
    done: int = 0
    correct: int = 0
    seconds: float | None = None
    rate: float | None = None

    @property
    def accuracy(self) -> float | None:
        """The share of the classified images that are right, or None before the first."""
        return self.correct / self.done if self.done else None

    @property
    def is_complete(self) -> bool:
        """Whether all its images are classified, now or by an earlier run."""
        return self.state in ("done", "reused")

    def go_on(self, at: float, done: int, correct: int, rate: float | None) -> None:
        """It has come further.

        Args:
            at: in images, batches that are under way included.
            done, correct: images that are classified, and those of them that are right.
            rate: images a second, or None where that is not known yet.
        """
        self.state, self.at, self.done, self.correct, self.rate = "running", at, done, correct, rate
        self.seconds = (self.images - at) / rate if rate else None

    def end(self, record: Record) -> None:
        """It is over, and left a record."""
        metrics = record.metrics
        ended: dict[str, State] = {"ok": "reused" if record.reused else "done", "failed": "failed"}
        self.state = ended.get(record.status, "stopped")
        self.at = self.done = metrics.images
        self.correct = metrics.correct or 0
        self.seconds, self.rate = metrics.seconds, metrics.images_per_second


@dataclass
class RunGrid:
    """All runs, as rich prints them into whatever width and height there is.

    Args:
        common: what all of them have in common.
        runs: in their order.
    """

    common: str
    runs: list[GridRun] = field(default_factory=list)

    @classmethod
    def of(cls, planned: Sequence[PlannedRun]) -> "RunGrid":
        """The runs that are planned, none of them begun, named by what differs between them."""
        common, names = distinct_names([run.parts for run in planned])
        return cls(common, [GridRun(name, run.images) for name, run in zip(names, planned, strict=True)])

    @property
    def best(self) -> GridRun | None:
        """The first of highest accuracy among the runs that are complete, if there are several to choose from."""
        complete = [run for run in self.runs if run.is_complete and run.done]
        return max(complete, key=lambda run: run.accuracy or 0.0) if len(complete) > 1 else None

    @property
    def seconds_left(self) -> float | None:
        """What is left takes about so long, if its images take as long as those that were classified here."""
        fresh = [run for run in self.runs if run.state in ("done", "running") and run.rate]
        left = sum(run.images - run.at for run in self.runs if run.state in ("waiting", "running"))
        per_image = [1 / run.rate for run in fresh if run.rate]
        return left * sum(per_image) / len(per_image) if per_image else None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        yield _line(_shorten(self.common, width), "dim")
        # Once a view, which may be of thousands of runs.
        best, coming = self.best, next((run for run in self.runs if run.state == "waiting"), None)
        runs = self._shown(console.size.height, best)
        columns = _fit(runs, width)
        yield _line(_join({heading: heading for heading in columns}, columns), "dim")
        for run in runs:
            style = BEST if run is best else STYLES[run.state]
            state = "best" if run is best else "next" if run is coming else run.state
            yield _line(_join({"state": state, **_cells(run)}, columns), style)
        yield self._total(width)

    def _shown(self, height: int, best: GridRun | None) -> list[GridRun]:
        if len(self.runs) <= min(MOST_ROWS, height - AROUND):
            return self.runs
        next_ones = max(1, min(NEXT, height - AROUND - 2))
        waiting = islice((run for run in self.runs if run.state == "waiting"), next_ones)
        kept = [run for run in self.runs if run is best or run.state == "running"]
        return [*kept, *waiting]

    def _total(self, width: int) -> Table:
        text = self._counts()
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_column(no_wrap=True)
        room = width - cell_len(text) - 2
        if room < BAR_FROM:
            table.add_row(Text(text, style="bold"))
        else:
            done, images = sum(run.at for run in self.runs), sum(run.images for run in self.runs)
            table.add_row(Text(text, style="bold"), ProgressBar(max(1, images), done, width=min(room, BAR)))
        return table

    def _counts(self) -> str:
        states = [run.state for run in self.runs]
        over = len(states) - states.count("waiting") - states.count("running")
        notes = [f"{states.count(state)} {state}" for state in ("reused", "failed") if state in states]
        noted = f" ({', '.join(notes)})" if notes else ""
        left = self.seconds_left
        parts = [f"{over} of {len(states)} runs{noted}", *([f"about {duration(left)} left"] if left else [])]
        return " · ".join(parts)


def distinct_names(parts: Sequence[Mapping[str, str]]) -> tuple[str, list[str]]:
    """What runs have in common, and what tells each from the others.

    Args:
        parts: of each run by kind. Products and direct classifiers have other ones than inversions: what those of the
            more usual sort have in common is left out wherever it stands.
    """
    whole = [each for each in parts if each.keys() & {*WHOLE_KINDS}]
    composed = [each for each in parts if not each.keys() & {*WHOLE_KINDS}]
    common = _common(max(composed, whole, key=len))
    return " · ".join(common.values()), [_name(each, common) for each in parts]


def _common(group: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {kind: text for kind, text in group[0].items() if all(each.get(kind) == text for each in group)}


def _name(parts: Mapping[str, str], common: Mapping[str, str]) -> str:
    telling = [text for kind, text in parts.items() if common.get(kind) != text]
    components = [text for kind, text in parts.items() if kind in ALL_KINDS and kind != "dataset"]
    return printable(" · ".join(telling or components))


def duration(seconds: float) -> str:
    """A time as minutes and seconds, or with hours."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _fit(runs: Sequence[GridRun], width: int) -> dict[str, int]:
    """The columns that have room beside the names, by their headings with their widths."""
    longest = max((cell_len(run.name) for run in runs), default=0)
    for others in LAYOUTS:
        room = width - sum(others.values()) - GAP * len(others)
        if room >= min(longest, ENOUGH):
            break
    state, *rest = others.items()
    return dict([state, ("entry", max(1, min(room, max(longest, len("entry"))))), *rest])


def _cells(run: GridRun) -> dict[str, str]:
    """The texts of a run by the headings of the columns; how it stands only while it runs, as how far it is."""
    low, high = wilson_interval(run.correct, run.done)
    accuracy = "" if run.accuracy is None else f"{run.accuracy:.3f}"
    left = " left" if run.state == "running" else ""
    return {
        **({"state": f"{run.at / max(1, run.images):.0%}"} if run.state == "running" else {}),
        "entry": run.name,
        "accuracy": accuracy,
        "accuracy (95 %)": f"{accuracy} ({low:.3f}–{high:.3f})" if accuracy else "",
        "images/s": f"{run.rate:,.0f}" if run.rate else "",
        "time": "" if run.seconds is None else duration(run.seconds) + left,
    }


def _join(cells: Mapping[str, str], columns: Mapping[str, int]) -> str:
    """A line of the texts of columns in their widths."""
    texts = [(_shorten(cells[heading], width), width, heading in RIGHT) for heading, width in columns.items()]
    blanks = [" " * (width - cell_len(text)) for text, width, _ in texts]
    parts = [blank + text if right else text + blank for (text, _, right), blank in zip(texts, blanks, strict=True)]
    return (" " * GAP).join(parts).rstrip()


def _shorten(text: str, width: int) -> str:
    """The text without its middle where it is too long: both ends tell specs apart."""
    if cell_len(text) <= width:
        return text
    half = (width - 1) // 2
    head = chop_cells(text, max(1, width - 1 - half))[0]
    tail = chop_cells(text[::-1], half)[0][::-1] if half else ""
    return f"{head}…{tail}"


def _line(text: str, style: str) -> Text:
    return Text(text, style=style, no_wrap=True, overflow="crop", end="\n")
