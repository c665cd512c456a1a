"""Where and in which precision to compute, and how much memory that took. Imports torch when asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from icbench.compute.machine import bfloat16_instructions, forget_peak_memory, peak_memory_bytes
from icbench.errors import UsageError

if TYPE_CHECKING:
    import torch


AUTO_PRECISIONS = ("bfloat16", "float32")
"""What `--precision auto` may come to."""


def choose_device(name: str) -> "torch.device":
    """The device called `name`; "auto" is the first CUDA device, or else the CPU.

    Raises:
        UsageError: there is no such device here.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not _is_number(number)) or (kind == "cpu" and number):
        raise UsageError(f"there is no device '{name}'", "Say auto, cpu, cuda or cuda:N.")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "cuda" and int(number or 0) >= count:
        found = f"{count} CUDA devices" if count else "no CUDA device"
        raise UsageError(f"device '{name}' is not here: torch sees {found}", "Use --device auto or --device cpu.")
    return torch.device(name)


def _is_number(text: str) -> bool:
    """Whether it is plain digits, and no more than any machine has devices."""
    return text.isascii() and text.isdigit() and len(text) < 5


def choose_precision(name: str, device: "torch.device") -> str:
    """The precision called `name`; "auto" is bfloat16 on a CPU that multiplies in it, else float32.

    It is what the processor is, and no measurement, so that a command means the same each time it is given.

    Raises:
        UsageError: the device does not have it.
    """
    if name == "tf32" and device.type != "cuda":
        raise UsageError(f"{device} has no tf32, which is a precision of CUDA devices", "Say float32 or bfloat16.")
    if name != "auto":
        return name
    return "bfloat16" if device.type == "cpu" and bfloat16_instructions() else "float32"


def precision_reason() -> str:
    """Which precision "auto" is on this machine's CPU, and why."""
    instructions = bfloat16_instructions()
    if instructions:
        return f"bfloat16, as the processor multiplies in it ({instructions})"
    return "float32, as the system names no instructions of the processor for bfloat16"


def training_autocast(device: "torch.device") -> "torch.autocast":
    """A context for training: products in bfloat16 on CUDA and on a CPU that has them, else in float32.

    A CPU that has to emulate it takes five times as long with it.
    """
    import torch

    fast = device.type == "cuda" or bool(bfloat16_instructions())
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


def torch_dtype(precision: str) -> "torch.dtype":
    """The torch type of a precision's name; that of tf32, which only its products have, is float32."""
    import torch

    return {"float32": torch.float32, "tf32": torch.float32, "bfloat16": torch.bfloat16}[precision]


@contextmanager
def float32_products(device: "torch.device", tf32: bool) -> Iterator[None]:
    """Within it, CUDA takes products and convolutions of float32 in float32, or else in TF32 with its eleven digits.

    Left alone, torch takes convolutions in TF32 and products in float32. The setting is the whole process's, so it is
    put back in the end.
    """
    import torch

    # torch does not declare the second.
    known = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)  # type: ignore[attr-defined]
    backends = known if device.type == "cuda" else ()
    before = [backend.fp32_precision for backend in backends]
    try:
        for backend in backends:
            backend.fp32_precision = "tf32" if tf32 else "ieee"
        yield
    finally:
        for backend, precision in zip(backends, before, strict=True):
            backend.fp32_precision = precision


def begin_peak_memory(device: "torch.device") -> None:
    """Count the most bytes used from here on."""
    import torch

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        forget_peak_memory()


def peak_memory(device: "torch.device") -> int:
    """The most bytes used since `begin_peak_memory`: of the device on CUDA, of the process on the CPU."""
    import torch

    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_memory_bytes()


def is_out_of_memory(error: Exception) -> bool:
    """Whether the device had no memory left, as opposed to anything else that fails."""
    import torch

    return isinstance(error, torch.OutOfMemoryError)


def give_memory_back(device: "torch.device") -> None:
    """Let go of memory that torch keeps for reuse, so that smaller batches find room."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
