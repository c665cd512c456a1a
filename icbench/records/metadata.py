"""What a record says: one class for each part of `record.json`, and the digests of what decides a run's numbers."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET, UnsetType

from icbench.kinds.names import INVERSION_KINDS, WHOLE_KINDS
from icbench.records.json_object import Count, JSONObject, Number, SignedNumber


@dataclass(frozen=True, kw_only=True)
class ComponentMetadata(JSONObject):
    """A component as it was used.

    Args:
        name, dist, version: where it is from.
        params: all its parameters; a file by its content's digest.
        source: the digest of its code.
        weights: of a generator, the SHA-256 of its weights file, or empty; of a product, that of its numbers.
        training_data: of a direct classifier, the digest of the images it is fitted to.
        components: of a direct classifier, those it is made of, by kind; of a product its members, by name.
    """

    name: str
    dist: str
    version: str
    params: Mapping[str, Any]
    source: str
    weights: str | None = None
    training_data: str | None = None
    components: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class EntryMetadata(JSONObject):
    """The components of an entry, and what says how long it inverts.

    Args:
        generator, distance, optimizer, schedule: of an inversion.
        classifier: of a direct classification.
        product: of several inversions whose energies are added up.
        steps: per hypothesis.
        stop_when: as in `icbench.engine.settings.Settings`.
    """

    generator: ComponentMetadata | None = None
    distance: ComponentMetadata | None = None
    optimizer: ComponentMetadata | None = None
    schedule: ComponentMetadata | None = None
    classifier: ComponentMetadata | None = None
    product: ComponentMetadata | None = None
    steps: Count
    stop_when: Number | None = None

    @property
    def components(self) -> dict[str, ComponentMetadata]:
        """The components by kind."""
        kinds = (*INVERSION_KINDS, *WHOLE_KINDS)
        return {kind: found for kind in kinds if (found := getattr(self, kind)) is not None}

    @property
    def direct(self) -> bool:
        """Whether it is a direct classifier."""
        return self.classifier is not None

    @property
    def inverts_once(self) -> bool:
        """Whether it inverts one generator, whose latents can be kept and drawn."""
        return self.generator is not None


@dataclass(frozen=True, kw_only=True)
class DatasetMetadata(JSONObject):
    """The images that were classified.

    Args:
        name, split: of the dataset.
        digest: of the split's images and labels.
        images: how many of the first ones.
    """

    name: str
    split: str
    digest: str
    images: Count


@dataclass(frozen=True, kw_only=True)
class KnownMetrics(JSONObject):
    """What is known of the metrics before the first image.

    Args:
        generator_parameters: how many numbers the generator keeps, or None where that is known only after a run.
    """

    generator_parameters: Count | None


@dataclass(frozen=True, kw_only=True)
class Metrics(KnownMetrics):
    """The figures of a run.

    Args:
        accuracy: None without images.
        accuracy_low, accuracy_high: its 95 % interval.
        images: how many are done.
        mean_distance: the mean final distance, of the images where it is finite.
        nfe, nfe_forward, nfe_backward: generator evaluations per image.
        seconds: of inversion.
        images_per_second: None where no time passed.
        peak_memory_bytes: the most bytes used, or 0 where the system does not tell.
        not_finite: how many images are counted as wrong for it.
        correct: how many images are right.
        class_vector_resets: how often a class vector was reset.
        wrongly_dropped: of how many images every hypothesis of their own class was dropped.
    """

    accuracy: Number | None
    accuracy_low: Number
    accuracy_high: Number
    images: Count
    mean_distance: SignedNumber | None
    nfe: Count
    nfe_forward: Count
    nfe_backward: Count
    seconds: Number
    images_per_second: Number | None
    peak_memory_bytes: Count
    not_finite: Count
    correct: Count | None = None
    class_vector_resets: Count | None = None
    wrongly_dropped: Count | None = None


@dataclass(frozen=True, kw_only=True)
class Environment(JSONObject):
    """Where a run was made; see `icbench.compute.environment`.

    Args:
        cpu, gpus: their names.
        libraries, plugins: versions by distribution.
        icbench, python, os, cuda: versions.
        cores, threads: how many.
        bfloat16_cpu, precision_cpu, onednn_cpu: what the processor is good at.
        git_revision: of icbench, or empty.
        executor: what computed the shards elsewhere; the rest is where the first of them was computed.
    """

    cpu: str
    gpus: tuple[str, ...]
    libraries: Mapping[str, str]
    plugins: Mapping[str, str] | None = None
    icbench: str | None = None
    python: str | None = None
    os: str | None = None
    cuda: str | None = None
    cores: Count | None = None
    threads: Count | None = None
    bfloat16_cpu: bool | None = None
    precision_cpu: str | None = None
    onednn_cpu: tuple[str, ...] | None = None
    git_revision: str | None = None
    executor: str | None = None


@dataclass(frozen=True, kw_only=True)
class ImagesFile(JSONObject):
    """The file of per-image arrays.

    Args:
        sha256: of its content.
        arrays: their names.
        file: its name.
    """

    sha256: str
    arrays: tuple[str, ...]
    file: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunIdentity(JSONObject):
    """All that decides a run's numbers.

    Args:
        schema: of the record.
        engine: the digest of the code that inverts, or empty where an older icbench kept none.
        entry, dataset: what is run on which images.
        seed: of the starts.
        precision: "float32", "tf32" or "bfloat16".
        device: "cpu" or "cuda".
    """

    schema: Count
    engine: str
    entry: EntryMetadata
    dataset: DatasetMetadata
    seed: Count
    precision: str
    device: str


@dataclass(frozen=True, kw_only=True)
class RunMetadata(RunIdentity):
    """What is known of a run before its first image.

    Args:
        id: what it is called.
        label: its entry in one phrase.
        key: the digest of its identity.
        tier: what its entry knows besides pixels.
        suite: the suite it is made for, or empty.
        flags: what a reader has to know before believing it.
        metrics: what is known of them.
        environment: where it is made.
        series: the digest of its identity without the number of images.
        batch_size: rows computed together, None where that was not chosen and not measured.
        batch_bytes: what such a batch takes, None where that is not known.
        class_names: what the dataset calls its classes, None where it has no names for them.
        members: of a product their names, in the order in which they are asked; None where that was not kept.
    """

    id: str
    label: str
    key: str
    tier: str
    suite: str
    flags: tuple[str, ...]
    metrics: KnownMetrics
    environment: Environment
    series: str | None = None
    batch_size: Count | UnsetType | None = UNSET
    batch_bytes: Count | UnsetType | None = UNSET
    class_names: tuple[str, ...] | None = None
    members: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class RecordMetadata(RunMetadata):
    """What a record says, besides the results of each image.

    Args:
        status: "ok", "interrupted" or "failed".
        error: what a failed run failed with.
        metrics: all figures.
        finished: when, as ISO 8601 text.
        images: the file of per-image arrays; None while a run is not finished.
    """

    status: str
    error: str
    metrics: Metrics
    finished: str | None = None
    images: ImagesFile | None = None


@dataclass(frozen=True, kw_only=True)
class WrittenMetadata(RecordMetadata):
    """What a `record.json` says.

    Args:
        images: the file of per-image arrays.
    """

    images: ImagesFile


def with_results(
    run: RunMetadata, metrics: Metrics, status: str, error: str, finished: str | None = None
) -> RecordMetadata:
    """What the record of a run says once its results are there."""
    results: dict[str, Any] = {"metrics": metrics, "status": status, "error": error, "finished": finished}
    return RecordMetadata(**{**vars(run), **results})


def run_key(identity: RunIdentity) -> str:
    """The digest of all that decides a run's numbers."""
    return _digest(identity.document())


def series_key(identity: RunIdentity) -> str:
    """The digest of the same without the number of images: the runs that can take over images from each other."""
    dataset = {name: value for name, value in identity.dataset.document().items() if name != "images"}
    return _digest({**identity.document(), "dataset": dataset})


def entry_digest(metadata: RunIdentity) -> str:
    """The digest of an entry, of the engine, and of precision and device: what its seeds share."""
    named = {"engine": metadata.engine, "precision": metadata.precision, "device": metadata.device}
    return _digest({**named, "entry": metadata.entry.document()})


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
