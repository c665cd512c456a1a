"""Shards computed where they are asked for."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from icbench.kinds.executor import Answer, Executor


class Local(Executor):
    """The process itself. It goes on batch by batch, as its component is `in-process`, and is not asked for shards."""

    @property
    def slots(self) -> int:
        return 1

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Answer:
        answer: Answer = Future()
        try:
            answer.set_result(function(*arguments))
        except Exception as error:
            answer.set_exception(error)
        return answer

    def close(self) -> None:
        """Nothing was started."""
