"""A record: what a run was, what came out, and the result of every image."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from icbench.errors import ComponentError, IntegrityError
from icbench.records.arrays import NEEDED, difference_in_form, fault_in
from icbench.records.files import Arrays, read_arrays, write_arrays
from icbench.records.schema import Facts, canonical, is_edited, signed, updated
from icbench.records.shards import SHARDS_FILE, read_shards
from icbench.statistics.proportions import wilson_interval
from icbench.storage import replace_synced

RECORD_FILE = "record.json"
IMAGES_FILE = "images.npz"

EDITED = "edited by hand"
"""The flag of a record that is not as icbench wrote it."""

LATENTS = ("class_vector", "noise")
FIGURES_OF = (*NEEDED, "class_dropped_at", "forwards", "backwards")
"""The arrays that a run's figures are derived from."""
STORED_TYPES: dict[str, type[np.generic]] = {
    "index": np.int32,
    "label": np.int16,
    "prediction": np.int16,
    "resets": np.int32,
    "class_dropped_at": np.int16,
    "forwards": np.int32,
    "backwards": np.int32,
}
LARGEST = 2**63
ROUNDING = 1e-5
"""By how much of a figure two machines may differ in it."""

NUMBER = (int, float)
NUMBER_OR_NONE = (int, float, type(None))
Form: TypeAlias = Mapping[str, type | tuple[type, ...]]

REQUIRED: dict[str, type | tuple[type, ...]] = {"id": str, "key": str, "label": str, "status": str, "error": str}
REQUIRED |= {
    "engine": str,
    "tier": str,
    "suite": str,
    "seed": int,
    "precision": str,
    "device": str,
    "entry": dict,
    "dataset": dict,
}
REQUIRED |= {"metrics": dict, "environment": dict, "flags": list}
REQUIRED_METRICS: Form = {
    "accuracy": NUMBER_OR_NONE,
    "accuracy_low": NUMBER,
    "accuracy_high": NUMBER,
    "images": int,
    "mean_distance": NUMBER_OR_NONE,
    "nfe": int,
    "nfe_forward": int,
    "nfe_backward": int,
    "seconds": NUMBER,
    "images_per_second": NUMBER_OR_NONE,
    "peak_memory_bytes": int,
    "not_finite": int,
    "generator_parameters": (int, type(None)),
}
MAY_BE_NEGATIVE = ("mean_distance",)
REQUIRED_INSIDE: dict[str, Form] = {
    "dataset": {"name": str, "split": str, "digest": str, "images": int},
    "metrics": REQUIRED_METRICS,
    "environment": {"cpu": str, "gpus": list, "libraries": dict},
}
REQUIRED_OF_IMAGES: Form = {"sha256": str, "arrays": list}
REQUIRED_OF_PART: Form = {"name": str, "dist": str, "version": str, "params": dict, "source": str}


@dataclass(frozen=True)
class Record:
    """A finished, interrupted or failed run.

    Args:
        path: its folder.
        facts: the content of `record.json`.
        edited: the content is not what icbench wrote; the figures are those of its images all the same.
        partial: the per-image arrays of a run that has no array file yet.
        reused: it was finished before, and not run again.
    """

    path: Path
    facts: Facts
    edited: bool = False
    partial: Arrays | None = None
    reused: bool = False

    @property
    def status(self) -> str:
        """How it ended: "ok", or "interrupted" or "failed" when only some of the images are done."""
        return str(self.facts["status"])

    @property
    def label(self) -> str:
        """The entry in one phrase."""
        return str(self.facts["label"])

    @property
    def metrics(self) -> dict[str, Any]:
        """Accuracy, its interval, mean distance, NFE, times and counts."""
        metrics: dict[str, Any] = self.facts["metrics"]
        return metrics

    @property
    def flags(self) -> list[str]:
        """What a reader has to know before believing it."""
        return [*self.facts["flags"], *([EDITED] if self.edited else [])]

    @property
    def standing(self) -> tuple[bool, str, str]:
        """Which of several records of one run counts: the greatest, so an edited one only where there is no other."""
        return not self.edited, str(self.facts.get("finished", "")), str(self.path)

    def images(self, names: Collection[str] = ()) -> Arrays:
        """The per-image arrays, all or those in `names`.

        There are `index`, `label`, `prediction`, `class_scores`, `distance`, `energy` and `resets`, where hypotheses
        were dropped `class_dropped_at` (the step before which the last one of a class was, or -1), where images stopped
        early `forwards` and `backwards` (generator evaluations), and the final `class_vector` and `noise` if they were
        asked for. All have as many rows as there are images done.

        Raises:
            IntegrityError: the file is unreadable or not the one the record describes.
        """
        if self.partial is not None:
            return {name: self.partial[name] for name in names or self.partial}
        file = self.path / IMAGES_FILE
        arrays = read_arrays(file, self.facts["images"]["sha256"], names)
        fault = fault_in(arrays, self.facts["dataset"]["images"], () if names else NEEDED)
        if fault:
            raise IntegrityError(f"{file} does not hold the results of images: {fault}")
        return arrays

    def has(self, names: Collection[str]) -> bool:
        """Whether the arrays in `names` were kept."""
        kept = self.partial if self.partial is not None else self.facts["images"]["arrays"]
        return all(name in kept for name in names)

    def summary(self) -> dict[str, Any]:
        """The run as `icbench run --json` prints it."""
        keys = ("id", "entry", "dataset", "seed", "status", "metrics", "device", "precision")
        known = {key: self.facts[key] for key in keys}
        return {**known, "flags": self.flags, "path": str(self.path), "reused": self.reused}


@dataclass(frozen=True)
class Costs:
    """What a run has cost: generator evaluations per image, seconds of inversion, and the most bytes used."""

    forward: int = 0
    backward: int = 0
    seconds: float = 0.0
    peak_memory: int = 0


COSTS = tuple(field.name for field in fields(Costs))


def joined(parts: list[Arrays]) -> tuple[Arrays, Costs]:
    """Shards as one: the arrays in the order of their images, and the costs added up."""
    first = parts[0] if parts else {}
    names = [name for name in first if first[name].ndim and all(name in part for part in parts)]
    if not names:
        return {name: np.zeros(0, np.int32) for name in ("index", "label", "prediction", "distance", "resets")}, Costs()
    index = np.concatenate([part["index"] for part in parts])
    _, order = np.unique(index, return_index=True)
    arrays = {name: np.concatenate([part[name] for part in parts])[order] for name in names}
    # A shard that was written twice, as an interruption may have it, has cost its time once.
    counted = np.unique(np.repeat(np.arange(len(parts)), [len(part["index"]) for part in parts])[order])
    return arrays, Costs(
        forward=int(parts[-1]["forward"]),
        backward=int(parts[-1]["backward"]),
        seconds=float(sum(parts[number]["seconds"] for number in counted)),
        peak_memory=max(int(part["peak_memory"]) for part in parts),
    )


def per_image(part: Arrays) -> Arrays:
    """A shard's arrays without what it cost."""
    return {name: values for name, values in part.items() if name not in COSTS}


def check_parts(parts: Sequence[Arrays], images: int, file: Path) -> None:
    """Raises:
    IntegrityError: shards are not results of some of so many images, or do not fit each other.
    """
    for part in parts:
        arrays = per_image(part)
        missing = [name for name in COSTS if name not in part or part[name].ndim or part[name].dtype.kind not in "iuf"]
        fault = fault_in(arrays, images, NEEDED) or difference_in_form(arrays, parts[:1])
        if missing or fault:
            raise IntegrityError(f"{file} does not hold the results of images: {fault or f'no {missing[0]!r}'}")


def as_part(arrays: Arrays, costs: Costs) -> Arrays:
    """Per-image arrays and what they cost, as one shard."""
    stored = {name: values.astype(STORED_TYPES.get(name, values.dtype)) for name, values in arrays.items()}
    return stored | {name: np.array(value) for name, value in vars(costs).items()}


def result_metrics(arrays: Arrays, costs: Costs) -> dict[str, Any]:
    """The figures of a run, all derived from its per-image arrays but for the costs."""
    count = len(arrays["label"])
    correct = int(np.sum(arrays["prediction"] == arrays["label"]))
    low, high = wilson_interval(correct, count)
    forward = _evaluations(arrays, "forwards", costs.forward)
    backward = _evaluations(arrays, "backwards", costs.backward)
    return {
        "accuracy": correct / count if count else None,
        "accuracy_low": low,
        "accuracy_high": high,
        "correct": correct,
        "images": count,
        "mean_distance": _finite_mean(arrays["distance"]),
        "nfe": forward + backward,
        "nfe_forward": forward,
        "nfe_backward": backward,
        "seconds": costs.seconds,
        "images_per_second": count / costs.seconds if costs.seconds > 0 else None,
        "peak_memory_bytes": costs.peak_memory,
        "not_finite": int(np.sum(arrays["prediction"] < 0)),
        "class_vector_resets": int(arrays["resets"].sum()),
        **({"wrongly_dropped": _wrongly_dropped(arrays)} if "class_dropped_at" in arrays else {}),
    }


def _evaluations(arrays: Arrays, name: str, known: int) -> int:
    """Evaluations per image: their mean where images differ, else what is known of each."""
    return round(float(arrays[name].mean())) if len(arrays.get(name, ())) else known


def _wrongly_dropped(arrays: Arrays) -> int:
    """The number of images of whose own class every hypothesis was dropped before the end."""
    dropped, label = arrays["class_dropped_at"], arrays["label"].astype(np.int64)
    known = np.flatnonzero(label < dropped.shape[1])
    return int(np.sum(dropped[known, label[known]] >= 0))


def write_record(path: Path, facts: Facts, arrays: Arrays) -> Record:
    """Write the arrays and then, as the last step, `record.json` into folder `path`.

    Args:
        facts: the record's content without `images` and `digest`.
        arrays: per-image arrays.
    """
    path.mkdir(parents=True, exist_ok=True)
    sha256 = write_arrays(path / IMAGES_FILE, arrays)
    complete = signed({**facts, "images": {"file": IMAGES_FILE, "sha256": sha256, "arrays": sorted(arrays)}})
    replace_synced(path / RECORD_FILE, canonical(complete))
    return Record(path, complete)


def read_record(path: Path) -> Record:
    """The record in folder `path`: that of a finished run, or of what is done of an unfinished one.

    Its figures are those of its images, whatever its `record.json` says; where the two differ it counts as edited.
    What a run has cost cannot be told from its images and is as the file says.

    Raises:
        IntegrityError: it or its images are unreadable, or of a newer schema than this icbench knows.
    """
    try:
        record = read_unverified(path)
        return record if record.partial is not None else _verified(record)
    except IntegrityError:
        raise
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:
        # Records come from other people, and one that is odd in a way not thought of must not stop the others.
        raise IntegrityError(f"{path} cannot be read: {type(error).__name__} {error}") from error


def read_unverified(path: Path) -> Record:
    """The record in folder `path` as its file says, without a look at the images of a finished run.

    Raises:
        IntegrityError: it is unreadable, or of a newer schema than this icbench knows.
    """
    if (path / SHARDS_FILE).exists() and not (path / RECORD_FILE).exists():
        return _unfinished(path)
    file = path / RECORD_FILE
    try:
        written = json.loads(file.read_bytes())
        if not isinstance(written, dict):
            raise IntegrityError(f"{file} is not a record: it holds no JSON object")
        edited = is_edited(written)
    except (OSError, ValueError, RecursionError) as error:
        raise IntegrityError(f"{file} cannot be read: {error}") from error
    facts = updated(written, str(file))
    _check_form(facts, file)
    _check_types(facts, {"images": dict}, file, "")
    _check_types(facts["images"], REQUIRED_OF_IMAGES, file, "images.")
    return Record(path, facts, edited)


def _verified(record: Record) -> Record:
    said, kept = record.metrics, record.facts["images"]["arrays"]
    arrays = record.images([name for name in FIGURES_OF if name in NEEDED or name in kept])
    if record.status == "ok" and not len(arrays["index"]):
        raise IntegrityError(f"{record.path} holds no image")
    costs = Costs(said["nfe_forward"], said["nfe_backward"], said["seconds"], said["peak_memory_bytes"])
    found = result_metrics(arrays, costs)
    if not record.edited and all(_alike(said[name], value) for name, value in found.items() if name in said):
        return record
    others = {name: value for name, value in said.items() if name != "wrongly_dropped"}
    return replace(record, facts={**record.facts, "metrics": {**others, **found}}, edited=True)


def _alike(said: Any, found: Any) -> bool:
    if isinstance(found, float) and isinstance(said, NUMBER):
        return math.isclose(said, found, rel_tol=ROUNDING)
    return bool(said == found)


def _unfinished(path: Path) -> Record:
    file = path / SHARDS_FILE
    shards = read_shards(file)
    known = updated(shards.facts, str(file))
    _check_types(known, {"metrics": dict, "dataset": dict}, file, "")
    _check_types(known["dataset"], REQUIRED_INSIDE["dataset"], file, "dataset.")
    check_parts(shards.parts, known["dataset"]["images"], file)
    arrays, costs = joined(shards.parts)
    metrics = {**known["metrics"], **result_metrics(arrays, costs)}
    facts = {**known, "metrics": metrics, "status": "interrupted", "error": "", **shards.stop}
    _check_form(facts, file)
    return Record(path, facts, partial=arrays)


def check_known(facts: Facts) -> None:
    """Check what is known of a run before its first image, so that nothing is computed that could not be read.

    Args:
        facts: the record's content without results.

    Raises:
        ComponentError: a record with these facts could not be read.
    """
    arrays, costs = joined([])
    where = Path("what would be kept of it")
    try:
        read = json.loads(canonical(facts))
        _check_form(
            {**read, "status": "", "error": "", "metrics": result_metrics(arrays, costs) | read["metrics"]}, where
        )
    except IntegrityError as error:
        raise ComponentError(f"{facts['label']} cannot be run: {error.message}") from None
    except (TypeError, ValueError) as error:
        raise ComponentError(f"{facts['label']} cannot be run: {where} is no JSON: {error}") from None


def _check_form(facts: Facts, file: Path) -> None:
    _check_types(facts, REQUIRED, file, "")
    for name, required in REQUIRED_INSIDE.items():
        _check_types(facts[name], required, file, f"{name}.")
    for kind, part in facts["entry"].items():
        if kind not in ("steps", "stop_when"):
            _check_types({kind: part}, {kind: dict}, file, "entry.")
            _check_types(part, REQUIRED_OF_PART, file, f"entry.{kind}.")
    for number, flag in enumerate(facts["flags"]):
        _check_types({str(number): flag}, {str(number): str}, file, "flags.")


def _check_types(facts: Facts, required: Form, file: Path, prefix: str) -> None:
    for name, kind in required.items():
        value = facts.get(name, ...)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise IntegrityError(f"{file} is not a record: its '{prefix}{name}' is missing or of the wrong type")
        if isinstance(value, NUMBER) and not _is_plausible(value, name):
            raise IntegrityError(f"{file} is not a record: its '{prefix}{name}' is {_shortened(value)}")


def _is_plausible(value: float, name: str) -> bool:
    """Whether it is a finite number, not negative unless this one may be, and of a size that can be computed with."""
    return abs(value) < LARGEST and (value >= 0 or name in MAY_BE_NEGATIVE)


def _shortened(number: float) -> str:
    return (
        str(number) if abs(number) < LARGEST or isinstance(number, float) else f"about 10^{math.log10(abs(number)):.0f}"
    )


def _finite_mean(values: NDArray[Any]) -> float | None:
    finite = np.isfinite(values)
    return float(values[finite].mean()) if finite.any() else None
