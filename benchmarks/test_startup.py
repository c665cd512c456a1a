"""Times the start of every verb, computing nothing, as a process, with thirty plugins installed.

pytest benchmarks/test_startup.py --benchmark-only
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from icbench.cli.main import VERBS

PLUGINS = 30
CODE = """
from icbench import Component, Param, hookimpl

@hookimpl
def icbench_distances():
    for number in range(5):
        yield Component(f"{NAME}-{{number}}", "{NAME}:X", "one of many", params=(Param("width", 1.0, low=0.0),))
"""


@pytest.fixture(scope="module")
def thirty_plugins(tmp_path_factory) -> dict[str, str]:
    """An environment for processes that see thirty more distributions."""
    folder: Path = tmp_path_factory.mktemp("site")
    for number in range(PLUGINS):
        module = f"plugin{number}"
        info = folder / f"icbench_{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: icbench-{module}\nVersion: 1.0\nRequires-Dist: icbench>=0.1\n"
        )
        (info / "entry_points.txt").write_text(f"[icbench]\n{module} = {module}\n")
        (folder / f"{module}.py").write_text(CODE.replace("{NAME}", module).replace("{{", "{").replace("}}", "}"))
    return {**os.environ, "PYTHONPATH": str(folder)}


@pytest.mark.parametrize(
    "arguments", [["--help"], *([verb, "--help"] for verb in VERBS), ["plugins"], ["plugins", "--json"]], ids=" ".join
)
@pytest.mark.benchmark(group="start-up with thirty plugins")
def test_startup(benchmark, thirty_plugins, arguments):
    command = [sys.executable, "-m", "icbench", *arguments]

    def run() -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=thirty_plugins)

    benchmark.pedantic(run, rounds=9, warmup_rounds=1)
