"""Runs whose shards are computed by an executor: given out a few at a time, written as they come back."""

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from icbench.errors import ComponentError, IcbenchError, UsageError
from icbench.kinds.executor import Answer, Executor, ExecutorLostError
from icbench.records import Record
from icbench.running.deadline import STOPPED, TimeIsUpError
from icbench.running.observer import Observer
from icbench.running.open_run import OpenRun, Shard
from icbench.running.session import RunTakenError, Session
from icbench.running.shard_task import ShardFailure, ShardResult, compute_shard

LOG = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
"""How often deadlines are looked at."""


class ShardError(IcbenchError):
    """A shard failed as often as it may."""


@dataclass(frozen=True)
class Planned:
    """A run to be made: its entry's session, and its seed."""

    session: Session
    seed: int


@dataclass
class _Pending:
    """A shard that was submitted.

    Args:
        since: when a worker was first seen to have it.
    """

    shard: Shard
    since: float | None = None


class Dispatcher:
    """Gives the shards of runs to an executor. It alone writes; what it holds does not grow with what is finished.

    Args:
        executor: computes them.
        name: what the executor is called in records.
        planned: the runs, in their order.
        watcher: told of all.
    """

    def __init__(self, executor: Executor, name: str, planned: Iterable[Planned], watcher: Observer) -> None:
        self._executor, self._name, self._watcher = executor, name, watcher
        self._waiting = deque(enumerate(planned))
        self._taken: deque[tuple[int, Planned]] = deque()
        """Runs that another process was at."""
        self._open: dict[int, OpenRun] = {}
        self._supply: deque[OpenRun] = deque()
        """The open runs that have shards to give out."""
        self._pending: dict[Answer, _Pending] = {}
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        self._over: dict[int, Record] = {}
        """Records that wait for those of earlier runs."""
        self._next = 0
        self._computed = False
        self._looked = time.monotonic()

    def records(self) -> Iterator[tuple[int, Record]]:
        """The record of each run, with the run's number and in the order of the plan.

        Raises:
            ExecutorLostError: no shard can be computed any more. What was finished is kept.
            KeyboardInterrupt: the user or the time stopped all before any image was finished.
            ResultsError: the results folder cannot be written.
            UsageError: the workers are not like this process, and have computed nothing.
        """
        try:
            while self._fill() or self._pending:
                self._take_answer()
                yield from self._in_order()
            yield from self._in_order()
            if self._open:
                self._watcher.warn(STOPPED)
                raise TimeIsUpError
        except KeyboardInterrupt:
            yield from self._interrupt()
        except ExecutorLostError as error:
            yield from self._lose(error)
            raise
        finally:
            for run in self._open.values():
                run.release()

    def _fill(self) -> bool:
        """Submit as many shards as the executor takes; whether there is any."""
        while len(self._pending) < self._executor.slots:
            if not self._supply and not self._open_next():
                break
            if self._supply and not self._ends_in_time(self._supply[0]):
                break
            if self._supply:
                self._submit(self._supply[0])
        return bool(self._pending)

    @staticmethod
    def _ends_in_time(run: OpenRun) -> bool:
        return run.session.options.deadline.allows(run.shard_seconds)

    def _submit(self, run: OpenRun) -> None:
        shard, task = run.give_out()
        if not run.has_shards:
            self._supply.popleft()
        answer = self._executor.submit(compute_shard, task)
        self._pending[answer] = _Pending(shard)
        answer.add_done_callback(self._answers.put)

    def _open_next(self) -> bool:
        """Open the next run that can be; whether there was one."""
        if not self._waiting and self._open:
            # What another process is at has to wait until nothing of this one waits for it in turn.
            return False
        if not self._waiting and not self._taken:
            return False
        number, planned = (self._waiting or self._taken).popleft()
        may_wait = not (self._open or self._waiting)
        self._watcher.turn_to(number)
        with ExitStack() as stack:
            settings = planned.session.settings(planned.seed)
            try:
                found = stack.enter_context(planned.session.take(settings, may_wait))
            except RunTakenError:
                self._taken.append((number, planned))
                return True
            if isinstance(found, Record):
                self._end(number, found)
                return True
            run = self._open[number] = OpenRun(number, planned.session, found, self._name, stack.pop_all())
        run.begin(settings)
        if run.has_shards:
            self._supply.append(run)
        else:
            self._close(run)
        return True

    def _take_answer(self) -> None:
        """Wait for the next answer, and look at deadlines now and then."""
        with suppress(Empty):
            self._take(self._answers.get(timeout=LOOK_SECONDS))
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._give_up_late_ones()

    def _take(self, answer: Answer) -> None:
        pending = self._pending.pop(answer, None)
        if pending is None:
            return
        shard, run = pending.shard, pending.shard.run
        self._watcher.turn_to(run.number)
        run.in_flight -= 1
        outcome = _outcome(answer)
        if isinstance(outcome, ShardResult):
            self._add(shard, outcome)
        elif not (outcome.out_of_memory and self._shrink(shard, outcome)):
            self._count_failure(shard, outcome)
        if run.is_over:
            self._close(run)

    def _add(self, shard: Shard, result: ShardResult) -> None:
        try:
            shard.run.add(shard, result)
        except ComponentError as error:
            shard.run.failure = error
        self._computed = True

    def _shrink(self, shard: Shard, failure: ShardFailure) -> bool:
        shrunk = shard.run.shrink(shard, failure.reason)
        if shrunk:
            self._give_out_again(shard)
        return shrunk

    def _count_failure(self, shard: Shard, failure: ShardFailure) -> None:
        """Try a shard again, or let its run fail.

        Raises:
            UsageError: all workers that were asked so far refuse.
        """
        shard.failures += 1
        said = f"a worker refused, {failure.reason}" if failure.refused else failure.reason
        if shard.failures <= self._executor.retries:
            label, tried = shard.run.session.entry.label, f"{shard.failures} of {self._executor.retries}"
            self._watcher.say(f"{label}: {len(shard.index)} images are tried again ({tried}): {said}")
            self._give_out_again(shard)
        elif failure.refused and not self._computed:
            raise UsageError(said, "Install the same icbench, plugins, weights and data where the workers are.")
        else:
            shard.run.failure = ShardError(f"{said}, {shard.failures} times" if shard.failures > 1 else said)

    def _give_out_again(self, shard: Shard) -> None:
        run = shard.run
        if run.failure is None and not run.has_shards:
            self._supply.appendleft(run)
        run.take_back(shard)

    def _give_up_late_ones(self) -> None:
        now = time.monotonic()
        for answer, pending in [*self._pending.items()] if self._executor.timeout else []:
            if pending.since is None:
                pending.since = now if answer.running() else None
            elif now - pending.since > self._executor.timeout:
                LOG.info("given up after %.0f s: %d images", now - pending.since, len(pending.shard.index))
                self._give_up(answer)

    def _give_up(self, answer: Answer) -> None:
        shard = self._pending.pop(answer).shard
        self._executor.give_up(answer)
        shard.run.in_flight -= 1
        self._watcher.turn_to(shard.run.number)
        self._count_failure(shard, ShardFailure(f"no answer within {self._executor.timeout:g} s (timeout)"))
        if shard.run.is_over:
            self._close(shard.run)

    def _close(self, run: OpenRun) -> None:
        del self._open[run.number]
        if run in self._supply:
            self._supply.remove(run)
        record = run.finish()
        run.session.options.deadline.note(record)
        self._end(run.number, record)

    def _end(self, number: int, record: Record) -> None:
        self._watcher.end(record)
        self._over[number] = record

    def _in_order(self) -> Iterator[tuple[int, Record]]:
        while self._next in self._over:
            yield self._next, self._over.pop(self._next)
            self._next += 1

    def _interrupt(self) -> Iterator[tuple[int, Record]]:
        """Keep what has come back, end the workers, and note of each open run that it was interrupted."""
        with suppress(Empty):
            while True:
                self._take(self._answers.get_nowait())
        self._executor.close()
        for number, run in [*self._open.items()]:
            record = run.interrupt()
            if record:
                self._watcher.turn_to(number)
                self._end(number, record)
            del self._open[number]
        if not self._over and not self._next:
            raise
        yield from self._rest()

    def _lose(self, error: ExecutorLostError) -> Iterator[tuple[int, Record]]:
        for number, run in [*self._open.items()]:
            run.failure = error
            self._watcher.turn_to(number)
            self._close(run)
        yield from self._rest()

    def _rest(self) -> Iterator[tuple[int, Record]]:
        """What is over, interrupted runs last."""
        for number in sorted(self._over, key=lambda number: (self._over[number].status == "interrupted", number)):
            yield number, self._over[number]


def _outcome(answer: Answer) -> ShardResult | ShardFailure:
    """What an answer says.

    Raises:
        ExecutorLostError: that there will be none any more.
    """
    try:
        outcome = answer.result()
    except ExecutorLostError:
        raise
    except BaseException as error:
        return ShardFailure(f"{type(error).__name__}: {error}")
    if isinstance(outcome, ShardResult | ShardFailure):
        return outcome
    return ShardFailure(f"the executor answered with {type(outcome).__name__}")
