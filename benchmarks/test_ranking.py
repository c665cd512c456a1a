"""Times the leaderboard over 500 records of 10,000 images, as a process of its own, and what writing shards costs.

    pytest benchmarks/test_ranking.py --benchmark-only

The memory is that of the whole process; the share of the shards is of a run at 162 images per second, the speed of the
built-in generator with `joint` on two cores.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from many_records import CLASSES, make_arrays

from icbench.compute.environment import environment
from icbench.records.json_object import decode
from icbench.records.metadata import KnownMetrics, RecordMetadata
from icbench.records.metrics import Costs, result_metrics
from icbench.records.record import write_record
from icbench.records.schema import SCHEMA
from icbench.records.shard_arrays import as_shard
from icbench.records.shards import ShardFile, read_shards

RECORDS, IMAGES = 500, 10_000
SHARD, RATE = 256, 162.0


@pytest.fixture(scope="module", params=[1, 5], ids=["one seed", "five seeds"])
def records(request, tmp_path_factory) -> Path:
    """Records of entries of some seeds each: right on the same easy images, wrong on different hard ones."""
    folder, random = tmp_path_factory.mktemp("results"), np.random.default_rng(0)
    labels, difficulty = random.integers(0, CLASSES, IMAGES), random.beta(0.3, 2, IMAGES)
    machine = environment()
    for number in range(RECORDS):
        entry, seed = divmod(number, request.param)
        right = random.random(IMAGES) > difficulty * (0.5 + entry * request.param / RECORDS)
        arrays = make_arrays(labels, right, random)
        write_record(folder / f"entry-{entry}-s{seed}", _metadata(entry, seed, arrays, machine), arrays)
    return folder


def _metadata(entry: int, seed: int, arrays: dict, machine: dict) -> RecordMetadata:
    part = {"name": f"entry-{entry}", "dist": "benchmark", "version": "1", "params": {}, "source": ""}
    known = KnownMetrics(generator_parameters=10**6)
    document = {
        "schema": SCHEMA,
        "engine": "",
        "suite": "",
        "id": f"entry-{entry}-s{seed}",
        "key": f"{entry}-{seed}",
        "series": "",
        "label": f"entry-{entry} · mse · adam · joint",
        "entry": {"generator": part, "steps": 200},
        "dataset": {"name": "made-up", "split": "test", "digest": "0", "images": IMAGES},
        "seed": seed,
        "precision": "float32",
        "device": "cpu",
        "tier": "pixels",
        "flags": [],
        "status": "ok",
        "error": "",
        "metrics": result_metrics(arrays, Costs(201, 200, IMAGES / RATE, 10**9), known).document(),
        "environment": machine,
    }
    return decode(RecordMetadata, document, "a benchmark")


@pytest.mark.benchmark(group="leaderboard over 500 records of 10,000 images")
def test_leaderboard(benchmark, records):
    command = [sys.executable, "-m", "icbench", "leaderboard", str(records)]
    done = benchmark.pedantic(
        lambda: subprocess.run(command, check=True, capture_output=True, text=True), rounds=7, warmup_rounds=1
    )
    entries = {path.name.rpartition("-")[0] for path in records.iterdir()}
    assert set(re.findall(r"entry-\d+", done.stdout)) == entries
    benchmark.extra_info["peak_memory_mib"] = peak_memory(["leaderboard", str(records)])


def peak_memory(arguments: list[str]) -> int:
    """The most memory of an icbench process in MiB."""
    code = (
        "import atexit, sys\n"
        "from icbench.cli.main import main\n"
        "from icbench.compute.machine import peak_memory_bytes\n"
        "atexit.register(lambda: print(peak_memory_bytes(), file=sys.stderr))\n"
        f"main({arguments!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return int(done.stderr.split()[-1]) // 2**20


@pytest.mark.benchmark(group="one shard of 256 images, written and synced")
def test_shard(benchmark, tmp_path):
    arrays = {
        "index": np.arange(SHARD),
        "label": np.zeros(SHARD, np.int64),
        "prediction": np.zeros(SHARD, np.int64),
        "class_scores": np.random.default_rng(0).random((SHARD, CLASSES), np.float32),
        "class_vector": np.random.default_rng(1).random((SHARD, CLASSES), np.float32),
        "noise": np.random.default_rng(2).random((SHARD, 10), np.float32),
        "distance": np.zeros(SHARD, np.float32),
        "energy": np.zeros(SHARD, np.float32),
        "resets": np.zeros(SHARD, np.int64),
    }
    file = ShardFile(tmp_path / "run" / "unfinished.shards")
    file.start({})
    benchmark.pedantic(lambda: file.append(as_shard(arrays, Costs(201, 200, 1.0, 1))), rounds=50, warmup_rounds=5)
    assert len(read_shards(file.path).shards) == 55
    benchmark.extra_info["share_of_a_run"] = benchmark.stats.stats.median / (SHARD / RATE)
