"""What tests let worker processes call; it imports next to nothing, as each process does so anew."""

import os
import resource
import time


def number_of_process():
    return os.getpid()


def hang():
    time.sleep(3600)


def end():
    os._exit(3)


def raise_error():
    raise ValueError("of no use")


def fill_memory():
    resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29))
    return bytearray(2**30)


def environment(name):
    return os.environ.get(name)


def threads():
    return environment("OMP_NUM_THREADS")
