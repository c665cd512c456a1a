"""What a run shows while it goes on: a live bar on a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from icbench.records import Record
from icbench.session import Watcher
from icbench.statistics import wilson_interval

LINE_EVERY_SECONDS = 10.0


class RunProgress(Watcher):
    """Shows runs on a console: bar, images per second, time left, and the accuracy so far with its 95 % interval.

    Args:
        console: where to; its own test for a terminal decides between the bar and plain lines.
        quiet: show nothing but warnings.
        runs: how many there will be, where they are to be counted.
    """

    def __init__(self, console: Console, quiet: bool = False, runs: int = 0) -> None:
        self.console, self.quiet, self.runs = console, quiet, runs
        self.ended = 0
        self.warnings: list[str] = []
        self.live = _live_progress(console) if console.is_terminal and not quiet else None
        self.task: TaskID | None = None

    def __enter__(self) -> Self:
        if self.live:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.live.stop()

    def warn(self, message: str) -> None:
        self.warnings.append(message)
        self.console.print(f"[yellow]{escape(message)}[/]", soft_wrap=True, highlight=False)

    def say(self, message: str) -> None:
        self._line(message)

    def begin(self, label: str, images: int, done: int) -> None:
        self.images, self.before = images, done
        self.correct = self.done = 0
        self.fraction = 0.0
        self.started = self.last_line = time.monotonic()
        before = f", {done:,} of them done before" if done else ""
        count = f"run {self.ended + 1} of {self.runs} · " if self.runs else ""
        self._line(f"{count}{label}: {images:,} images{before}")
        if self.live:
            self.task = self.live.add_task("", total=images, accuracy="", rate="")

    def on_step(self, images: float) -> None:
        self.fraction += images
        self._refresh()

    def on_batch(self, correct: int, images: int) -> None:
        self.correct += correct
        self.done += images
        self.fraction = 0.0
        self._refresh()

    def end(self, record: Record) -> None:
        self.ended += 1
        if self.live and self.task is not None:
            self.live.remove_task(self.task)
            self.task = None

    def _refresh(self) -> None:
        if self.live and self.task is not None:
            self.live.update(
                self.task, completed=self.done + self.fraction, accuracy=self._accuracy(), rate=self._rate()
            )
        elif time.monotonic() - self.last_line > LINE_EVERY_SECONDS:
            self.last_line = time.monotonic()
            self._line(
                f"{int(self.done + self.fraction):,} of {self.images:,} images, {self._rate()}, {self._accuracy()}"
            )

    def _accuracy(self) -> str:
        if not self.done:
            return "accuracy …"
        low, high = wilson_interval(self.correct, self.done)
        return f"accuracy {self.correct / self.done:.3f} ({low:.3f}–{high:.3f})"

    def _rate(self) -> str:
        elapsed = time.monotonic() - self.started
        fresh = self.done + self.fraction - self.before
        return f"{fresh / elapsed:,.0f} images/s" if elapsed > 0.5 else "… images/s"

    def _line(self, text: str) -> None:
        if not self.quiet:
            self.console.print(escape(text), soft_wrap=True, highlight=False)


class _ImagesColumn(ProgressColumn):
    """Images done of all, with thousands separators."""

    def render(self, task: Task) -> Text:
        return Text(f"{int(task.completed):,}/{int(task.total or 0):,}", style="progress.percentage")


def _live_progress(console: Console) -> Progress:
    return Progress(
        BarColumn(bar_width=None),
        _ImagesColumn(),
        TextColumn("{task.fields[rate]}", style="cyan"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[accuracy]}", style="bold"),
        console=console,
        expand=True,
        refresh_per_second=8,
    )
