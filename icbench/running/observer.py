"""What those who look on are told of runs and trainings, and of work that tells little of itself."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from icbench.records import Record


@dataclass
class Work:
    """Work that goes on.

    Args:
        what: it, such as "fitting nearest-neighbour".
        share: how much of it is done, from 0 to 1, where that is known.
        at: which part of it goes on, where there are parts.
    """

    what: str
    share: float = 0.0
    at: str = ""

    def advance(self, share: float) -> None:
        """So much more of it is done."""
        self.share += share

    def __str__(self) -> str:
        return self.what + (f": {self.at}" if self.at else "") + (f", {self.share:.0%}" if self.share else "")


@dataclass(frozen=True)
class PlannedRun:
    """A run that is to be made, or taken from its record.

    Args:
        parts: its components and whatever else was asked for, each by what it is.
        images: how many it classifies.
    """

    parts: Mapping[str, str]
    images: int


class Observer:
    """Is told what goes on in a run or a training; the default ignores it. All progress is in images."""

    def warn(self, message: str) -> None:
        """Something the user should know."""

    def say(self, message: str) -> None:
        """Something the user may like to know."""

    def plan(self, runs: Sequence[PlannedRun]) -> None:
        """These runs will be made in this order; each of them ends, and begins if it was not finished before."""

    def turn_to(self, number: int) -> None:
        """What is told next is of this run of the plan, from 0; said only where several are under way at a time."""

    def begin(self, label: str, images: int, done: int) -> None:
        """A run or a training begins: so many images to go through, of which some were done before."""

    def on_step(self, images: float) -> None:
        """Progress within a batch, in images; whole batches add up to their size."""

    def on_batch(self, images: int, correct: int | None = None) -> None:
        """A batch is done; of a run also how many of its images were classified correctly."""

    def end(self, record: "Record | None" = None) -> None:
        """The run or the training is over, and what it leaves is written: of a run its record."""

    @contextmanager
    def working(self, what: str) -> Iterator[Work]:
        """Within it, work goes on that may take long."""
        yield Work(what)
