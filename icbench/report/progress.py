"""What a run shows while it goes on: a live bar on a terminal, plain lines elsewhere."""

import time

from rich.console import Console

from icbench.report.display import Display
from icbench.statistics import wilson_interval


class RunProgress(Display):
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

    def begin(self, label: str, images: int, done: int) -> None:
        self.images = images
        self.correct = self.done = 0
        self.fraction = 0.0
        before = f", {done:,} of them done before" if done else ""
        count = f"run {self.ended + 1} of {self.runs} · " if self.runs else ""
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

    def end(self) -> None:
        self.ended += 1
        super().end()

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
