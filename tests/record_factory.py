"""Records with chosen results, written as icbench writes them but without anything being run."""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import ArrayLike, NDArray

from icbench.records import SCHEMA, Record
from icbench.records.json_object import decode
from icbench.records.metadata import RunMetadata, with_results
from icbench.records.metrics import Costs, result_metrics
from icbench.records.record import write_record
from icbench.records.results_folder import GrowingRun

CLASSES = 10
RESULTS = Path("results")

# What a test writes need not survive a loss of power.
unsynced = patch("os.fsync", new=lambda descriptor: None)


def right(images: int, *wrong: int) -> NDArray[np.bool_]:
    """Which of so many images are right: all but those at the positions given."""
    correct = np.ones(images, bool)
    correct[list(wrong)] = False
    return correct


def first(correct: int, images: int) -> NDArray[np.bool_]:
    """The first so many of the images are right."""
    return np.arange(images) < correct


def arrays_of(correct: ArrayLike, distance: float | None = 0.01) -> dict[str, NDArray[Any]]:
    """Per-image arrays: label i mod 10, and one more for a wrong prediction."""
    correct = np.asarray(correct, bool)
    index = np.arange(len(correct))
    label = index % CLASSES
    prediction = np.where(correct, label, (label + 1) % CLASSES)
    return {
        "index": index.astype(np.int32),
        "label": label.astype(np.int16),
        "prediction": prediction.astype(np.int16),
        "class_scores": np.eye(CLASSES, dtype=np.float32)[prediction],
        "distance": np.full(len(correct), np.nan if distance is None else distance, np.float32),
        "energy": np.zeros(len(correct), np.float32),
        "resets": np.zeros(len(correct), np.int32),
    }


def metadata_of(
    label: str = "cgan · mse · adam · joint",
    seed: int = 0,
    images: int = 20,
    dataset: str = "digits",
    split: str = "test",
    digest: str = "d" * 64,
    steps: int = 200,
    precision: str = "float32",
    device: str = "cpu",
    version: str = "1.0",
    source: str = "sha256:" + "5" * 64,
    engine: str = "sha256:" + "6" * 64,
    weights: str = "f" * 64,
    tier: str = "pixels",
    flags: Sequence[str] = (),
    cpu: str = "a processor",
    gpus: Sequence[str] = (),
    parameters: int | None = 1_500_000,
    direct: bool = False,
    suite: str = "",
    **details: Any,
) -> RunMetadata:
    """What a record says besides results. `details` are added to the generator, or to a direct classifier."""
    common = {"dist": "icbench", "version": version, "params": {}, "source": source}
    keyed = {
        "schema": SCHEMA,
        "engine": engine,
        "entry": _direct(label, common | details) if direct else _inverting(label, common, weights, details, steps),
        "dataset": {"name": dataset, "split": split, "digest": digest, "images": images},
        "seed": seed,
        "precision": precision,
        "device": device,
    }
    key = hashlib.sha256(json.dumps({**keyed, "label": label}, sort_keys=True).encode()).hexdigest()
    name = re.sub(r"\W+", "-", label, flags=re.ASCII).strip("-")
    document = {
        **keyed,
        "id": f"{name}-s{seed}-{key[:8]}",
        "label": label,
        "key": key,
        "series": "",
        "tier": "direct" if direct else tier,
        "suite": suite,
        "flags": list(flags),
        "metrics": {"generator_parameters": parameters},
        "batch_size": 10,
        "environment": {"icbench": "0.1.0", "cpu": cpu, "cores": 2, "threads": 1, "gpus": list(gpus), "libraries": {}},
    }
    return decode(RunMetadata, document, "a test")


def _direct(label: str, classifier: dict[str, Any]) -> dict[str, Any]:
    return {"classifier": {"name": label, **classifier}, "steps": 0}


def _inverting(label: str, common: dict[str, Any], weights: str, details: dict[str, Any], steps: int) -> dict[str, Any]:
    names = dict(zip(("generator", "distance", "optimizer", "schedule"), label.split(" · "), strict=False))
    entry: dict[str, Any] = {kind: {"name": name, **common} for kind, name in names.items()}
    entry["generator"] |= {"weights": weights, **details}
    return {**entry, "steps": steps}


@unsynced
def finished(
    correct: ArrayLike,
    results: Path = RESULTS,
    folder: str | None = None,
    nfe: int = 401,
    rate: float = 10.0,
    distance: float | None = 0.01,
    at: str = "2026-01-01T00:00:00+00:00",
    arrays: dict[str, NDArray[Any]] | None = None,
    **said: Any,
) -> Record:
    """The record of a finished run in which the images of `correct` (N,) are right."""
    found = {**arrays_of(correct, distance), **(arrays or {})}
    count = len(found["label"])
    run = metadata_of(**{"images": count, **said})
    cost = 0 if said.get("direct") else nfe
    costs = Costs(cost - cost // 2, cost // 2, count / rate, 2**20)
    metadata = with_results(run, result_metrics(found, costs, run.metrics), "ok", "", at)
    return write_record(results / (folder or run.id), metadata, found)


def seeds(runs: Sequence[ArrayLike], results: Path = RESULTS, **said: Any) -> list[Record]:
    """Finished runs of one entry, one for each seed."""
    return [finished(correct, results, seed=seed, **said) for seed, correct in enumerate(runs)]


@unsynced
def unfinished(
    correct: ArrayLike,
    results: Path = RESULTS,
    folder: str | None = None,
    images: int = 20,
    stop: tuple[str, str] | None = ("interrupted", ""),
    **said: Any,
) -> Path:
    """The folder of a run that has done the images of `correct`; it was killed if `stop` is None."""
    metadata = metadata_of(images=images, **said)
    run = GrowingRun(results / (folder or metadata.id), metadata, [], started=False)
    if len(np.asarray(correct)):
        run.add(arrays_of(correct), Costs(201, 200, 1.0, 2**20))
    if stop:
        run.stop(*stop)
    return run.path
