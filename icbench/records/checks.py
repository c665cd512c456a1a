"""What can be told of a record from itself: whether it is as icbench wrote it, and agrees with itself."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from icbench.errors import IntegrityError
from icbench.records.files import Arrays
from icbench.records.metadata import RunIdentity, run_key
from icbench.records.metrics import Costs, result_metrics
from icbench.records.record import IMAGES_FILE, RECORD_FILE, Record, differing_figures
from icbench.records.shards import SHARDS_FILE

HOLDS, DIFFERS, UNCHECKED = "holds", "differs", "cannot be checked"
LISTED = 5
"""So many examples of what differs are named."""


@dataclass(frozen=True)
class Finding:
    """What became of one thing that a record says.

    Args:
        what: the thing.
        verdict: `HOLDS`, `DIFFERS` or `UNCHECKED`.
        detail: why, in a phrase.
    """

    what: str
    verdict: str
    detail: str


def judge(what: str, holds: bool, kept: str, broken: str) -> Finding:
    """The finding of something that holds or differs, with what to say of either."""
    return Finding(what, HOLDS if holds else DIFFERS, kept if holds else broken)


def read_images(record: Record) -> tuple[Arrays, Finding]:
    """The per-image arrays, or none at all where their file is not the one that the record describes."""
    if record.partial is not None:
        return record.partial, Finding(SHARDS_FILE, HOLDS, "each part has its checksum")
    try:
        return record.images(), Finding(IMAGES_FILE, HOLDS, "has the record's SHA-256")
    except IntegrityError as error:
        return {}, Finding(IMAGES_FILE, DIFFERS, error.message)


def check_document(record: Record) -> Iterator[Finding]:
    """Whether a record, as read by `read_unverified`, is as it was written, and its key the digest of its identity."""
    if record.partial is None and not _has_digest(record):
        yield Finding(RECORD_FILE, UNCHECKED, "an older icbench wrote no digest of it")
    elif record.partial is None:
        yield judge(
            RECORD_FILE, not record.edited, "has the content of its digest", "has other content than its digest"
        )
    metadata = record.metadata
    own = [each.name for each in fields(RunIdentity) if each.name != "unknown"]
    key = run_key(RunIdentity(**{name: getattr(metadata, name) for name in own}))
    if key != metadata.key and not metadata.engine:
        yield Finding("run key", UNCHECKED, "an older icbench made it otherwise")
    else:
        other = f"the run that it describes has the key {key[:12]}…, not {metadata.key[:12]}…"
        yield judge("run key", key == metadata.key, "is the digest of what decides the numbers", other)


def check_arrays(record: Record, arrays: Arrays) -> Iterator[Finding]:
    """Whether the figures of a record follow from its arrays, and the arrays agree with each other.

    Args:
        record: it.
        arrays: all per-image arrays.
    """
    metadata = record.metadata
    found = result_metrics(arrays, Costs.of(metadata.metrics), metadata.metrics)
    wrong = differing_figures(metadata.metrics, found)
    said, real = metadata.metrics.document(), found.document()
    names = ", ".join(f"{name} is {real[name]}, not {said[name]}" for name in wrong[:LISTED])
    yield judge("figures", not wrong, "follow from the results of the images", names)
    if record.status == "ok":
        whole = np.array_equal(np.sort(arrays["index"]), np.arange(metadata.dataset.images))
        expected = f"{metadata.dataset.images} images"
        yield judge("images", whole, f"all {expected} are there", f"{len(arrays['index'])} of {expected} are there")
    else:
        yield Finding("images", UNCHECKED, f"the run is {metadata.status}, after {found.images} images")
    if "class_scores" in arrays:
        off = arrays["index"][~_best_scored(arrays)]
        others = f"{len(off)} predictions are not the class of the best score: images {listed(off)}"
        yield judge("class scores", not len(off), "are best for the classes predicted", others)


def listed(images: NDArray[np.integer]) -> str:
    """The first few of some images."""
    return ", ".join(map(str, images[:LISTED])) + (", …" if len(images) > LISTED else "")


def _has_digest(record: Record) -> bool:
    return "digest" in json.loads((record.path / RECORD_FILE).read_bytes())


def _best_scored(arrays: Arrays) -> NDArray[np.bool_]:
    """Which images (N,) are predicted to be of the class of their best score; what is not finite is of none."""
    scores, prediction = arrays["class_scores"], arrays["prediction"].astype(np.int64)
    known = prediction >= 0
    chosen = scores[np.arange(len(scores)), np.where(known, prediction, 0)]
    best: NDArray[np.bool_] = ~known | (chosen >= scores.max(axis=1))
    return best
