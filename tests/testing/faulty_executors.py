"""Executors with a fault each: threads where that suffices, processes where the end of one is looked at."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ClassVar

from faulty import Faults

from icbench import Param
from icbench.builtin.executors.processes import Processes
from icbench.builtin.executors.worker import LostWorkerError
from icbench.kinds.executor import Executor

FAULTS = Faults("executor")
WORKERS = (Param("workers", 2, low=1, high=9),)


@FAULTS(params=WORKERS)
class Sound(Executor):
    """nothing is wrong with it"""

    def __init__(self, workers=2):
        self.workers, self.pool = workers, ThreadPoolExecutor(workers)

    @property
    def slots(self):
        return 2 * self.workers

    def submit(self, function, *arguments):
        return self.pool.submit(function, *arguments)

    def close(self):
        self.pool.shutdown(wait=False, cancel_futures=True)


def failed(error):
    """An answer that is an exception."""
    answer = Future()
    answer.set_exception(error)
    return answer


@FAULTS("slots_are_counted")
class Slotless(Sound):
    """takes no call"""

    slots = 0


@FAULTS("a_call_is_answered")
class Mute(Sound):
    """returns nothing where a future is due"""

    def submit(self, function, *arguments):
        super().submit(function, *arguments)


class Never(Future):
    """What nobody answers, without the wait."""

    def result(self, timeout=None):
        raise TimeoutError


@FAULTS("a_call_is_answered")
class Deaf(Sound):
    """answers no call"""

    def submit(self, function, *arguments):
        return Never()


@FAULTS("answers_belong_to_their_calls")
class Remembering(Sound):
    """takes calls for the same that differ in their first argument"""

    known: ClassVar[dict] = {}

    def submit(self, function, *arguments):
        if function is not pow:
            return super().submit(function, *arguments)
        if arguments[1] not in self.known:
            self.known[arguments[1]] = super().submit(pow, 7, arguments[1])
        return self.known[arguments[1]]


@FAULTS("answers_belong_to_their_calls")
class Queueing(Sound):
    """answers with what was asked for before"""

    def __init__(self):
        super().__init__()
        self.before = None

    def submit(self, function, *arguments):
        answer = super().submit(function, *arguments)
        if function is not pow or arguments == (7, 2):
            return answer
        self.before, answer = answer, self.before or answer
        return answer


def twice(function, *arguments):
    function(*arguments)
    return function(*arguments)


@FAULTS("a_call_is_made_once")
class Doubling(Sound):
    """makes a call twice, as one that gives late calls to a second worker"""

    def submit(self, function, *arguments):
        return super().submit(twice, function, *arguments)


def cut(function, *arguments):
    found = function(*arguments)
    return found[: 2**16] if isinstance(found, bytes) else found


@FAULTS("large_answers_come_back_whole")
class Cutting(Sound):
    """answers with no more than 64 KiB"""

    def submit(self, function, *arguments):
        return super().submit(cut, function, *arguments)


def without_error(function, *arguments):
    try:
        return function(*arguments)
    except Exception:
        return None


@FAULTS("what_a_call_raises_is_its_answer_alone")
class Swallowing(Sound):
    """answers with None where the function raises"""

    def submit(self, function, *arguments):
        return super().submit(without_error, function, *arguments)


@FAULTS("what_a_call_raises_is_its_answer_alone")
class Sulking(Sound):
    """answers no more once a call has raised"""

    failed = None

    def submit(self, function, *arguments):
        if self.failed is not None:
            return failed(self.failed)
        answer = super().submit(function, *arguments)
        answer.add_done_callback(self.note)
        return answer

    def note(self, answer):
        self.failed = None if answer.cancelled() else answer.exception()


@FAULTS("submit_does_not_wait", "an_answer_runs_while_a_worker_has_it")
class Blocking(Sound):
    """computes in the process that asks, and does not say so"""

    def submit(self, function, *arguments):
        answer = Future()
        try:
            answer.set_result(function(*arguments))
        except Exception as error:
            answer.set_exception(error)
        return answer


@FAULTS("an_answer_runs_while_a_worker_has_it")
class Waiting(Sound):
    """never says that a worker is at it"""

    def submit(self, function, *arguments):
        answer = Future()

        def copy(given):
            if given.cancelled() or given.exception():
                answer.set_exception(given.cancelled() or given.exception())
            else:
                answer.set_result(given.result())

        super().submit(function, *arguments).add_done_callback(copy)
        return answer


@FAULTS("workers_work_at_a_time", params=WORKERS)
class Alone(Sound):
    """has one worker, however many it is told to have"""

    def __init__(self, workers=2):
        super().__init__(1)
        self.workers = workers


@FAULTS("workers_work_at_a_time", params=WORKERS)
class Narrow(Sound):
    """takes one call at a time, so that one worker is idle"""

    slots = 1


@FAULTS("its_tries_are_told")
class Hasty(Sound):
    """gives up before the first try"""

    retries = -1


@FAULTS("its_tries_are_told", params=(Param("timeout", 9.0, low=0),))
class Patient(Sound):
    """waits for ever, whatever deadline it is told"""

    def __init__(self, timeout):
        super().__init__()


@FAULTS("closed_twice_is_closed")
class Fragile(Sound):
    """cannot be closed twice"""

    def close(self):
        super().close()
        del self.pool


@FAULTS("a_lost_worker_is_an_answer")
class Forgiving(Processes):
    """answers with None where a worker was lost"""

    def __init__(self):
        super().__init__(workers=1)

    def _take(self, worker):
        work = worker.work
        answer = worker.take()
        if work and isinstance(answer, partial) and isinstance(answer.args[0], LostWorkerError):
            answer = partial(work.answer.set_result, None)
        if answer:
            answer()


@FAULTS("what_is_given_up_ends")
class Stranded(Processes):
    """does not end what is given up, and has no worker then"""

    slots, lost = 1, False

    def __init__(self):
        super().__init__(workers=1)

    def submit(self, function, *arguments):
        return failed(RuntimeError("no worker")) if self.lost else super().submit(function, *arguments)

    def give_up(self, answer):
        self.lost = True


@FAULTS("close_ends_its_workers")
class Lingering(Processes):
    """leaves its processes behind"""

    left: ClassVar[list] = []

    def __init__(self):
        super().__init__(workers=1)
        self.left.append(self)

    def close(self):
        pass

    @classmethod
    def end_all(cls):
        while cls.left:
            Processes.close(cls.left.pop())


@FAULTS("close_ends_its_workers")
class Polite(Processes):
    """waits with its end for what its workers are at"""

    def __init__(self):
        super().__init__(workers=1)

    def close(self):
        while any(worker.work for worker in self._workers):
            time.sleep(0.01)
        super().close()
