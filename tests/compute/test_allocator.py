"""Freed memory is taken again without the kernel's help."""

import platform
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource
import torch
import icbench
assert icbench.keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def step():
    blocks = [torch.zeros(1_500_000) for _ in range(4)]
for _ in range(5):  # until the heap has the size that it keeps
    step()
before = faults()
for _ in range(20):
    step()
print(faults() - before)
"""


PAGES_OF_ALL_STEPS = 20 * 4 * 1_500_000 * 4 // 4096


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_steps_stop_faulting_once_freed_memory_is_kept():
    command = [sys.executable, "-c", COUNT_FAULTS]
    faults = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    # Without the setting, most runs fault once for every page; some do not, so the two are not compared.
    assert faults < PAGES_OF_ALL_STEPS / 100


def test_another_c_library_is_left_alone(monkeypatch):
    from icbench.compute.allocator import keep_freed_memory

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert keep_freed_memory() is False
