"""Tracks and rows: which runs may be ranked together, and which of them are seeds of one entry."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from icbench.errors import IntegrityError
from icbench.records import EDITED, Record
from icbench.records.metadata import RecordMetadata
from icbench.statistics import Estimate, accuracy_estimate


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
        """What the run of a record classified."""
        dataset = record.metadata.dataset
        return cls(dataset.name, dataset.split, dataset.images, dataset.digest)


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
    def metadata(self) -> RecordMetadata:
        """What the first seed's record says; what the seeds share can be read from it."""
        return self.records[0].metadata

    @cached_property
    def key(self) -> str:
        """The digest of the entry, the same for all its seeds."""
        return self.records[0].entry_key

    @property
    def name(self) -> str:
        """The entry as its records call it, which other rows of its track may be called as well."""
        return self.records[0].label

    @property
    def direct(self) -> bool:
        """Whether it is a direct classifier."""
        return self.metadata.entry.direct

    @property
    def tier(self) -> str:
        """What the entry knows besides pixels, or that it is a direct classifier."""
        return self.metadata.tier

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the classes are called; empty where they have numbers alone."""
        return self.records[0].class_names

    @property
    def suites(self) -> list[str]:
        """The suites that its runs were made for; one's own runs are of none."""
        return sorted({record.metadata.suite for record in self.records} - {""})

    @property
    def seeds(self) -> list[int]:
        """The seeds of its runs, in the order of `records`."""
        return [record.metadata.seed for record in self.records]

    @cached_property
    def accuracy(self) -> Estimate:
        """The mean accuracy over seeds, with its interval."""
        return accuracy_estimate(self.correct)

    @property
    def nfe(self) -> int:
        """Generator evaluations per image, forward and backward, which are the same for all seeds."""
        return self.records[0].metrics.nfe

    @property
    def parameters(self) -> int | None:
        """How many numbers the generator keeps, or None where that is not known."""
        return self.records[0].metrics.generator_parameters

    @cached_property
    def mean_distance(self) -> float | None:
        """The mean over seeds, or None where a seed has none."""
        values = [record.metrics.mean_distance for record in self.records]
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if len(known) == len(values) else None

    @cached_property
    def images_per_second(self) -> float | None:
        """The median over seeds, or None where a seed has none."""
        values = [record.metrics.images_per_second for record in self.records]
        known = [value for value in values if value is not None]
        return float(np.median(known)) if len(known) == len(values) else None

    @cached_property
    def machine(self) -> str | None:
        """What speeds depend on: rows with the same can be compared in it. None where the seeds ran on several."""
        machines = {_machine(record) for record in self.records}
        return machines.pop() if len(machines) == 1 else None

    @property
    def flags(self) -> list[str]:
        """What a reader has to know before believing the row."""
        not_finite = sum(record.metrics.not_finite for record in self.records)
        found = list(self.metadata.flags) + ([f"{not_finite} not finite"] if not_finite else [])
        return found + ([EDITED] if any(record.edited for record in self.records) else [])


@dataclass(frozen=True)
class PartialRun:
    """A run that has not classified all images of its track, shown apart and never ranked."""

    label: str
    seed: int
    status: str
    done: int
    record: Record


def _machine(record: Record) -> str:
    metadata, environment = record.metadata, record.metadata.environment
    gpus = environment.gpus if metadata.device == "cuda" else ()
    return repr((environment.cpu, environment.cores, environment.threads, gpus, metadata.device, metadata.precision))


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
    for record in sorted(records, key=lambda record: (record.entry_key, record.metadata.seed, record.metadata.key)):
        key = record.entry_key
        try:
            correct = correct_images(record, track.images)
        except IntegrityError as error:
            problems.append(omission_line(error))
            continue
        if correct is None:
            done, seed = record.metrics.images, record.metadata.seed
            partial.append(PartialRun(labels[key], seed, record.status, done, record))
        else:
            groups[key].append((record, correct))
    rows = [
        Row(labels[key], tuple(record for record, _ in runs), np.stack([correct for _, correct in runs]))
        for key, runs in groups.items()
    ]
    partial.sort(key=lambda run: (run.label, run.seed))
    return rows, partial, problems


def omission_line(error: IntegrityError) -> str:
    """The line that says why a record is not counted."""
    return f"left out: {error.line}"


def correct_images(record: Record, images: int) -> NDArray[np.bool_] | None:
    """Which images are classified correctly, or None where some are missing.

    Raises:
        IntegrityError: the arrays are unreadable, or not about the images that the record says.
    """
    if record.status != "ok":
        return None
    if record.correct is not None and len(record.correct) == images:
        return record.correct
    arrays = record.images(["index", "label", "prediction"])
    if len(arrays["index"]) != images or not np.array_equal(arrays["index"], np.arange(images)):
        raise IntegrityError(f"{record.path} does not hold the first {images} images, as its record says")
    correct: NDArray[np.bool_] = arrays["prediction"] == arrays["label"]
    return correct


def distinct_labels(records: Sequence[Record]) -> dict[str, str]:
    """A label for each entry key; where entries are called alike, what tells them apart is added to it."""
    alike: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    for record in records:
        alike[record.label][record.entry_key] = _details(record)
    return {key: _label(label, entries, key) for label, entries in alike.items() for key in entries}


def _label(label: str, entries: dict[str, dict[str, str]], key: str) -> str:
    added = ", ".join(f"{name} {entries[key][name]}" for name in _telling(entries) if name in entries[key])
    return f"{label} [{added}]" if added else label


def _telling(entries: dict[str, dict[str, str]]) -> list[str]:
    """The details that tell all of some entries apart: a detail that adds nothing to those before it is left out."""
    telling: list[str] = []
    found = 1
    for name in dict.fromkeys(name for details in entries.values() for name in details):
        kinds = {tuple(details.get(known) for known in (*telling, name)) for details in entries.values()}
        if len(kinds) > found:
            telling, found = [*telling, name], len(kinds)
    return telling


def _details(record: Record) -> dict[str, str]:
    """What may tell entries of the same label apart, the plainest first; the last always does."""
    metadata, entry = record.metadata, record.metadata.entry
    components = entry.components.items()
    details = {"steps": str(entry.steps), "stop-when": "never" if entry.stop_when is None else str(entry.stop_when)}
    details |= {"precision": metadata.precision, "device": metadata.device}
    details |= {kind: f"{component.dist} {component.version}" for kind, component in components}
    for name in ("weights", "training_data", "source"):
        known = {kind: getattr(component, name) for kind, component in components}
        details |= {f"{kind} {name}": _short(digest) for kind, digest in known.items() if digest}
    details |= {"engine": _short(metadata.engine)} if metadata.engine else {}
    return details | {"key": _short(record.entry_key)}


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:8]
