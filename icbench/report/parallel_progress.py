"""What many runs at a time show while they go on: their lines on a terminal, a count of all now and then elsewhere."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console

from icbench.report.display import Display
from icbench.report.run_grid import RunGrid
from icbench.running.observer import PlannedRun

if TYPE_CHECKING:
    from icbench.records import Record


@dataclass
class _Part:
    """A run that is under way: of so many images so many are done, so many before, and so many correctly."""

    before: int = 0
    done: int = 0
    correct: int = 0
    begun: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float | None:
        """Images a second since it was opened."""
        elapsed = time.monotonic() - self.begun
        return (self.done - self.before) / elapsed if self.done > self.before and elapsed > 0 else None


class ParallelProgress(Display):
    """Shows runs whose shards are computed side by side; what it holds does not grow with those that are over.

    Args:
        console: where to; its own test for a terminal decides between live lines and plain ones.
        quiet: show nothing but warnings.
    """

    def __init__(self, console: Console, quiet: bool = False) -> None:
        super().__init__(console, quiet)
        self.runs: Sequence[PlannedRun] = ()
        self.images = self.done = self.fresh = self.number = 0
        self.ended: Counter[str] = Counter()
        self.parts: dict[int, _Part] = {}
        self.grid: RunGrid | None = None

    def plan(self, runs: Sequence[PlannedRun]) -> None:
        self.runs, self.images = runs, sum(run.images for run in runs)
        if self.live and len(runs) > 1:
            self.grid = RunGrid.of(runs)
            self.show_instead(self.grid)
        self.begin_task("", self.images)

    def turn_to(self, number: int) -> None:
        self.number = number

    def begin(self, label: str, images: int, done: int) -> None:
        self.parts[self.number] = _Part(before=done)
        self.fresh -= done

    def on_batch(self, images: int, correct: int | None = None) -> None:
        part = self.parts[self.number]
        part.done += images
        part.correct += correct or 0
        self.done += images
        self.fresh += images
        if self.grid:
            self.grid.runs[self.number].go_on(part.done, part.done, part.correct, part.rate)
        self.part_is_done = self.fresh > 0
        self._refresh()

    def end(self, record: "Record | None" = None) -> None:
        part = self.parts.pop(self.number, None)
        if record is None:
            return
        self.ended["reused" if record.reused else record.status] += 1
        if part is None:
            self.done += self.runs[self.number].images
        if self.grid:
            self.grid.runs[self.number].end(record)
        self._refresh()

    def _refresh(self) -> None:
        elapsed = time.monotonic() - self.begun
        rate = f"{self.fresh / elapsed:,.0f} images/s" if self.fresh > 0 and elapsed > 0 else "… images/s"
        notes = [f"{self.ended[state]:,} {state}" for state in ("reused", "failed") if self.ended[state]]
        noted = f" ({', '.join(notes)})" if notes else ""
        runs = f"{self.ended.total():,} of {len(self.runs):,} runs{noted}"
        line = f"{runs}, {self.done:,} of {self.images:,} images, {rate}"
        self.show_task(self.done, line, count=f"{self.done:,}/{self.images:,}", rate=rate, note=runs, detail="")
