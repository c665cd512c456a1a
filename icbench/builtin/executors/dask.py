"""Shards computed by the workers of a Dask cluster that is there, or of one that is started here."""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from icbench.builtin.executors.processes import cuda_devices
from icbench.compute.machine import available_cores
from icbench.errors import UsageError
from icbench.kinds.executor import Answer, Executor, ExecutorLostError

CONNECT_SECONDS = 30
"""How long it waits for a scheduler that is starting."""
LOOK_SECONDS = 2.0
"""How long it holds what the scheduler says of its workers."""
RESTART_SECONDS = 30
"""How long it waits until a worker that was ended is there again."""
FETCHERS = 8
"""How many lost workers can be waited for before answers of others have to wait, too."""
MOST_AT_ONCE = 100
"""How many answers are fetched together."""
LOST = "the connection to the Dask scheduler is lost"
LOST_HINT = "Give the same command again once there is one: finished shards are kept."


class Dask(Executor):
    """The workers of a cluster: of one that is there, or of one on this machine that ends with the command.

    Args:
        scheduler: its address; without it and without a file a cluster is started here.
        scheduler_file: the file that a scheduler wrote its address into.
        workers: of a cluster that is started here; 0 takes one for each CUDA device, or else for each core.
        gpus: how much of the resource GPU a shard takes of its worker; 0 asks for none.
        retries, timeout: as for all executors.
    """

    def __init__(
        self, scheduler: str, scheduler_file: str, workers: int, gpus: int, retries: int, timeout: float
    ) -> None:
        if scheduler and scheduler_file:
            raise UsageError("scheduler and scheduler_file say the same in two ways", "Say one of them.")
        self.retries, self.timeout = retries, timeout
        self._resources = {"GPU": gpus} if gpus else None
        self._cluster = None if scheduler or scheduler_file else _start_cluster(workers)
        self._client = _connect(self._cluster, scheduler, scheduler_file)
        self._submitted: dict[Answer, Any] = {}
        self._done: SimpleQueue[tuple[Answer, Any] | None] = SimpleQueue()
        # Several, as whoever fetches from a worker that is lost waits for it, half a minute by Dask's default.
        for _ in range(FETCHERS):
            Thread(target=self._fetch, daemon=True).start()
        self._threads, self._looked = 1, 0.0

    @property
    def slots(self) -> int:
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._look()
            self._looked = time.monotonic()
        return 2 * self._threads

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Answer:
        self._check_connected()
        answer: Answer = Future()
        given = self._client.submit(function, *arguments, pure=False, resources=self._resources)
        self._submitted[answer] = given
        given.add_done_callback(lambda done: self._done.put((answer, done)))
        return answer

    def give_up(self, answer: Answer) -> None:
        """End the worker that has the shard; its nanny starts it anew."""
        given = self._submitted.pop(answer, None)
        if given is None:
            return
        # Where the scheduler is gone too, that is seen with the next shard.
        with contextlib.suppress(Exception):
            workers = [worker for worker, keys in self._client.processing().items() if given.key in keys]
            given.cancel()
            self._client.restart_workers(workers, timeout=RESTART_SECONDS, raise_for_error=False)

    def close(self) -> None:
        self._submitted.clear()
        self._done.put(None)
        self._client.close(timeout=LOOK_SECONDS)
        if self._cluster is not None:
            self._cluster.close()

    def _check_connected(self) -> None:
        if self._client.status != "running":
            raise ExecutorLostError(LOST, LOST_HINT)

    def _look(self) -> None:
        """See how many workers there are, and, where there is a deadline, which shards they have."""
        self._check_connected()
        try:
            self._threads = max(1, sum(self._client.nthreads().values()))
            having = {key for keys in self._client.processing().values() for key in keys} if self.timeout else set()
        except Exception as error:
            raise ExecutorLostError(f"{LOST}: {type(error).__name__} {error}", LOST_HINT) from error
        for answer, given in [*self._submitted.items()]:
            if given.key in having and not answer.running():
                answer.set_running_or_notify_cancel()

    def _fetch(self) -> None:
        """Fetch the answers of shards that are done, as many together as there are."""
        done: list[tuple[Answer, Any] | None] = []
        while None not in done:
            done = [self._done.get()]
            with contextlib.suppress(Empty):
                while len(done) < MOST_AT_ONCE:
                    done.append(self._done.get_nowait())
            self._answer([each for each in done if each and self._submitted.pop(each[0], None) is not None])
        # For the next one that fetches.
        self._done.put(None)

    def _answer(self, done: Sequence[tuple[Answer, Any]]) -> None:
        if not done:
            return
        try:
            values = self._client.gather([given for _, given in done])
        # One that is lost or has failed is found by asking for each.
        except BaseException:
            for answer, given in done:
                _answer_alone(answer, given)
            return
        for (answer, _), value in zip(done, values, strict=True):
            answer.set_result(value)


def _answer_alone(answer: Answer, given: Any) -> None:
    """Let an answer be what one future of Dask came to."""
    try:
        answer.set_result(given.result())
    except BaseException as error:
        lost = getattr(error, "reason", "") == "scheduler-connection-lost"
        answer.set_exception(ExecutorLostError(LOST, LOST_HINT) if lost else error)


def _start_cluster(workers: int) -> Any:
    """A cluster of this machine: workers of one thread, each with one of the CUDA devices if there are any."""
    distributed = _import()
    devices = cuda_devices()
    count = workers or len(devices) or available_cores()
    options = [
        {
            "nthreads": 1,
            "resources": {"GPU": 1} if devices else {},
            "env": {"CUDA_VISIBLE_DEVICES": devices[number % len(devices)]} if devices else {},
            "host": "127.0.0.1",
            "dashboard_address": "127.0.0.1:0",
            "memory_limit": 0,
            "silence_logs": logging.ERROR,
        }
        for number in range(count)
    ]
    # Its pages are served to this machine alone, too, at any port that is free.
    scheduler = {"dashboard": False, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}
    return distributed.SpecCluster(
        scheduler={"cls": distributed.Scheduler, "options": scheduler},
        workers={number: {"cls": distributed.Nanny, "options": each} for number, each in enumerate(options)},
        silence_logs=logging.ERROR,
    )


def _connect(cluster: Any, scheduler: str, scheduler_file: str) -> Any:
    """A connection to the scheduler.

    Raises:
        UsageError: there is no scheduler.
    """
    distributed = _import()
    where = {"scheduler_file": scheduler_file} if scheduler_file else {"address": cluster or scheduler}
    try:
        if scheduler_file:
            _wait_for(Path(scheduler_file))
        return distributed.Client(**where, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        place = scheduler or scheduler_file
        raise UsageError(
            f"there is no Dask scheduler at {place}: {error}", "Say where `dask scheduler` runs."
        ) from None


def _wait_for(file: Path) -> None:
    """Wait a while for a file that a scheduler is about to write, as in a job that starts both.

    Dask itself would wait for ever.

    Raises:
        OSError: it does not come.
    """
    until = time.monotonic() + CONNECT_SECONDS
    while not file.exists():
        if time.monotonic() > until:
            raise FileNotFoundError("the file is not there")
        time.sleep(0.1)


def _import() -> Any:
    """Dask's distributed.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import distributed
    except ImportError as error:
        raise UsageError(f"dask cannot be used: {error}", "Install it: pip install 'icbench[dask]'.") from None
    return distributed
