"""The state that all code of a process shares, which a component must leave as it found it."""

import contextlib
import os
import pickle
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Shared:
    """One piece of shared state.

    Args:
        area: "random", "torch" or "process".
        name: what to call it.
        get: its value now, comparable by `==`.
        set: put a value back.
    """

    area: str
    name: str
    get: Callable[[], Any]
    set: Callable[[Any], object]


def _set_environment(values: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(values)


def _set_filters(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]


def _set_path(folders: list[str]) -> None:
    sys.path[:] = folders


def _set_numpy_errors(values: dict[str, Any]) -> None:
    np.seterr(**values)


def _cuda_states() -> list[list[int]]:
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return []
    return [state.tolist() for state in torch.cuda.get_rng_state_all()]


def _set_cuda_states(states: list[list[int]]) -> None:
    torch.cuda.set_rng_state_all([torch.tensor(state, dtype=torch.uint8) for state in states])


SHARED = (
    Shared("random", "Python's random numbers", random.getstate, random.setstate),
    Shared(
        "random",
        "numpy's random numbers",
        lambda: pickle.dumps(np.random.get_state()),
        lambda state: np.random.set_state(pickle.loads(state)),
    ),
    Shared(
        "random",
        "torch's random numbers",
        lambda: torch.get_rng_state().numpy().tobytes(),
        lambda state: torch.set_rng_state(torch.frombuffer(bytearray(state), dtype=torch.uint8)),
    ),
    Shared("random", "torch's random numbers on CUDA", _cuda_states, _set_cuda_states),
    Shared("torch", "torch's default dtype", torch.get_default_dtype, torch.set_default_dtype),
    Shared("torch", "torch's default device", torch.get_default_device, lambda device: torch.set_default_device(None)),
    Shared("torch", "torch's grad mode", torch.is_grad_enabled, torch.set_grad_enabled),
    Shared("torch", "torch's number of threads", torch.get_num_threads, torch.set_num_threads),
    Shared(
        "torch",
        "torch's deterministic mode",
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
    Shared(
        "torch",
        "torch's autocast",
        lambda: torch.is_autocast_enabled("cpu"),
        lambda enabled: torch.set_autocast_enabled("cpu", enabled),
    ),
    Shared("process", "the working folder", os.getcwd, os.chdir),
    Shared("process", "os.environ", lambda: dict(os.environ), _set_environment),
    Shared("process", "the warnings filters", lambda: list(warnings.filters), _set_filters),
    Shared("process", "sys.path", lambda: list(sys.path), _set_path),
    Shared("process", "numpy's error settings", np.geterr, _set_numpy_errors),
)


def shared_state() -> dict[Shared, Any]:
    """The values of all of it."""
    return {shared: shared.get() for shared in SHARED}


def changes(before: dict[Shared, Any]) -> list[Shared]:
    """What is no longer as it was."""
    return [shared for shared, value in before.items() if shared.get() != value]


@contextlib.contextmanager
def preserved() -> Iterator[None]:
    """Put everything back afterwards, so that a component that changes it spoils one check and not the next."""
    before = shared_state()
    try:
        yield
    finally:
        for shared in changes(before):
            shared.set(before[shared])
