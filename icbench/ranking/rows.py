"""Tracks and rows: which runs may be ranked together, and which of them are seeds of one entry."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icbench.errors import IntegrityError
from icbench.records import Record
from icbench.statistics import Estimate, accuracy_estimate

EDITED = "edited by hand"


@dataclass(frozen=True, order=True)
class Track:
    """What was classified: runs of one track may be ranked together.

    Args:
        dataset, split: by name.
        digest: of the split's content.
        images: how many of its first images.
    """

    dataset: str
    split: str
    images: int
    digest: str

    @classmethod
    def of(cls, record: Record) -> "Track":
        dataset = record.facts["dataset"]
        return cls(dataset["name"], dataset["split"], int(dataset["images"]), dataset["digest"])


@dataclass(frozen=True)
class Row:
    """One entry in a track: its runs, one per seed.

    Args:
        label: the entry in one phrase, unlike that of any other row of its track.
        records: by seed.
        correct: (S, N), which of the track's N images each seed has right.
    """

    label: str
    records: tuple[Record, ...]
    correct: NDArray[np.bool_]

    @property
    def facts(self) -> dict[str, Any]:
        """The first seed's record; what the seeds share can be read from it."""
        return self.records[0].facts

    @cached_property
    def key(self) -> str:
        """The digest of the entry, the same for all its seeds."""
        return entry_key(self.records[0])

    @property
    def direct(self) -> bool:
        """Whether it is a direct classifier."""
        return "classifier" in self.facts["entry"]

    @property
    def seeds(self) -> list[int]:
        return [record.facts["seed"] for record in self.records]

    @cached_property
    def accuracy(self) -> Estimate:
        return accuracy_estimate(self.correct)

    @property
    def nfe(self) -> int:
        return int(self.records[0].metrics["nfe"])

    @property
    def parameters(self) -> int | None:
        value = self.records[0].metrics.get("generator_parameters")
        return None if value is None else int(value)

    @cached_property
    def mean_distance(self) -> float | None:
        """The mean over seeds, or None where a seed has none."""
        values = [record.metrics["mean_distance"] for record in self.records]
        return None if None in values else float(np.mean(values))

    @cached_property
    def images_per_second(self) -> float | None:
        """The median over seeds, or None where a seed has none."""
        values = [record.metrics["images_per_second"] for record in self.records]
        return None if None in values else float(np.median(values))

    @property
    def machine(self) -> tuple[Any, ...]:
        """What speeds depend on: runs with the same can be compared in it."""
        environment = self.facts["environment"]
        hardware = tuple(environment.get(name) for name in ("cpu", "cores", "threads"))
        gpus = tuple(environment.get("gpus") or ()) if self.facts["device"] == "cuda" else ()
        return (*hardware, gpus, self.facts["device"], self.facts["precision"])

    @property
    def flags(self) -> list[str]:
        """What a reader has to know before believing the row."""
        not_finite = sum(int(record.metrics["not_finite"]) for record in self.records)
        found = list(self.facts["flags"]) + ([f"{not_finite} not finite"] if not_finite else [])
        return found + ([EDITED] if any(record.edited for record in self.records) else [])


@dataclass(frozen=True)
class PartialRun:
    """A run that has not classified all images of its track, shown apart and never ranked."""

    label: str
    seed: int
    status: str
    done: int
    record: Record


def entry_key(record: Record) -> str:
    """The digest of what an entry's seeds share; unlike the run key it leaves out the seed and the images."""
    facts = {name: record.facts[name] for name in ("entry", "precision", "device")}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def tracks(records: Sequence[Record]) -> dict[Track, list[Record]]:
    """The records of each track, tracks in the order of dataset and split, the most images first."""
    found: dict[Track, list[Record]] = defaultdict(list)
    for record in records:
        found[Track.of(record)].append(record)
    order = sorted(found, key=lambda track: (track.dataset, track.split, -track.images, track.digest))
    return {track: found[track] for track in order}


def rows_of(track: Track, records: Sequence[Record]) -> tuple[list[Row], list[PartialRun], list[str]]:
    """The complete entries of a track, its partial runs, and a line for each record whose images cannot be read."""
    groups: dict[str, list[tuple[Record, NDArray[np.bool_]]]] = defaultdict(list)
    partial, problems = [], []
    labels = distinct_labels(records)
    for record in sorted(records, key=lambda record: (entry_key(record), record.facts["seed"], record.facts["key"])):
        key = entry_key(record)
        try:
            correct = _complete(record, track.images)
        except IntegrityError as error:
            problems.append(f"left out: {error.message}")
            continue
        if correct is None:
            done, seed = int(record.metrics["images"]), int(record.facts["seed"])
            partial.append(PartialRun(labels[key], seed, record.status, done, record))
        else:
            groups[key].append((record, correct))
    rows = [
        Row(labels[key], tuple(record for record, _ in runs), np.stack([correct for _, correct in runs]))
        for key, runs in groups.items()
    ]
    return rows, partial, problems


def _complete(record: Record, images: int) -> NDArray[np.bool_] | None:
    """Which images are classified correctly, or None where some are missing.

    Raises:
        IntegrityError: the arrays are unreadable, or not about the images that the record says.
    """
    if record.status != "ok":
        return None
    arrays = record.images(["index", "label", "prediction"])
    if not np.array_equal(arrays["index"], np.arange(images)):
        raise IntegrityError(f"{record.path} does not hold the first {images} images, as its record says")
    correct: NDArray[np.bool_] = arrays["prediction"] == arrays["label"]
    return correct


def distinct_labels(records: Sequence[Record]) -> dict[str, str]:
    """A label for each entry key; where two entries are called alike, what differs is added to it."""
    alike: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    for record in records:
        alike[record.label][entry_key(record)] = _details(record)
    return {key: _label(label, key, entries) for label, entries in alike.items() for key in entries}


def _label(label: str, key: str, entries: dict[str, dict[str, str]]) -> str:
    own = entries[key]
    names = dict.fromkeys(name for details in entries.values() for name in details)
    differing = [name for name in names if len({details.get(name) for details in entries.values()}) > 1]
    added = ", ".join(f"{name} {own[name]}" for name in differing if name in own)
    return f"{label} [{added}]" if added else label


def _details(record: Record) -> dict[str, str]:
    """What tells entries of the same label apart, the plainest first."""
    entry, details = record.facts["entry"], {}
    details["steps"] = str(entry.get("steps"))
    details |= {name: str(record.facts[name]) for name in ("precision", "device")}
    for kind, part in entry.items():
        if isinstance(part, dict):
            details[kind] = f"{part.get('dist')} {part.get('version')}"
            details |= {f"{kind} {name}": _short(part[name]) for name in ("weights", "source") if part.get(name)}
            details[f"{kind} parameters"] = json.dumps(part.get("params"), sort_keys=True)
    return details


def _short(digest: object) -> str:
    return str(digest).removeprefix("sha256:")[:8]
