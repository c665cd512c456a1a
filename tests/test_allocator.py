"""Freed memory is taken again without the kernel's help."""

import platform
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource, sys
import torch
if sys.argv[1] == "kept":
    from icbench.allocator import keep_freed_memory
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def step():
    blocks = [torch.zeros(1_500_000) for _ in range(4)]
step()
before = faults()
for _ in range(20):
    step()
print(faults() - before)
"""


def page_faults(how: str) -> int:
    command = [sys.executable, "-c", COUNT_FAULTS, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_steps_stop_faulting_once_freed_memory_is_kept():
    assert page_faults("kept") < page_faults("as usual") / 5


def test_another_c_library_is_left_alone(monkeypatch):
    from icbench.allocator import keep_freed_memory

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert keep_freed_memory() is False
