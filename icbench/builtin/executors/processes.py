"""Shards computed by processes of this machine. One that ends, however it does, costs its shard alone."""

import json
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from threading import Lock, Thread
from typing import Any

from icbench.builtin.executors.worker import LostWorkerError
from icbench.compute.machine import available_cores
from icbench.kinds.executor import Answer, Executor, ExecutorLostError

START = """
import json, sys
sys.path[:] = json.loads(sys.argv[2])
from icbench.builtin.executors.worker import main
main()
"""
"""What a worker runs: it finds what its driver finds, and takes its work from a connection."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
STDERR = 2


class Processes(Executor):
    """Worker processes, started when the first shard comes and anew where one has ended.

    Args:
        workers: how many; 0 takes one for each CUDA device, or else for each core.
        threads: of each; 0 divides the cores.
        retries, timeout: as for all executors.
    """

    def __init__(self, workers: int = 0, threads: int = 0, retries: int = 2, timeout: float = 3600.0) -> None:
        self.retries, self.timeout = retries, timeout
        self._devices = cuda_devices()
        self._count = workers or len(self._devices) or available_cores()
        self._threads = threads or max(1, available_cores() // self._count)
        self._lock = Lock()
        self._queue: deque[_Work] = deque()
        self._workers: list[_Worker] = []
        self._reader, self._writer = Pipe(duplex=False)
        self._thread: Thread | None = None
        self._closed = False

    @property
    def slots(self) -> int:
        return 2 * self._count

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Answer:
        work = _Work(pickle.dumps((function, arguments)))
        with self._lock:
            if self._closed:
                raise ExecutorLostError("the processes are ended")
            self._queue.append(work)
            if self._thread is None:
                self._workers = [_Worker(self._environment(number)) for number in range(self._count)]
                self._thread = Thread(target=self._serve, daemon=True)
                self._thread.start()
        self._writer.send_bytes(b"")
        return work.answer

    def give_up(self, answer: Answer) -> None:
        with self._lock:
            for worker in self._workers:
                if worker.work and worker.work.answer is answer:
                    worker.kill()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for worker in self._workers:
                worker.kill()
        if self._thread is not None:
            self._writer.send_bytes(b"")
            self._thread.join()
            self._thread = None
        for worker in self._workers:
            worker.wait()
        self._workers = []

    def _serve(self) -> None:
        """Hand out work and take answers, until all is closed."""
        while True:
            with self._lock:
                if self._closed:
                    return
                self._hand_out()
                ready = [self._reader, *(worker.connection for worker in self._workers if worker.connection)]
            for connection in wait(ready):
                if connection is self._reader:
                    self._reader.recv_bytes()
                else:
                    self._take(next(worker for worker in self._workers if worker.connection is connection))

    def _hand_out(self) -> None:
        for worker in self._workers:
            if self._queue and not worker.work:
                worker.begin(self._queue.popleft())

    def _take(self, worker: "_Worker") -> None:
        """What a worker says: an answer, or that it is gone."""
        answer = worker.take()
        with self._lock:
            closed = self._closed
        if answer and not closed:
            answer()

    def _environment(self, number: int) -> dict[str, str]:
        """The variables of a worker: its share of the cores, and one of the CUDA devices."""
        own = dict.fromkeys(THREAD_VARIABLES, str(self._threads))
        if self._devices:
            own["CUDA_VISIBLE_DEVICES"] = self._devices[number % len(self._devices)]
        return {**os.environ, **own}


@dataclass
class _Work:
    """A call that is pickled, and its answer."""

    call: bytes
    answer: Answer = field(default_factory=Future)


class _Worker:
    """One process at a time: it is started with the first work that it gets."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self.connection: Connection | None = None
        self.work: _Work | None = None

    def begin(self, work: _Work) -> None:
        """Give it work."""
        self.work = work
        work.answer.set_running_or_notify_cancel()
        if self._process is None:
            self._start()
        assert self.connection is not None
        # That it has just ended is seen where its answer is read.
        with suppress(OSError):
            self.connection.send_bytes(work.call)

    def take(self) -> Callable[[], None] | None:
        """What is to be done with what it says; it is free for other work then."""
        assert self.connection is not None
        work, self.work = self.work, None
        try:
            good, value = pickle.loads(self.connection.recv_bytes())
        except (EOFError, OSError):
            good, value = False, LostWorkerError(_end(self.wait()))
        # An answer may be of a class that is not here.
        except Exception as error:
            good, value = False, error
        if work is None:
            return None
        return partial(work.answer.set_result if good else work.answer.set_exception, value)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        process, connection = self._process, self.connection
        self._process = self.connection = None
        if connection is not None:
            connection.close()
        return process.wait() if process is not None else 0

    def _start(self) -> None:
        ours, theirs = Pipe()
        command = [sys.executable, "-P", "-c", START, str(theirs.fileno()), json.dumps(sys.path)]
        # In a session of its own: what the user types at the terminal is for the driver alone.
        self._process = subprocess.Popen(
            command,
            env=self._environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=STDERR,
            start_new_session=True,
        )
        self.connection = ours
        theirs.close()


def _end(status: int) -> str:
    """How a process ended, in words."""
    if status == -9:
        return "the worker was killed by signal 9, as the system does where memory is full"
    return f"the worker was ended by signal {-status}" if status < 0 else f"the worker ended with exit code {status}"


def cuda_devices() -> list[str]:
    """The CUDA devices that there are, as `CUDA_VISIBLE_DEVICES` names them."""
    import torch

    if not torch.cuda.is_available():
        return []
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return given.split(",") if given else [str(number) for number in range(torch.cuda.device_count())]
