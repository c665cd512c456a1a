"""What an executor is: where the shards of runs are computed. It decides no number."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeAlias

from icbench.errors import IcbenchError

Answer: TypeAlias = "Future[Any]"
"""What will be there once a worker is done with a shard, or has failed."""


class ExecutorLostError(IcbenchError):
    """No shard can be computed any more, such as once a cluster's scheduler is gone; finished shards are kept."""


class Executor(ABC):
    """Computes shards, on as many workers as it has.

    Whoever submits cuts runs into shards, counts how often each was tried, and alone writes records. It never has more
    than `slots` shards submitted, so that a run of many shards takes no memory for them.
    """

    retries: int = 2
    """How often a shard that failed, or whose worker was lost, is tried again."""
    timeout: float = 0.0
    """The seconds that a worker may take for a shard before it is given up; 0 waits for ever."""

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many shards it takes at a time: about twice the workers there are now, so that none waits for work."""

    @abstractmethod
    def submit(self, function: Callable[..., Any], *arguments: Any) -> Answer:
        """Let a worker call a function of a module; returns at once.

        The answer is running, in the sense of `Future.running`, once a worker has it: the deadline counts from there.
        If the worker is lost, the answer is an exception that says so.

        Args:
            function, arguments: as `pickle` takes them.

        Raises:
            ExecutorLostError: nothing can be submitted any more.
        """

    def give_up(self, answer: Answer) -> None:
        """End what computes a shard that took too long; nobody waits for the answer any more."""
        answer.cancel()

    @abstractmethod
    def close(self) -> None:
        """End all workers that it started, whatever they are at."""
