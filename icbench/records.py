"""What a run leaves behind: one folder with a readable `record.json` and one array file of per-image results.

A record's folder appears whole or not at all: it is written under a temporary name beside its final one and renamed. A
record holds no user, host or folder names, so it can be published.
"""

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from icbench.errors import IntegrityError, ResultsError
from icbench.statistics import wilson_interval

SCHEMA = 1
RECORD_FILE = "record.json"
IMAGES_FILE = "images.npz"
DEFAULT_FOLDER = "icbench-results"

Arrays: TypeAlias = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Record:
    """A finished or interrupted run.

    Args:
        path: its folder.
        facts: the content of `record.json`.
    """

    path: Path
    facts: dict[str, Any]

    @property
    def status(self) -> str:
        """How it ended: "ok", or "interrupted" or "failed" when only some of the images are done."""
        return str(self.facts["status"])

    @property
    def metrics(self) -> dict[str, Any]:
        """Accuracy, its interval, mean distance, NFE, times and counts."""
        metrics: dict[str, Any] = self.facts["metrics"]
        return metrics

    def images(self) -> Arrays:
        """The per-image arrays: `index`, `label`, `prediction`, `class_scores`, `distance`, `resets`, and the final
        `class_vector` and `noise` if they were asked for.

        Raises:
            IntegrityError: the file is unreadable or not the one the record describes.
        """
        return _read_arrays(self.path / IMAGES_FILE, self.facts["images"]["sha256"])

    def summary(self) -> dict[str, Any]:
        """The run as `icbench run --json` prints it."""
        keys = ("id", "entry", "dataset", "seed", "status", "metrics", "device", "precision")
        return {**{key: self.facts[key] for key in keys}, "path": str(self.path)}


def result_metrics(arrays: Arrays, forward: int, backward: int, seconds: float, peak_memory: int) -> dict[str, Any]:
    """The figures of a run, all derived from its per-image arrays but for the costs.

    Args:
        arrays: as in `Record.images`.
        forward, backward: generator evaluations per image.
        seconds: time of the inversion alone.
        peak_memory: bytes.
    """
    count = len(arrays["label"])
    correct = int(np.sum(arrays["prediction"] == arrays["label"]))
    low, high = wilson_interval(correct, count)
    finite = np.isfinite(arrays["distance"])
    return {
        "accuracy": correct / count if count else None,
        "accuracy_low": low,
        "accuracy_high": high,
        "correct": correct,
        "images": count,
        "mean_distance": float(arrays["distance"][finite].mean()) if finite.any() else None,
        "nfe": forward + backward,
        "nfe_forward": forward,
        "nfe_backward": backward,
        "seconds": seconds,
        "images_per_second": count / seconds if seconds > 0 else None,
        "peak_memory_bytes": peak_memory,
        "not_finite": int(np.sum(arrays["prediction"] < 0)),
        "class_vector_resets": int(arrays["resets"].sum()),
    }


def check_writable(folder: Path) -> None:
    """Raises:
    ResultsError: no record can be written into `folder`. A folder that this had to make is removed again.
    """
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        if made:
            folder.rmdir()
    except OSError as error:
        raise ResultsError(
            f"the results folder {folder} cannot be written: {error.strerror}", "Choose another with --results."
        ) from None


def write_record(folder: Path, facts: dict[str, Any], arrays: Arrays) -> Record:
    """Write a record under `folder`, whole or not at all.

    Args:
        folder: the results folder.
        facts: the record's content without `images`; its `id` names the run's folder.
        arrays: per-image arrays.

    Raises:
        ResultsError: it could not be written, for example because the disk is full.
    """
    temporary: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
        digest = _write_arrays(temporary / IMAGES_FILE, arrays)
        complete = {**facts, "images": {"file": IMAGES_FILE, "sha256": digest, "arrays": sorted(arrays)}}
        _write_synced(temporary / RECORD_FILE, (json.dumps(complete, indent=2) + "\n").encode())
        path = _move_into_place(temporary, folder / facts["id"])
        _sync_folder(folder)
    except OSError as error:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        raise ResultsError(
            f"the record could not be written into {folder}: {error.strerror or error}",
            "Free some space or choose another folder with --results, and run the same command again.",
        ) from error
    return Record(path, complete)


def read_record(path: Path) -> Record:
    """The record in folder `path`.

    Raises:
        IntegrityError: it is unreadable, or of a newer schema than this icbench knows.
    """
    file = path / RECORD_FILE
    try:
        facts = json.loads(file.read_bytes())
        schema = facts["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{file} cannot be read: {error}") from error
    if schema > SCHEMA:
        raise IntegrityError(f"{file} has schema {schema}, this icbench knows {SCHEMA}", "Update icbench.")
    return Record(path, facts)


def find_unfinished(folder: Path, key: str) -> Record | None:
    """The interrupted or failed run of this key under `folder`, if there is one that can be read."""
    for record in _records(folder):
        if record.facts.get("key") == key and record.status != "ok":
            return record
    return None


def supersede(old: Record, new: Record) -> Record:
    """Let `new`, which holds all images of `old`, take its place; returns `new` where it is now."""
    shutil.rmtree(old.path, ignore_errors=True)
    if old.path.exists():
        return new
    new.path.replace(old.path)
    return Record(old.path, new.facts)


def _records(folder: Path) -> Iterator[Record]:
    for file in sorted(folder.glob(f"[!.]*/{RECORD_FILE}")):
        try:
            yield read_record(file.parent)
        except IntegrityError:
            continue


def _write_arrays(file: Path, arrays: Arrays) -> str:
    with file.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
        stream.flush()
        os.fsync(stream.fileno())
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _read_arrays(file: Path, digest: str) -> Arrays:
    try:
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        if found != digest:
            raise IntegrityError(f"{file} has SHA-256 {found}, its record says {digest}")
        with np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise IntegrityError(f"{file} cannot be read: {error}") from error


def _write_synced(file: Path, content: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _move_into_place(temporary: Path, wanted: Path) -> Path:
    """Rename to the wanted name, or to the first free one with a number: an older record is never overwritten."""
    path, number = wanted, 1
    while path.exists():
        number += 1
        path = wanted.with_name(f"{wanted.name}-{number}")
    temporary.replace(path)
    path.chmod(0o755)
    return path


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
