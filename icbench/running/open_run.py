"""A run whose shards are computed elsewhere: what is left of it to be computed, and what has come back."""

import json
from collections import deque
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from icbench.errors import ComponentError, IcbenchError, ResultsError
from icbench.records import Record
from icbench.records.buffer import SHARD_IMAGES
from icbench.records.metadata import Environment
from icbench.records.results_folder import GrowingRun
from icbench.running.runners import Arrays, Index
from icbench.running.session import Session, describe_failure
from icbench.running.shard_task import Chosen, RunTask, ShardResult, ShardTask, versions

if TYPE_CHECKING:
    from icbench.engine.settings import Settings


@dataclass
class Shard:
    """Images of a run that are computed together.

    Args:
        run: theirs.
        index: which.
        rows: how many rows were computed at a time when it was last tried.
        failures: how often it has failed.
    """

    run: "OpenRun"
    index: Index
    rows: int = 0
    failures: int = 0


class OpenRun:
    """One run, as its shards are given out and come back.

    Args:
        number: its place in the plan.
        session: of its entry.
        growing: what there is of it.
        executor: what computes its shards, for its record.
        held: what is let go of once it is over, such as the lock on it.
    """

    def __init__(self, number: int, session: Session, growing: GrowingRun, executor: str, held: ExitStack) -> None:
        self.number, self.session, self.growing, self._executor, self._held = number, session, growing, executor, held
        self.failure: BaseException | None = None
        self.in_flight = 0
        self.shard_seconds = 0.0
        """What a shard takes, as far as that is known."""
        self._again: deque[Shard] = deque()
        self._left: Index = np.zeros(0, np.int64)
        self._parameters = session.runner.parameters()

    def begin(self, settings: "Settings") -> None:
        """Find out what is left of it, and how many images are computed together; a component's failure is its own."""
        self._left = self.session.begin(self.growing, settings)
        try:
            if len(self._left):
                metadata = self.growing.metadata
                self.shard_seconds = self.session.first_shard_seconds(metadata, settings, len(self._left))
                known = self.growing.metadata.batch_size or None
                self.session.batch_size.begin(settings, self.session.images, known)
                # Its own, as the runs of several seeds are open at a time.
                self._batch_size = copy(self.session.batch_size)
                self._note_batch()
                self._task = _run_task(self.session, settings)
        except (KeyboardInterrupt, ResultsError):
            raise
        except BaseException as error:
            self.failure = error

    @property
    def has_shards(self) -> bool:
        """Whether there are any to be given out."""
        return self.failure is None and bool(len(self._left) or self._again)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is left, or it has failed and nothing more of it will come back."""
        return not self.has_shards and not self.in_flight

    def give_out(self) -> tuple[Shard, ShardTask]:
        """The next shard, and what a worker is told of it."""
        shard = self._again.popleft() if self._again else self._cut()
        shard.rows = self._batch_size.rows
        self.in_flight += 1
        return shard, ShardTask(self._task, shard.index, shard.rows)

    def take_back(self, shard: Shard) -> None:
        """The shard was not computed and is to be given out again."""
        self._again.append(shard)

    def add(self, shard: Shard, result: ShardResult) -> None:
        """Write what a shard came to.

        Raises:
            ComponentError: it is not of the form that a record has.
            ResultsError: it cannot be written.
        """
        index = result.arrays["index"]
        if not np.array_equal(np.sort(index), np.sort(shard.index)):
            raise ComponentError(f"a worker answered with {len(index)} other images than it was asked for")
        arrays: Arrays = {"label": self.session.split.labels[index], **result.arrays}
        self.growing.check(arrays)
        if not self.growing.started:
            environment = Environment(**{**result.environment, "executor": self._executor})
            self.growing.metadata = replace(self.growing.metadata, environment=environment)
        self.growing.add(arrays, result.costs)
        self.shard_seconds = result.costs.seconds
        self._parameters = result.parameters
        self.session.report(arrays)

    def shrink(self, shard: Shard, reason: str) -> bool:
        """Go on with smaller batches after a shard for which the memory did not suffice; whether that is possible."""
        import torch

        if shard.rows <= self._batch_size.rows:
            if self._batch_size.rows <= 1:
                return False
            self._batch_size.halve(torch.OutOfMemoryError(reason))
            self._note_batch()
        return True

    def _note_batch(self) -> None:
        self.growing.set_batch(self._batch_size.rows, self._batch_size.bytes)

    def finish(self) -> Record:
        """The record, of what is done if the run has failed."""
        try:
            if self.failure is not None:
                return self.fail(self.failure)
            self.growing.set_parameters(self._parameters)
            return self.growing.finish(self.session.keeps_latents)
        except ResultsError:
            raise
        except IcbenchError as error:
            return self.fail(error)
        finally:
            self.release()

    def fail(self, error: BaseException) -> Record:
        """Note that it failed, and what with."""
        self.session.tell_failure(len(self.growing.arrays()["index"]), error)
        return self.growing.stop("failed", describe_failure(error))

    def interrupt(self) -> Record | None:
        """Note that the user stopped it; None where there is nothing of it."""
        try:
            return self.growing.stop("interrupted", "") if self.growing.shards else None
        finally:
            self.release()

    def release(self) -> None:
        """Let others work on it."""
        self._held.close()

    def _cut(self) -> Shard:
        """The next images: whole batches, so that the shards of a run do not depend on who computes them."""
        batch = self.session.runner.images_per_batch(self._batch_size.rows)
        images = batch * -(-SHARD_IMAGES // batch)
        index, self._left = self._left[:images], self._left[images:]
        return Shard(self, index)


def _run_task(session: Session, settings: "Settings") -> RunTask:
    options = session.options
    asked = replace(
        options,
        seeds=(settings.seed,),
        device=settings.device.type,
        precision=settings.precision_name,
        data_dir=options.data_dir and options.data_dir.absolute(),
    )
    identity = session.identity(settings).document()
    return RunTask(
        tuple(map(Chosen.of, session.entry.selections.values())),
        Chosen.of(session.entry.dataset),
        asked,
        settings.seed,
        json.dumps(identity, sort_keys=True),
        versions(),
    )
