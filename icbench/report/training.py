"""What a training shows while it goes on: a live bar on a terminal, a line per epoch everywhere."""

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from icbench.report.display import Display
from icbench.training.trainer import Check, Monitor


class TrainingProgress(Display, Monitor):
    """Shows a training on a console.

    Args:
        console: where to.
        epochs: of the whole training.
        quiet: show nothing.
    """

    def __init__(self, console: Console, epochs: int, quiet: bool = False) -> None:
        super().__init__(console, quiet)
        self.epochs = epochs
        self.images = self.done = 0

    def message(self, text: str) -> None:
        self.line(text)

    def begin_epoch(self, number: int, images: int) -> None:
        self.number, self.images, self.done = number, images, 0
        self.epoch_begun = time.monotonic()
        if self.task is None and self.lines is None:
            self.begin_task("training", self.epochs * images, number * images)

    def on_batch(self, images: int) -> None:
        self.done += images
        done = self.number * self.images + self.done
        line = f"epoch {self.number + 1}/{self.epochs}: {self.done:,} of {self.images:,} images"
        self.show_task(done, line, count=f"{done / (self.epochs * self.images):.0%}")

    def end_epoch(self, number: int, losses: dict[str, float]) -> None:
        self.part_is_done = True
        values = ", ".join(f"{name} {value:.3f}" for name, value in losses.items())
        self.message(f"epoch {number + 1}/{self.epochs}: {values} ({time.monotonic() - self.epoch_begun:.0f} s)")

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
