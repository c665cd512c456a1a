"""What the system tells of the machine and of this process."""

import os
import platform
import sys
from contextlib import suppress
from pathlib import Path

import psutil

PROCESS = Path("/proc/self")
CPUINFO = Path("/proc/cpuinfo")
BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16", "bf16", "svebf16")
"""What x86 and ARM processors that multiply in bfloat16 are said to have there; the first two and the last two."""


def cpu_model() -> str:
    """The CPU's model name, or its architecture where the system does not tell."""
    return _cpu_says("model name") or platform.processor() or platform.machine()


def bfloat16_instructions() -> str:
    """The processor's own products in bfloat16, as the system calls them; empty where it has none or does not tell."""
    found = f"{_cpu_says('flags')} {_cpu_says('Features')}".split()
    return next((flag for flag in BFLOAT16_FLAGS if flag in found), "")


def available_cores() -> int:
    """The number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_memory_bytes() -> int:
    """The largest resident size this process has had, or has had since `forget_peak_memory`; 0 if unknown."""
    try:
        lines = dict(line.split(":", 1) for line in (PROCESS / "status").read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return _largest_elsewhere()


def _largest_elsewhere() -> int:
    """The largest resident size since the process began, as Windows tells it or else the C library; 0 if neither."""
    on_windows: int | None = getattr(psutil.Process().memory_info(), "peak_wset", None)
    if on_windows is not None:
        return on_windows
    try:
        import resource
    except ImportError:
        return 0
    # On Linux this would be that of the process that started this one, where that was larger.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak_memory() -> None:
    """Let the largest resident size be the present one, where the system can."""
    with suppress(OSError):
        (PROCESS / "clear_refs").write_text("5")


def _cpu_says(field: str) -> str:
    """What the system says of the first processor under `field`; empty if nothing."""
    try:
        lines = CPUINFO.read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field), "")
