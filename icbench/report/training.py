"""What a training shows while it goes on: a live bar on a terminal, a line per epoch everywhere."""

import time

from rich.console import Console

from icbench.report.display import Display
from icbench.training.loop import TrainingObserver
from icbench.training.samples import SampleQuality
from icbench.training.scoring import ScoredCheckpoint


class TrainingProgress(Display, TrainingObserver):
    """Shows a training on a console.

    Args:
        console: where to.
        epochs: of the whole training.
        quiet: show nothing but warnings.
    """

    def __init__(self, console: Console, epochs: int, quiet: bool = False) -> None:
        super().__init__(console, quiet)
        self.epochs = epochs
        self.images = self.done = 0

    def begin(self, label: str, images: int, done: int) -> None:
        self.begin_task(label, images, done)

    def begin_epoch(self, number: int, images: int) -> None:
        self.number, self.images, self.done = number, images, 0
        self.epoch_begun = time.monotonic()

    def on_batch(self, images: int, correct: int | None = None) -> None:
        self.done += images
        done = self.number * self.images + self.done
        line = f"epoch {self.number + 1}/{self.epochs}: {self.done:,} of {self.images:,} images"
        self.show_task(done, line, count=f"{done / (self.epochs * self.images):.0%}")

    def end_epoch(self, number: int, losses: dict[str, float]) -> None:
        self.part_is_done = True
        values = ", ".join(f"{name} {value:.3f}" for name, value in losses.items())
        self.say(f"epoch {number + 1}/{self.epochs}: {values} ({time.monotonic() - self.epoch_begun:.0f} s)")

    def on_check(self, check: ScoredCheckpoint, best: bool) -> None:
        score = check.score
        inversions = "".join(f"{name} {value:.3f}, " for name, value in score.inversion_accuracy.items())
        self.say(
            f"  check after epoch {check.epochs}: {inversions}samples {score.sample_accuracy:.3f}, "
            f"score {score.value:.4f}" + ("  best so far" if best else "")
        )
        if check.samples:
            self.say(f"    samples: {samples_line(check.samples)}")


def samples_line(quality: SampleQuality) -> str:
    """The figures of samples in a line."""
    return (
        f"agreement {quality.agreement:.3f}, Frechet distance {_number(quality.frechet_distance, 1)}, "
        f"density {_number(quality.density, 2)}, coverage {_number(quality.coverage, 2)}, "
        f"class share {_number(quality.class_share, 2)}, class kept {quality.class_kept:.3f}"
    )


def sample_lines(quality: SampleQuality) -> list[str]:
    """The figures of samples, a line each, with what they are."""
    judge, real = "the reference CNN", f"{quality.real_images:,} validation images"
    share = _number(quality.class_share, 3)
    return [
        f"{quality.agreement:.4f}  of {quality.samples:,} samples are of the class asked for, says {judge}",
        f"{quality.class_kept:.4f}  keep their class when only the noise is drawn anew",
        f"{share}  is the class vector's share of the Jacobian",
        f"{_number(quality.frechet_distance, 2)}  Frechet distance to {real} ({quality.features})",
        f"{_number(quality.density, 3)}  density, with {quality.neighbours} neighbours of the same features",
        f"{_number(quality.coverage, 3)}  coverage",
    ]


def _number(value: float | None, digits: int) -> str:
    return "none" if value is None else f"{value:.{digits}f}"
