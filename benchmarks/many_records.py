"""A results folder as a large grid leaves it: every record of a small real run, altered and written as icbench writes.

    python benchmarks/many_records.py FOLDER [RECORDS]

Ten generators, eight distances, five schedules, five seeds and five datasets are 10,000 records of 1,000 images.
"""

import os
import sys
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

import icbench
from icbench.records import Arrays
from icbench.records.metadata import RecordMetadata, RunIdentity, run_key, series_key, with_results
from icbench.records.metrics import Costs, KnownMetrics, result_metrics
from icbench.records.record import write_record

RECORDS, IMAGES, CLASSES = 10_000, 1_000, 10
CELLS = product(range(5), range(10), range(8), range(5), range(5))
"""Dataset, generator, distance, schedule and seed."""


def fill(folder: Path, records: int = RECORDS, images: int = IMAGES) -> None:
    """Write so many records into `folder`; entries are right on the same easy images, wrong on different hard ones."""
    template, random = _template(), np.random.default_rng(0)
    labels, difficulty = random.integers(0, CLASSES, images), random.beta(0.3, 2, images)
    # What a benchmark writes need not survive a loss of power.
    sync, os.fsync = os.fsync, lambda descriptor: None
    try:
        for cell in islice(CELLS, records):
            skill = 0.5 + (cell[1] * 8 + cell[2]) / 80
            arrays = make_arrays(labels, random.random(images) > difficulty * skill, random)
            metadata = _altered(template, cell, arrays)
            write_record(folder / metadata.id, metadata, arrays)
    finally:
        os.fsync = sync


def _template() -> RecordMetadata:
    with TemporaryDirectory() as folder:
        return icbench.run(limit=2, steps=1, batch_size=20, device="cpu", results=folder).metadata


def make_arrays(labels: NDArray[np.int64], right: NDArray[np.bool_], random: np.random.Generator) -> Arrays:
    """Results of images: `right` and `labels` (N,); where one is wrong, it is taken for the next class."""
    images = len(labels)
    return {
        "index": np.arange(images, dtype=np.int32),
        "label": labels.astype(np.int16),
        "prediction": np.where(right, labels, (labels + 1) % CLASSES).astype(np.int16),
        "class_scores": random.random((images, CLASSES), np.float32),
        "distance": random.random(images, np.float32),
        "energy": random.random(images, np.float32),
        "resets": np.zeros(images, np.int32),
    }


def _altered(template: RecordMetadata, cell: tuple[int, ...], arrays: Arrays) -> RecordMetadata:
    """What the record of a cell of the grid says: its own names, and the keys that follow from them."""
    names = [f"{kind}-{number}" for kind, number in zip(("generator", "distance", "schedule"), cell[1:4], strict=True)]
    entry = template.entry
    for name in names:
        kind = name.partition("-")[0]
        entry = replace(entry, **{kind: replace(getattr(entry, kind), name=name)})
    images = len(arrays["index"])
    dataset = replace(template.dataset, name=f"images-{cell[0]}", digest=f"{cell[0]:064}", images=images)
    altered = replace(template, entry=entry, dataset=dataset, seed=cell[4])
    identity = RunIdentity(**{name: getattr(altered, name) for name in RunIdentity.__dataclass_fields__})
    key = run_key(identity)
    run = replace(
        altered,
        id=f"{'-'.join(names)}-images-{cell[0]}-s{cell[4]}-{key[:8]}",
        label=" · ".join(names),
        key=key,
        series=series_key(identity),
    )
    metrics = result_metrics(arrays, Costs(201, 200, images / 200, 10**9), KnownMetrics(generator_parameters=10**6))
    return with_results(run, metrics, "ok", "", "2026-01-01T00:00:00+00:00")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    fill(place, int(sys.argv[2]) if len(sys.argv) > 2 else RECORDS)
