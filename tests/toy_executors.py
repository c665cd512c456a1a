"""Executors that compute in the test's own process, and go wrong as they are told."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, ClassVar

from icbench import Component, Param, hookimpl
from icbench.kinds.executor import Answer, Executor

SILENCE = object()
"""The trouble of a shard that is never answered."""


class Raised:
    """The trouble of a shard that cannot even be submitted."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Inline(Executor):
    """Computes what is submitted at once.

    `troubles` says by the number of a call what happens to it: an exception is its answer; a function gets the task and
    makes the answer.
    """

    troubles: ClassVar[Mapping[int, Any]] = {}
    made: ClassVar[list["Inline"]] = []

    def __init__(self, width: int, retries: int, timeout: float) -> None:
        self.width, self.retries, self.timeout = width, retries, timeout
        self.tasks: list[Any] = []
        self.given_up: list[Answer] = []
        self.closed = False
        self.made.append(self)

    @property
    def slots(self) -> int:
        return self.width

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Answer:
        answer: Answer = Future()
        trouble = self.troubles.get(len(self.tasks))
        self.tasks.append(arguments[0])
        if isinstance(trouble, Raised):
            raise trouble.error
        answer.set_running_or_notify_cancel()
        if isinstance(trouble, Exception):
            answer.set_exception(trouble)
        elif trouble is not SILENCE:
            answer.set_result((trouble or function)(*arguments))
        return answer

    def give_up(self, answer: Answer) -> None:
        self.given_up.append(answer)

    def close(self) -> None:
        self.closed = True


@hookimpl
def icbench_executors():
    yield Component(
        "inline",
        "toy_executors:Inline",
        "computes at once",
        params=(
            Param("width", 3),
            Param("retries", 1),
            Param("timeout", 0.0),
        ),
    )
