"""Results that wait to be written, so that a shard holds more than one batch."""

import logging
import time
from collections.abc import Callable
from types import TracebackType

import numpy as np

from icbench.errors import ResultsError
from icbench.records.files import Arrays
from icbench.records.metrics import Costs
from icbench.records.results_folder import GrowingRun

LOG = logging.getLogger(__name__)
SHARD_IMAGES = 256
SHARD_SECONDS = 10.0
"""Results go to disk once there are so many images or so much time has passed: what a kill can cost."""


class ShardBuffer:
    """Collects the results of batches and writes them as shards; whatever ends the `with`, none is lost.

    Args:
        run: what they are the results of.
        peak_memory: tells the most bytes used since the run went on.
    """

    def __init__(self, run: GrowingRun, peak_memory: Callable[[], int]) -> None:
        self._run, self._peak_memory = run, peak_memory
        self._batches: list[Arrays] = []
        self._forward = self._backward = 0

    def __enter__(self) -> "ShardBuffer":
        self._started = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, ResultsError):
            return
        try:
            self.flush()
        except KeyboardInterrupt:
            self.flush()
            raise
        except ResultsError:
            # What ended the run comes first; that nothing can be written any more is seen again when its end is noted.
            if error is None:
                raise

    def add(self, arrays: Arrays, forward: float, backward: float) -> None:
        """Take the results of a batch, and its generator evaluations per image.

        Raises:
            ComponentError: they are not of the form that a record has.
            ResultsError: they cannot be written.
        """
        self._run.check(arrays)
        self._forward, self._backward = round(forward), round(backward)
        self._batches.append(arrays)
        if self.images >= SHARD_IMAGES or time.perf_counter() - self._started >= SHARD_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what there is as one shard; what stops that leaves it to be written."""
        if self._batches:
            seconds = time.perf_counter() - self._started
            joined = {name: np.concatenate([batch[name] for batch in self._batches]) for name in self._batches[0]}
            self._run.add(joined, Costs(self._forward, self._backward, seconds, self._peak_memory()))
            LOG.info("shard of %d images written to %s", self.images, self._run.path)
            self._batches = []
        self._started = time.perf_counter()

    @property
    def images(self) -> int:
        """How many are not on disk yet."""
        return sum(len(batch["index"]) for batch in self._batches)
