"""Times `icbench run` as a user starts it: 100 images from the shell, and whether time and memory grow with the images.

    pytest benchmarks/test_pipeline.py --benchmark-only [--device cuda]

Each is a process of its own. `benchmarks/report.py` prints the ratios.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FEW, MANY = 1_000, 10_000


def run(folder: Path, device, *options: str) -> dict:
    """The record of a run in a new folder, as `--json` has it."""
    number = len(list(folder.iterdir()))
    command = [sys.executable, "-m", "icbench", "run", "--device", str(device), "--results", str(folder / f"{number}")]
    done = subprocess.run([*command, "--json", "--quiet", *options], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["data"]["runs"][0]


@pytest.mark.benchmark(group="a run of 100 images from the shell")
def test_run_of_100(benchmark, tmp_path, device):
    record = benchmark.pedantic(lambda: run(tmp_path, device, "--limit", "100"), rounds=7, warmup_rounds=1)
    benchmark.extra_info["inversion_seconds"] = record["metrics"]["seconds"]


@pytest.mark.benchmark(group="a run of 100 images from the shell")
def test_import_of_torch(benchmark):
    command = [sys.executable, "-c", "import torch"]
    benchmark.pedantic(lambda: subprocess.run(command, check=True), rounds=7, warmup_rounds=1)


@pytest.mark.parametrize("images", [FEW, MANY])
@pytest.mark.benchmark(group="images against time and memory")
def test_growth(benchmark, tmp_path, device, images):
    # As large a batch in both, so that nothing but the number of images differs.
    options = ("--limit", str(images), "--batch-size", "512")
    records = []
    benchmark.pedantic(lambda: records.append(run(tmp_path, device, *options)), rounds=3, warmup_rounds=0)
    metrics = sorted((record["metrics"] for record in records), key=lambda known: known["seconds"])[1]
    benchmark.extra_info.update(
        images=images,
        seconds=metrics["seconds"],
        images_per_second=metrics["images_per_second"],
        peak_memory_bytes=max(record["metrics"]["peak_memory_bytes"] for record in records),
    )
