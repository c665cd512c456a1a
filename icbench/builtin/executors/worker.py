"""A worker process: it takes calls from a connection and answers, and ends with whoever started it."""

import os
import pickle
import signal
import sys
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue


class LostWorkerError(Exception):
    """A worker ended before it had answered."""


def main() -> None:
    """Answer calls until the connection, whose file descriptor is the first argument, is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from icbench.compute.allocator import keep_freed_memory

    keep_freed_memory()
    connection = Connection(int(sys.argv[1]))
    calls: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read, args=(connection, calls), daemon=True).start()
    while True:
        function, arguments = pickle.loads(calls.get())
        try:
            answer = True, function(*arguments)
        except Exception as error:
            answer = False, error
        connection.send_bytes(pickle.dumps(answer))


def _read(connection: Connection, calls: "SimpleQueue[bytes]") -> None:
    """Take calls as they come. Once the connection is closed nobody waits for an answer, also not in mid-shard."""
    try:
        while True:
            calls.put(connection.recv_bytes())
    except (EOFError, OSError):
        os._exit(1)
