"""The time on a GPU, by its own events."""

from functools import cache

import torch


@cache
def _begin() -> torch.cuda.Event:
    return _now()


def _now() -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    event.synchronize()
    return event


def cuda_seconds() -> float:
    """Seconds since the first call, once the current device has done all that was asked of it. Timer of benchmarks."""
    return float(_begin().elapsed_time(_now())) / 1000
