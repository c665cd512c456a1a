"""What a run shows while it goes on: a live bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from icbench.report.display import Display
from icbench.report.run_grid import RunGrid
from icbench.running.observer import PlannedRun
from icbench.statistics import wilson_interval

if TYPE_CHECKING:
    from icbench.records import Record


class RunProgress(Display):
    """Shows runs on a console: bar, images per second, time left, and the accuracy so far with its 95 % interval.

    Of several runs there is a line each on a terminal, and a total.

    Args:
        console: where to; its own test for a terminal decides between the bar and plain lines.
        quiet: show nothing but warnings.
    """

    def __init__(self, console: Console, quiet: bool = False) -> None:
        super().__init__(console, quiet)
        self.runs, self.ended = 1, 0
        self.grid: RunGrid | None = None

    def plan(self, runs: Sequence[PlannedRun]) -> None:
        self.runs = len(runs)
        if len(runs) > 1 and self.live:
            self.grid = RunGrid.of(runs)
            self.show_instead(self.grid)

    def begin(self, label: str, images: int, done: int) -> None:
        self.images = images
        self.correct = self.done = 0
        self.fraction = 0.0
        if not self.grid:
            before = f", {done:,} of them done before" if done else ""
            count = f"run {self.ended + 1} of {self.runs} · " if self.runs > 1 else ""
            self.say(f"{count}{label}: {images:,} images{before}")
        self.begin_task("", images, done)
        self._refresh()

    def on_step(self, images: float) -> None:
        self.fraction += images
        self._refresh()

    def on_batch(self, images: int, correct: int | None = None) -> None:
        self.correct += correct or 0
        self.done += images
        self.fraction = 0.0
        self.part_is_done = self.done > self.done_before
        self._refresh()

    def end(self, record: "Record | None" = None) -> None:
        if record and self.grid:
            self.grid.runs[self.ended].end(record)
        elif record and record.reused:
            self.say(f"{record.label}: finished before, taken from {record.path} (--rerun runs it again)")
        self.ended += 1
        super().end(record)

    def _refresh(self) -> None:
        done = self.done + self.fraction
        if self.grid:
            self.grid.runs[self.ended].go_on(done, self.done, self.correct, self._images_per_second())
        (accuracy, interval), rate = self._accuracy(), self._rate()
        count = f"{int(done):,}/{self.images:,}"
        line = f"{int(done):,} of {self.images:,} images, {rate}, {accuracy} {interval}".strip()
        self.show_task(done, line, count=count, rate=rate, note=accuracy, detail=interval)

    def _accuracy(self) -> tuple[str, str]:
        """So far, and its interval."""
        if not self.done:
            return "accuracy …", ""
        low, high = wilson_interval(self.correct, self.done)
        return f"accuracy {self.correct / self.done:.3f}", f"({low:.3f}–{high:.3f})"

    def _rate(self) -> str:
        rate = self._images_per_second()
        return "… images/s" if rate is None else f"{rate:,.0f} images/s"

    def _images_per_second(self) -> float | None:
        """So far, once that says how the run will go on."""
        fresh = self.done + self.fraction - self.done_before
        elapsed = time.monotonic() - self.begun
        return fresh / elapsed if self.is_meaningful and elapsed > 0 else None
