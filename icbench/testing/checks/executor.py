"""Checks of an executor. Its workers are given functions of Python's own library, which are wherever they are."""

import math
import operator
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from icbench.kinds.executor import Answer, Executor
from icbench.plugins.component import Selection
from icbench.testing.assertions import Skipped, expect, reason
from icbench.testing.exercise import ANSWER_SECONDS
from icbench.testing.subject import Check, Subject

HELD_SECONDS = 6.0
"""How long a worker is held where that is to be seen from outside; an executor may look at its workers now and then."""
ENDING_SECONDS = 30.0
"""How long workers may take to end."""
LOOK_SECONDS = 0.02
LARGE = 2**22
"""As many bytes as the arrays of some shards have."""
WORKERS = 2


def slots_are_counted(subject: Subject) -> None:
    """`slots` is a whole number, 1 or more."""
    executor = subject.component
    slots = executor.slots
    expect(isinstance(slots, int) and slots >= 1, f"slots is {slots!r}")


def a_call_is_answered(subject: Subject) -> None:
    """`submit` returns a future of `concurrent.futures`, which comes to what the function returns."""
    executor = subject.component
    answer = executor.submit(pow, 7, 2)
    expect(isinstance(answer, Future), f"submit returned {type(answer).__name__}")
    expect((found := _wait_for(answer)) == 49, f"pow(7, 2) is answered with {found!r}")


def answers_belong_to_their_calls(subject: Subject) -> None:
    """Many calls, as many at a time as there are slots, each come to what a direct call returns."""
    executor = subject.component
    calls = [(pow, number, 2) for number in range(3 * min(executor.slots, 20))]
    expected = [function(*arguments) for function, *arguments in calls]
    found = [_wait_for(answer) for answer in _submit_all(executor, calls)]
    expect(found == expected, f"the squares of {len(found)} numbers are answered with {found}")


def a_call_is_made_once(subject: Subject) -> None:
    """What is submitted is called once."""
    executor = subject.component
    with tempfile.TemporaryDirectory() as folder:
        calls = [(tempfile.mkdtemp, "", "", folder)] * min(executor.slots, 20)
        errors = [error for answer in _submit_all(executor, calls) if (error := _error_of(answer))]
        if any(isinstance(error, FileNotFoundError) for error in errors):
            raise Skipped("its workers do not have this machine's files")
        expect(not errors, f"a folder is not made: {errors[:1]}")
        made = len([*Path(folder).iterdir()])
        expect(made == len(calls), f"{len(calls)} calls that make a folder each leave {made}")


def large_answers_come_back_whole(subject: Subject) -> None:
    """Arguments and answers of some megabytes come through."""
    executor = subject.component
    sent = bytes(range(256)) * (LARGE // 256)
    expect(_wait_for(executor.submit(operator.add, sent, b"!")) == sent + b"!", "it comes back changed")


def what_a_call_raises_is_its_answer_alone(subject: Subject) -> None:
    """A function that raises is answered by an exception, and calls beside it are answered as ever."""
    with _started(subject.selection) as executor:
        calls = [(math.factorial, number) for number in (-1, 3, -1, 4)]
        failed, three, failed_too, four = (answer for call in calls for answer in _submit_all(executor, [call]))
        for answer in (failed, failed_too):
            expect(_error_of(answer) is not None, f"a call that raises is answered with {answer}")
        found = [_wait_for(answer) for answer in (three, four)]
        expect(found == [6, 24], f"beside calls that raise, 3! and 4! are answered with {found}")


def submit_does_not_wait(subject: Subject) -> None:
    """`submit` returns at once, while the worker is at it, unless the executor declares `in-process`."""
    if subject.has("in-process"):
        raise Skipped("it declares in-process")
    answer = subject.component.submit(time.sleep, HELD_SECONDS)
    if answer.done():
        _wait_for(answer)
        raise AssertionError("submit returns once the call is done")


def an_answer_runs_while_a_worker_has_it(subject: Subject) -> None:
    """The answer is running once a worker has the call, as the deadline counts from there."""
    if subject.has("in-process"):
        raise Skipped("it declares in-process")
    executor = subject.component
    answer = executor.submit(time.sleep, HELD_SECONDS)
    _wait_until(executor, lambda: answer.running() or answer.done())
    expect(answer.running(), "the answer is never running before it is done")


def workers_work_at_a_time(subject: Subject) -> None:
    """With `workers=2`, if it has such a parameter, two calls are made at a time, and there are as many slots."""
    with _started(_with_workers(subject)) as executor:
        expect(executor.slots >= WORKERS, f"with workers={WORKERS}, slots is {executor.slots}")
        answers = [executor.submit(time.sleep, HELD_SECONDS) for _ in range(WORKERS)]
        _wait_until(executor, lambda: all(a.running() for a in answers) or any(a.done() for a in answers))
        running = sum(answer.running() for answer in answers)
        expect(running == WORKERS, f"with workers={WORKERS}, {running} of {WORKERS} calls run at a time")


def its_tries_are_told(subject: Subject) -> None:
    """`retries` and `timeout` are numbers, not negative, and those of the parameters of that name."""
    executor = subject.component
    retries, timeout = executor.retries, executor.timeout
    expect(isinstance(retries, int) and retries >= 0, f"retries is {retries!r}")
    expect(isinstance(timeout, int | float) and 0 <= timeout < math.inf, f"timeout is {timeout!r}")
    for name in ("retries", "timeout"):
        given = subject.selection.params.get(name, getattr(executor, name))
        expect(getattr(executor, name) == given, f"with {name}={given} it is {getattr(executor, name)}")


def a_lost_worker_is_an_answer(subject: Subject) -> None:
    """A call whose process ends is answered by an exception, and calls after it are answered as ever."""
    with _started(subject.selection) as executor:
        _require_processes(executor)
        error = _error_of(executor.submit(os._exit, 3))
        expect(error is not None, "a call that ends its process is answered as if it had returned")
        expect((found := _wait_for(executor.submit(pow, 7, 2))) == 49, f"then pow(7, 2) is answered with {found!r}")


def what_is_given_up_ends(subject: Subject) -> None:
    """`give_up` ends what a worker is at, so that calls after it are answered."""
    with _started(subject.selection) as executor:
        _require_processes(executor)
        left = {executor.submit(time.sleep, 10 * ANSWER_SECONDS) for _ in range(min(executor.slots, 20))}

        def give_up_those_that_run() -> bool:
            for answer in [answer for answer in left if answer.running() or answer.done()]:
                executor.give_up(answer)
                left.discard(answer)
            return not left

        _wait_until(executor, give_up_those_that_run)
        expect(not left, "calls behind those that are given up never run: these still have the workers")
        expect((found := _wait_for(executor.submit(pow, 7, 2))) == 49, f"then pow(7, 2) is answered with {found!r}")


def close_ends_its_workers(subject: Subject) -> None:
    """`close` ends the processes that it started, whatever they are at."""
    executor = subject.build()
    try:
        pids = _require_processes(executor)
        busy = executor.submit(time.sleep, 2 * ENDING_SECONDS)
        _wait_until(executor, busy.running)
        since = time.monotonic()
    finally:
        executor.close()
    while (left := [*filter(_lives, pids)]) and time.monotonic() - since < ENDING_SECONDS:
        time.sleep(LOOK_SECONDS)
    expect(not left, f"{len(left)} of its processes are there {ENDING_SECONDS:g} s after it was closed")
    expect(time.monotonic() - since < ENDING_SECONDS, "it waits for what its workers are at")


def closed_twice_is_closed(subject: Subject) -> None:
    """`close` may be called twice."""
    executor = subject.build()
    _wait_for(executor.submit(pow, 7, 2))
    executor.close()
    executor.close()


GATES: tuple[Check, ...] = (slots_are_counted, a_call_is_answered)
CHECKS: tuple[Check, ...] = (
    answers_belong_to_their_calls,
    a_call_is_made_once,
    large_answers_come_back_whole,
    what_a_call_raises_is_its_answer_alone,
    submit_does_not_wait,
    an_answer_runs_while_a_worker_has_it,
    workers_work_at_a_time,
    its_tries_are_told,
    a_lost_worker_is_an_answer,
    what_is_given_up_ends,
    close_ends_its_workers,
    closed_twice_is_closed,
)


@contextmanager
def _started(selection: Selection) -> Iterator[Executor]:
    """A new executor, which is closed in the end; what may spoil it does not spoil the one that checks share."""
    executor: Executor = selection.build_watched()
    try:
        yield executor
    finally:
        executor.close()


def _with_workers(subject: Subject) -> Selection:
    """The component with two workers.

    Raises:
        Skipped: how many it has is nothing that it is told.
    """
    given = {**subject.selection.params, "workers": WORKERS}
    if "workers" not in subject.selection.params:
        raise Skipped("it has no parameter called workers")
    return Selection(subject.selection.registered, subject.record.complete(given))


def _submit_all(executor: Executor, calls: Iterable[tuple[Any, ...]]) -> list[Answer]:
    """The answers of calls, each once it is there; never more at a time than there are slots."""
    answers: list[Answer] = []
    for number, (function, *arguments) in enumerate(calls):
        if number >= executor.slots:
            _error_of(answers[number - executor.slots])
        answers.append(executor.submit(function, *arguments))
    for answer in answers:
        _error_of(answer)
    return answers


def _wait_for(answer: Answer) -> Any:
    """What an answer comes to.

    Raises:
        AssertionError: it is an exception, or does not come.
    """
    error = _error_of(answer)
    expect(error is None, f"a call that returns is answered by an exception: {error and reason(error)}")
    return answer.result()


def _error_of(answer: Answer) -> BaseException | None:
    """The exception that an answer comes to; None where it comes to a value.

    Raises:
        AssertionError: it does not come.
    """
    try:
        answer.result(ANSWER_SECONDS)
    except TimeoutError as error:
        expect(answer.done(), f"a call is not answered within {ANSWER_SECONDS:g} s")
        return error
    except Exception as error:
        return error
    return None


def _wait_until(executor: Executor, done: Callable[[], object]) -> None:
    """Wait for something, as who gives out shards does: its slots are asked for now and then."""
    until = time.monotonic() + ANSWER_SECONDS
    while not done() and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        _ = executor.slots


def _require_processes(executor: Executor) -> set[int]:
    """The processes of its workers, as far as they are seen.

    Raises:
        Skipped: they are not processes of this machine, so that nothing is known of their end.
    """
    hosts = {_wait_for(executor.submit(platform.node))}
    calls = [(os.getpid,)] * min(2 * executor.slots, 20)
    pids = {_wait_for(answer) for answer in _submit_all(executor, calls)}
    if os.getpid() in pids:
        raise Skipped("its workers are no processes of their own")
    if hosts != {platform.node()}:
        raise Skipped("its workers are on another machine")
    return pids


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
