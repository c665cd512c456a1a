"""Times verbs that look at a whole results folder, over 10,000 records of 1,000 images, each as a process of its own.

pytest benchmarks/test_many_records.py --benchmark-only
"""

import subprocess
import sys

import many_records
import pytest
from test_ranking import peak_memory


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    many_records.fill(folder)
    return folder


def commands(folder):
    """Arguments by what is timed; runs are named as a user names them."""
    first, *_, last = sorted(path.name for path in folder.iterdir())
    return {
        "leaderboard": ["leaderboard", str(folder)],
        "leaderboard --json": ["leaderboard", str(folder), "--json"],
        "show latest": ["show", "latest", "--results", str(folder)],
        "show ID": ["show", first, "--results", str(folder)],
        "compare A B": ["compare", first, last.replace("images-4", "images-0")[:-9], "--results", str(folder)],
    }


@pytest.mark.parametrize("what", ["leaderboard", "leaderboard --json", "show latest", "show ID", "compare A B"])
@pytest.mark.benchmark(group="over 10,000 records")
def test_verb(benchmark, results, what):
    arguments = commands(results)[what]
    command = [sys.executable, "-m", "icbench", *arguments]
    benchmark.pedantic(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL), rounds=3)
    benchmark.extra_info["peak_memory_mib"] = peak_memory(arguments)
