"""What a training shows while it goes on: a live bar on a terminal, a line per epoch everywhere."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from icbench.training.trainer import Check, Monitor


class TrainingProgress(Monitor):
    """Shows a training on a console.

    Args:
        console: where to.
        epochs: of the whole training.
        quiet: show nothing.
    """

    def __init__(self, console: Console, epochs: int, quiet: bool = False) -> None:
        self.console, self.epochs, self.quiet = console, epochs, quiet
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

    def message(self, text: str) -> None:
        if not self.quiet:
            self.console.print(escape(text), soft_wrap=True, highlight=False)

    def begin_epoch(self, number: int, images: int) -> None:
        self.started = time.monotonic()
        if self.live and self.task is None:
            self.task = self.live.add_task("training", total=self.epochs * images, completed=number * images)

    def on_batch(self, images: int) -> None:
        if self.live and self.task is not None:
            self.live.advance(self.task, images)

    def end_epoch(self, number: int, losses: dict[str, float]) -> None:
        values = ", ".join(f"{name} {value:.3f}" for name, value in losses.items())
        self.message(f"epoch {number + 1}/{self.epochs}: {values} ({time.monotonic() - self.started:.0f} s)")

    def on_check(self, check: Check, best: bool) -> None:
        quality = check.quality
        inversions = "".join(f"{name} {value:.3f}, " for name, value in quality.inversion_accuracy.items())
        self.message(
            f"  check after epoch {check.epochs}: {inversions}samples {quality.sample_accuracy:.3f}, "
            f"score {quality.score:.4f}" + ("  best so far" if best else "")
        )
        self.message(f"    samples: {samples_line(check.samples.as_data())}")


def samples_line(figures: Mapping[str, Any]) -> str:
    """The figures of a `SampleQuality` in a line."""
    return (
        f"agreement {figures['agreement']:.3f}, Frechet distance {_number(figures['frechet_distance'], 1)}, "
        f"density {_number(figures['density'], 2)}, coverage {_number(figures['coverage'], 2)}, "
        f"class share {_number(figures['class_share'], 2)}, class kept {figures['class_kept']:.3f}"
    )


def sample_lines(figures: Mapping[str, Any]) -> list[str]:
    """The figures of a `SampleQuality`, a line each, with what they are."""
    judge, real = "the reference CNN", f"{figures['real_images']:,} validation images"
    share = _number(figures["class_share"], 3)
    return [
        f"{figures['agreement']:.4f}  of {figures['samples']:,} samples are of the class asked for, says {judge}",
        f"{figures['class_kept']:.4f}  keep their class when only the noise is drawn anew",
        f"{share}  is the class vector's share of the Jacobian",
        f"{_number(figures['frechet_distance'], 2)}  Frechet distance to {real} ({figures['features']})",
        f"{_number(figures['density'], 3)}  density, with {figures['neighbours']} neighbours of the same features",
        f"{_number(figures['coverage'], 3)}  coverage",
    ]


def _number(value: float | None, digits: int) -> str:
    return "none" if value is None else f"{value:.{digits}f}"


def _live_progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:.0f} %"),
        TimeRemainingColumn(compact=True),
        console=console,
        expand=True,
        refresh_per_second=4,
    )
