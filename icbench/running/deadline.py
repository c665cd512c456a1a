"""When to begin nothing more, so that all that was begun ends in time."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from icbench.running.costs import EarlierCosts

if TYPE_CHECKING:
    from icbench.records import Record, ResultsFolder

STOPPED = "stopped in time: what comes next would end after --max-hours"


class TimeIsUpError(KeyboardInterrupt):
    """What comes next would not end in time: all stops as where the user stops it, and what is finished is kept."""

    def __init__(self) -> None:
        super().__init__("--max-hours is too short for anything to be finished")


class Deadline:
    """The end of the time that runs may take.

    Args:
        hours: from now on; None for all the time there is.
        clock: tells the seconds.
    """

    def __init__(self, hours: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._end = None if hours is None else clock() + 3600 * hours
        self._earlier: EarlierCosts | None = None
        self.has_stopped = False
        """Whether something was not begun because of it."""

    def __reduce__(self) -> tuple[type["Deadline"], tuple[()]]:
        # A worker computes what it is given; whoever gives it out looks at the clock.
        return Deadline, ()

    @property
    def is_set(self) -> bool:
        """Whether there is an end at all."""
        return self._end is not None

    def allows(self, seconds: float) -> bool:
        """Whether what takes so long still ends in time."""
        fits = self._end is None or self.clock() + seconds <= self._end
        self.has_stopped = self.has_stopped or not fits
        return fits

    def note(self, record: "Record") -> None:
        """Take what a run has cost that is over."""
        if self._earlier:
            self._earlier.add(record)

    def earlier(self, results: "ResultsFolder") -> EarlierCosts:
        """What runs have cost before, read once."""
        self._earlier = self._earlier or EarlierCosts(results.records())
        return self._earlier
