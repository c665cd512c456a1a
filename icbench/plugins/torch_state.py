"""The settings and random numbers of torch that all code of a process shares.

Three things torch lets nobody put back or read: the number of threads between operations, whether denormal numbers are
flushed, and an inference mode that was entered and not left.
"""

import contextlib
from typing import Any

import torch

from icbench.plugins.shared import Shared

DEVICES = ("cpu", "cuda")


def _set_device(device: torch.device) -> None:
    # None is the CPU without a mode that every call has to go through.
    torch.set_default_device(None if device.type == "cpu" else device)


def _deterministic() -> tuple[bool, bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
    )


def _set_deterministic(values: tuple[bool, bool, bool]) -> None:
    torch.use_deterministic_algorithms(values[0], warn_only=values[1])
    torch.utils.deterministic.fill_uninitialized_memory = values[2]  # type: ignore[attr-defined]


def _autocast() -> tuple[Any, ...]:
    each = [(torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)) for device in DEVICES]
    return (*each, torch.is_autocast_cache_enabled())


def _set_autocast(values: tuple[Any, ...]) -> None:
    for device, (enabled, precision) in zip(DEVICES, values[:-1], strict=True):
        torch.set_autocast_enabled(device, enabled)
        torch.set_autocast_dtype(device, precision)
    torch.set_autocast_cache_enabled(values[-1])


def _anomaly() -> tuple[bool, bool]:
    return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()


def _precision_owners() -> tuple[Any, ...]:
    """Whatever has a precision of its own for float32, those that others take over from first."""
    every: Any = torch.backends
    onednn, cudnn = every.mkldnn, every.cudnn
    return (every, onednn, cudnn, every.cuda.matmul, onednn.matmul, onednn.conv, onednn.rnn, cudnn.conv, cudnn.rnn)


def _float32_precision() -> tuple[str, ...]:
    try:
        legacy = torch.get_float32_matmul_precision()
    except RuntimeError:
        # It was set in the newer way, which this cannot put in a word.
        legacy = ""
    return (legacy, *(owner.fp32_precision for owner in _precision_owners()))


def _set_float32_precision(values: tuple[str, ...]) -> None:
    if values[0]:
        torch.set_float32_matmul_precision(values[0])
    for owner, precision in zip(_precision_owners(), values[1:], strict=True):
        if owner.fp32_precision != precision:
            owner.fp32_precision = precision


BACKEND_FLAGS = (
    (torch.backends.cudnn, "enabled"),
    (torch.backends.cudnn, "benchmark"),
    (torch.backends.cudnn, "deterministic"),
    (torch.backends.mkldnn, "enabled"),
    (torch.backends.cuda.matmul, "allow_fp16_reduced_precision_reduction"),
    (torch.backends.cuda.matmul, "allow_bf16_reduced_precision_reduction"),
    (torch.backends.cuda.matmul, "allow_fp16_accumulation"),
)


def _backend_flags() -> tuple[Any, ...]:
    return tuple(getattr(owner, name) for owner, name in BACKEND_FLAGS)


def _set_backend_flags(values: tuple[Any, ...]) -> None:
    for (owner, name), value in zip(BACKEND_FLAGS, values, strict=True):
        setattr(owner, name, value)


def _random_state() -> bytes:
    return torch.get_rng_state().numpy().tobytes()


def _set_random_state(state: bytes) -> None:
    torch.set_rng_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))


def _uses_cuda() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


def _cuda_states() -> list[list[int]]:
    return [state.tolist() for state in torch.cuda.get_rng_state_all()] if _uses_cuda() else []


def _set_cuda_states(states: list[list[int]]) -> None:
    if states:
        torch.cuda.set_rng_state_all([torch.tensor(state, dtype=torch.uint8) for state in states])


def _cuda_device() -> int:
    return torch.cuda.current_device() if _uses_cuda() else -1


def _set_cuda_device(number: int) -> None:
    with contextlib.suppress(RuntimeError):
        torch.cuda.set_device(max(number, 0))


TORCH = (
    # The default device and dtype come first: they reach the operations that put back the others.
    Shared("torch", "torch's default device", torch.get_default_device, _set_device),
    Shared("torch", "torch's default dtype", torch.get_default_dtype, torch.set_default_dtype),
    Shared("torch", "torch's grad mode", torch.is_grad_enabled, torch.set_grad_enabled),
    Shared("torch", "torch's number of threads", torch.get_num_threads, torch.set_num_threads),
    Shared("torch", "torch's deterministic mode", _deterministic, _set_deterministic),
    Shared("torch", "torch's autocast", _autocast, _set_autocast),
    Shared("torch", "torch's anomaly detection", _anomaly, lambda values: torch.set_anomaly_enabled(*values)),
    Shared("torch", "torch's precision of float32", _float32_precision, _set_float32_precision),
    Shared("torch", "torch's backends", _backend_flags, _set_backend_flags),
    Shared("torch", "torch's current CUDA device", _cuda_device, _set_cuda_device),
    Shared("random", "torch's random numbers", _random_state, _set_random_state),
    Shared("random", "torch's random numbers on CUDA", _cuda_states, _set_cuda_states),
)
