"""How many rows a run computes together: given, known or measured, and less once the device's memory is full."""

import logging
from typing import TYPE_CHECKING

from icbench.compute.devices import give_memory_back, is_out_of_memory
from icbench.engine.targets import Pixels
from icbench.running.observer import Observer
from icbench.running.runners import Runner

if TYPE_CHECKING:
    from icbench.engine.settings import Settings

LOG = logging.getLogger(__name__)


class BatchSize:
    """The batch size of one run after the other.

    Args:
        runner: what computes the batches.
        images: (N, C, H, W), the split, to measure with.
        watcher: told of what takes long and of what does not fit.
        given: rows that were asked for; None measures once.
    """

    rows: int
    """Computed together, such as hypotheses."""
    bytes: int | None
    """What a batch takes, or None where that is not known."""

    def __init__(self, runner: Runner, images: Pixels, watcher: Observer, given: int | None) -> None:
        self._runner, self._images, self._watcher = runner, images, watcher
        self._given = given
        self._measured: int | None = None

    def begin(self, settings: "Settings", count: int, known: int | None) -> None:
        """Begin a run of `count` images, with the rows that it was begun with before if there are any."""
        self._settings, self._count = settings, count
        sizes = {"asked for": self._given, "as the run was begun": known, "measured": self._measured}
        why = next((why for why, rows in sizes.items() if rows), "measured")
        self._set(sizes[why] or self._measure())
        LOG.info("batch size %d, %s", self.rows, why)

    def halve(self, error: Exception) -> None:
        """Go on with smaller batches after an error that says that the memory is full.

        Raises:
            Exception: the error itself, if it says anything else or the batch is as small as can be.
        """
        if not is_out_of_memory(error) or self.rows <= 1:
            raise error
        self._watcher.warn(f"the device's memory is full; going on with batches of {self.rows // 2}")
        LOG.info("batch size halved to %d: %s", self.rows // 2, error)
        give_memory_back(self._runner.device)
        self._set(self.rows // 2)

    def _measure(self) -> int:
        """A good batch size, the same for all runs."""
        with self._watcher.working(f"measuring a batch size for {self._runner.entry.label}"):
            self._measured = self._runner.batch_size(self._images, self._count, self._settings)
        return self._measured

    def _set(self, rows: int) -> None:
        """Take so many rows; says so where they need more memory than is free."""
        from icbench.engine.memory import free_bytes

        self.rows, self.bytes = rows, self._runner.batch_bytes(rows, self._count, self._settings)
        free = free_bytes(self._runner.device)
        if self.bytes is not None and self.bytes > free:
            self._watcher.warn(
                f"batches of {rows} take about {self.bytes / 2**30:,.1f} GiB, and {free / 2**30:,.1f} GiB are free; "
                "--batch-size auto chooses one that fits"
            )
