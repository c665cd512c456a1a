"""What a run shows while it goes on: a live bar on a terminal, plain lines elsewhere."""

import time

from rich.console import Console
from rich.markup import escape

from icbench.records import Record
from icbench.report.display import Display
from icbench.running.observer import Watcher
from icbench.statistics import wilson_interval


class RunProgress(Display, Watcher):
    """Shows runs on a console: bar, images per second, time left, and the accuracy so far with its 95 % interval.

    Args:
        console: where to; its own test for a terminal decides between the bar and plain lines.
        quiet: show nothing but warnings.
        runs: how many there will be, where they are to be counted.
    """

    def __init__(self, console: Console, quiet: bool = False, runs: int = 0) -> None:
        super().__init__(console, quiet)
        self.runs = runs
        self.ended = 0
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)
        self.console.print(f"[yellow]{escape(message)}[/]", soft_wrap=True, highlight=False)

    def say(self, message: str) -> None:
        self.line(message)

    def begin(self, label: str, images: int, done: int) -> None:
        self.images = images
        self.correct = self.done = 0
        self.fraction = 0.0
        before = f", {done:,} of them done before" if done else ""
        count = f"run {self.ended + 1} of {self.runs} · " if self.runs else ""
        self.line(f"{count}{label}: {images:,} images{before}")
        self.begin_task("", images, done)
        self._refresh()

    def on_step(self, images: float) -> None:
        self.fraction += images
        self._refresh()

    def on_batch(self, correct: int, images: int) -> None:
        self.correct += correct
        self.done += images
        self.fraction = 0.0
        self.part_is_done = self.done > self.done_before
        self._refresh()

    def end(self, record: Record) -> None:
        self.ended += 1
        self.end_task()

    def _refresh(self) -> None:
        done = self.done + self.fraction
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
        fresh = self.done + self.fraction - self.done_before
        elapsed = time.monotonic() - self.begun
        return f"{fresh / elapsed:,.0f} images/s" if self.is_meaningful and elapsed > 0 else "… images/s"
