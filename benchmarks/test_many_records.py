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
    """Arguments by what is timed, and what the output has to name; runs are named as a user names them."""
    first, *_, last = sorted(path.name for path in folder.iterdir())
    best, worst = "generator-0 · distance-0 · schedule-0", "generator-9 · distance-7 · schedule-4"
    tracks = [f"images-{number}" for number in range(5)]
    there = ["--results", str(folder)]
    return {
        "leaderboard": (["leaderboard", str(folder)], tracks),
        "leaderboard --json": (["leaderboard", str(folder), "--json"], [*tracks, "generator-9", "distance-7"]),
        "show latest": (["show", "latest", *there], ["1,000 images"]),
        "show ID": (["show", first, *there], [best, "1,000 images"]),
        "compare A B": (["compare", first, last.replace("images-4", "images-0")[:-9], *there], [best, worst]),
    }


@pytest.mark.parametrize("what", ["leaderboard", "leaderboard --json", "show latest", "show ID", "compare A B"])
@pytest.mark.benchmark(group="over 10,000 records")
def test_verb(benchmark, results, what):
    arguments, named = commands(results)[what]
    command = [sys.executable, "-m", "icbench", *arguments]
    done = benchmark.pedantic(lambda: subprocess.run(command, check=True, capture_output=True, text=True), rounds=3)
    assert [name for name in named if name not in done.stdout] == []
    benchmark.extra_info["peak_memory_mib"] = peak_memory(arguments)
