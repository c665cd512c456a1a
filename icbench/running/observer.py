"""What those who look on are told of work that tells little of itself."""

from collections.abc import Iterator
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


class Onlooker:
    """Is told when work goes on; the default ignores it."""

    @contextmanager
    def working(self, what: str) -> Iterator[Work]:
        """Within it, work goes on that may take long."""
        yield Work(what)


class Watcher(Onlooker):
    """Receives what happens while runs go on; the default ignores it."""

    def warn(self, message: str) -> None:
        """Something the user should know."""

    def say(self, message: str) -> None:
        """Something the user may like to know."""

    def begin(self, label: str, images: int, done: int) -> None:
        """A run starts: so many images, of which some were done before."""

    def on_step(self, images: float) -> None:
        """Progress within a batch, in images; whole batches add up to their size."""

    def on_batch(self, correct: int, images: int) -> None:
        """A batch is done: how many of its images were classified correctly."""

    def end(self, record: "Record") -> None:
        """A run is over and its record written."""
