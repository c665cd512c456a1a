"""What a process has taken of the machine's memory."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from icbench.compute import machine
from icbench.compute.machine import forget_peak_memory, peak_memory_bytes

MUCH = 256 * 2**20
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells, and starts a process this way")


def used_and_freed() -> int:
    """The peak after much memory was used for a while."""
    block = bytearray(MUCH)
    block[:: 2**12] = bytes(len(block[:: 2**12]))
    del block
    return peak_memory_bytes()


@ON_LINUX
def test_a_process_does_not_count_what_took_its_starter():
    block = bytearray(b"x") * MUCH
    code = "from icbench.compute.machine import peak_memory_bytes; print(peak_memory_bytes())"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert 2**20 < int(done.stdout) < len(block)


@ON_LINUX
def test_the_peak_is_what_it_was_at_most_until_it_is_forgotten():
    forget_peak_memory()
    before = peak_memory_bytes()
    assert used_and_freed() > before + MUCH // 2
    forget_peak_memory()
    assert peak_memory_bytes() < before + MUCH // 2


def test_where_the_system_does_not_tell_the_c_library_does(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "PROCESS", tmp_path / "nowhere")
    forget_peak_memory()
    assert peak_memory_bytes() > 2**20


def test_windows_tells_the_peak_of_the_working_set(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "PROCESS", tmp_path / "nowhere")
    told = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=5, peak_wset=7))
    monkeypatch.setattr(machine.psutil, "Process", lambda: told)
    assert peak_memory_bytes() == 7


@pytest.mark.parametrize("content", ["", "VmRSS: 12 kB", "VmHWM: some kB"])
def test_a_status_that_says_something_else_is_done_without(monkeypatch, tmp_path, content):
    (tmp_path / "status").write_text(content)
    monkeypatch.setattr(machine, "PROCESS", Path(tmp_path))
    assert peak_memory_bytes() > 2**20


@pytest.mark.parametrize(
    ("cpuinfo", "instructions"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16 vaes\n", "avx512_bf16"),
        ("processor\t: 0\nflags\t\t: fpu avx512_bf16 amx_bf16 amx_tile\n", "amx_bf16"),
        ("processor\t: 0\nflags\t\t: fpu avx512f avx512_vnni amx_tile\n", ""),
        ("processor\t: 0\nFeatures\t: fp asimd svebf16 i8mm bf16\n", "bf16"),
        ("processor\t: 0\nFeatures\t: fp asimd\n", ""),
        ("processor\t: 0\nvmx flags\t: avx512_bf16\nbugs\t: bf16\n", ""),
        ("", ""),
    ],
)
def test_native_bfloat16_is_what_the_system_says_of_the_processor(tmp_path, monkeypatch, cpuinfo, instructions):
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert machine.bfloat16_instructions() == instructions


def test_a_system_that_does_not_tell_has_no_bfloat16_and_some_name(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    assert machine.bfloat16_instructions() == ""
    assert machine.cpu_model()
