"""icbench where there is less than on Linux: what Windows and macOS lack is taken away in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ELSEWHERE = """
import os, pkgutil, sys
from importlib import import_module
from pathlib import Path

import click, filelock, jinja2, matplotlib.figure, numpy, platformdirs, psutil, rich.console, rich.progress, scipy.stats
import torch, torchvision

platform, folder = sys.argv[1:]
missing = {"win32": ("resource", "fcntl", "pwd", "grp", "termios"), "darwin": ()}[platform]
for name in missing:
    sys.modules[name] = None
absent = {"win32": ("getuid", "geteuid", "fork", "sysconf", "uname"), "darwin": ()}[platform]
for name in ("sched_getaffinity", *absent):
    delattr(os, name)
plain_open, plain_read = os.open, Path.read_text

def open_no_folder(path, *rest, **options):
    if platform == "win32" and os.path.isdir(path):
        raise PermissionError(13, "Permission denied")
    return plain_open(path, *rest, **options)

def read_no_proc(path, *rest, **options):
    if str(path).startswith("/proc"):
        raise FileNotFoundError(2, "No such file or directory")
    return plain_read(path, *rest, **options)

os.open, Path.read_text, sys.platform = open_no_folder, read_no_proc, platform

import icbench
for module in pkgutil.walk_packages(icbench.__path__, "icbench."):
    if not module.name.endswith("__main__"):
        import_module(module.name)
from icbench.compute import machine
sys.path.insert(0, folder)
os.environ["ICBENCH_PLUGIN_FILES"] = folder + "/toy.py"
run = icbench.run(generator="linear", dataset="toy", steps=2, limit=4, results="results")
assert run.status == "ok", run.status
assert not [file for file in Path("results").rglob("*") if set(file.name) & set('<>:"|?*')]
assert icbench.leaderboard("results")
print(machine.peak_memory_bytes())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="takes away what Linux has")
@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_all_is_imported_and_an_entry_is_run(platform):
    command = [sys.executable, "-W", "error", "-c", ELSEWHERE, platform, str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Windows has no resource; macOS tells bytes, where this Linux tells KiB.
    assert (int(done.stdout) > 0) == (platform == "darwin")
