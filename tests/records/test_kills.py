"""However often a run is killed, the record in the end is the one of an undisturbed run."""

import json
import multiprocessing
import random
import signal
from pathlib import Path

import pytest
from records import killed

from icbench import records

KILLS = 24
SHARD = 10


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "torch",
            "torch._dynamo",
            "icbench.engine.invert",
            "icbench.running.execute",
            "icbench.builtin.distances",
            "toy",
        ]
    )
    return context


def run(processes, *arguments):
    process = processes.Process(target=killed.run, args=arguments)
    process.start()
    process.join()
    return process.exitcode


def without_times(folder):
    """The files of a record as bytes, its times and their consequences blanked."""
    facts = json.loads((folder / records.RECORD_FILE).read_text())
    for name in ("seconds", "images_per_second", "peak_memory_bytes"):
        facts["metrics"][name] = None
    facts["finished"] = facts["digest"] = None
    files = {file.name: file.read_bytes() for file in folder.iterdir() if file.name != records.RECORD_FILE}
    return files | {records.RECORD_FILE: json.dumps(facts).encode()}


@pytest.mark.slow
def test_a_run_that_is_killed_anywhere_ends_in_the_same_record(processes):
    assert run(processes, Path("whole"), 0, Path("lines")) == 0
    lines = int(Path("lines").read_text())
    (whole,) = Path("whole").iterdir()
    places = random.Random(0).sample(range(1, lines), KILLS)
    for first, second in zip(places[::2], places[1::2], strict=True):
        results = Path(f"killed-{first}-{second}")
        assert run(processes, results, first) == -signal.SIGKILL
        # The second process may find so much done that it ends before its line comes.
        assert run(processes, results, second) in (-signal.SIGKILL, 0)
        assert run(processes, results) == 0
        (folder,) = (path for path in results.iterdir() if path.is_dir())
        assert without_times(folder) == without_times(whole), (first, second)


@pytest.mark.slow
def test_a_kill_costs_at_most_one_shard(processes):
    assert run(processes, Path("whole"), 0, Path("lines")) == 0
    lines = int(Path("lines").read_text())
    for die_at in random.Random(1).sample(range(lines // 2, lines), 6):
        results = Path(f"killed-{die_at}")
        run(processes, results, die_at)
        classified = int(results.with_suffix(".classified").read_text())
        done = [len(records.read_record(path).images()["index"]) for path in results.iterdir() if path.is_dir()]
        assert classified - SHARD <= sum(done) <= classified
