"""A record: what a run was, what came out, and the result of every image."""

import json
import math
import zipfile
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from icbench.errors import ComponentError, IntegrityError
from icbench.records.arrays import NEEDED, fault_in
from icbench.records.files import Arrays, read_arrays, write_arrays
from icbench.records.json_object import decode
from icbench.records.metadata import (
    ImagesFile,
    Metrics,
    RecordMetadata,
    RunMetadata,
    WrittenMetadata,
    entry_digest,
    with_results,
)
from icbench.records.metrics import Costs, result_metrics
from icbench.records.schema import canonical, is_edited, parse, sign, update_schema
from icbench.records.shard_arrays import check_shards, join_shards
from icbench.records.shards import SHARDS_FILE, read_shards
from icbench.storage import replace_synced

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

RECORD_FILE = "record.json"
IMAGES_FILE = "images.npz"

EDITED = "edited by hand"
"""The flag of a record that is not as icbench wrote it."""

LATENTS = ("class_vector", "noise")
FIGURES_OF = (*NEEDED, "class_dropped_at", "forwards", "backwards")
"""The arrays that a run's figures are derived from."""
ROUNDING = 1e-5
"""By how much of a figure two machines may differ in it."""


@dataclass(frozen=True)
class Record:
    """A finished, interrupted or failed run.

    Args:
        path: its folder.
        metadata: the content of `record.json`.
        edited: the content is not what icbench wrote; the figures are those of its images all the same.
        partial: the per-image arrays of a run that has no array file yet.
        right: a bit for each of the first images, set where it is right, or None where that is not known.
        reused: it was finished before, and not run again.
    """

    path: Path
    metadata: RecordMetadata
    edited: bool = False
    partial: Arrays | None = None
    right: bytes | None = field(default=None, repr=False, compare=False)
    reused: bool = False

    @property
    def status(self) -> str:
        """How it ended: "ok", or "interrupted" or "failed" when only some of the images are done."""
        return self.metadata.status

    @property
    def label(self) -> str:
        """The entry in one phrase."""
        return self.metadata.label

    @property
    def metrics(self) -> Metrics:
        """Accuracy, its interval, mean distance, NFE, times and counts."""
        return self.metadata.metrics

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the classes are called; empty where they have numbers alone."""
        return self.metadata.class_names or ()

    @property
    def flags(self) -> list[str]:
        """What a reader has to know before believing it."""
        return [*self.metadata.flags, *([EDITED] if self.edited else [])]

    @cached_property
    def entry_key(self) -> str:
        """The digest of what an entry's seeds share; unlike the run key it leaves out the seed and the images."""
        return entry_digest(self.metadata)

    @property
    def correct(self) -> NDArray[np.bool_] | None:
        """Which of the first images (N,) are classified correctly, where the record was read with its images."""
        if self.right is None:
            return None
        return np.unpackbits(np.frombuffer(self.right, np.uint8), count=self.metrics.images).view(np.bool_)

    @property
    def standing(self) -> tuple[bool, str, str]:
        """Which of several records of one run counts: the greatest, so an edited one only where there is no other."""
        return not self.edited, self.metadata.finished or "", str(self.path)

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
        arrays = read_arrays(file, _images_file(self).sha256, names)
        fault = fault_in(arrays, self.metadata.dataset.images, () if names else NEEDED)
        if fault:
            raise IntegrityError(f"{file} does not hold the results of images: {fault}")
        return arrays

    def has(self, names: Collection[str]) -> bool:
        """Whether the arrays in `names` were kept."""
        kept = self.partial if self.partial is not None else _images_file(self).arrays
        return all(name in kept for name in names)

    def summary(self) -> dict[str, Any]:
        """The run as `icbench run --json` prints it."""
        document = self.metadata.document()
        names = ("id", "entry", "dataset", "seed", "status", "metrics", "device", "precision")
        return {
            **{name: document[name] for name in names},
            "flags": self.flags,
            "path": str(self.path),
            "reused": self.reused,
        }

    def to_pandas(self) -> "DataFrame":
        """What `images` has as a pandas data frame, one row an image; vectors have a column for each of their entries.

        Raises:
            UsageError: pandas is not installed.
            IntegrityError: as of `images`.
        """
        from icbench.report.notebook import record_frame

        return record_frame(self)

    def plot_reconstructions(
        self, count: int = 20, device: str = "auto", data_dir: Path | None = None, weights: Path | None = None
    ) -> "Figure":
        """Draw the first images above what the run made of them, which is inverted again if it was not kept.

        Args:
            count: how many images.
            device: where to compute, as for `icbench run`.
            data_dir: where fetched data is kept; None takes `ICBENCH_DATA` or the platform's cache folder.
            weights: the local weights of the run, where they are not in `trained/` any more.

        Raises:
            UsageError: it is a direct classifier's, or what made it is not here any more.
            IntegrityError: the dataset here has other images.
        """
        from icbench.report.notebook import record_figure

        return record_figure(self, count, device, data_dir, weights)

    def _repr_html_(self) -> str:
        from icbench.report.notebook import record_html

        return record_html(self)


def _images_file(record: Record) -> ImagesFile:
    if record.metadata.images is None:
        raise IntegrityError(f"{record.path} has no images")
    return record.metadata.images


def write_record(
    path: Path, metadata: RecordMetadata, arrays: Arrays, compression: int = zipfile.ZIP_DEFLATED
) -> Record:
    """Write the arrays and then, as the last step, `record.json`: a record is whole where that file is there.

    Args:
        path: the folder, which is made where there is none.
        metadata: the record's content without `images`.
        arrays: per-image arrays.
        compression: of the arrays, as for `icbench.records.files.write_arrays`.
    """
    path.mkdir(parents=True, exist_ok=True)
    sha256 = write_arrays(path / IMAGES_FILE, arrays, compression)
    images = ImagesFile(file=IMAGES_FILE, sha256=sha256, arrays=tuple(sorted(arrays)))
    complete = WrittenMetadata(**{**vars(metadata), "images": images})
    replace_synced(path / RECORD_FILE, canonical(sign(complete.document())))
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
        return record if record.partial is not None else _verify(record)
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
        return _read_unfinished(path)
    file = path / RECORD_FILE
    try:
        content = file.read_bytes()
        written = parse(content)
        if not isinstance(written, dict):
            raise IntegrityError(f"{file} is not a record: it holds no JSON object")
        edited = is_edited(written, content)
    except (OSError, ValueError, RecursionError) as error:
        raise IntegrityError(f"{file} cannot be read: {error}") from error
    return Record(path, decode(WrittenMetadata, update_schema(written, str(file)), str(file)), edited)


def _verify(record: Record) -> Record:
    said = record.metrics
    arrays = record.images([name for name in FIGURES_OF if name in NEEDED or record.has([name])])
    if record.status == "ok" and not len(arrays["index"]):
        raise IntegrityError(f"{record.path} holds no image")
    found = result_metrics(arrays, Costs.of(said), said)
    record = replace(record, right=_right(arrays))
    if not record.edited and not differing_figures(said, found):
        return record
    return replace(record, metadata=replace(record.metadata, metrics=found), edited=True)


def _right(arrays: Arrays) -> bytes | None:
    """Which of the first images are right, in bits: whoever ranks a great many runs then need not read them again."""
    if not np.array_equal(arrays["index"], np.arange(len(arrays["index"]))):
        return None
    return np.packbits(arrays["prediction"] == arrays["label"]).tobytes()


def differing_figures(said: Metrics, found: Metrics) -> list[str]:
    """The names of the figures that are not as they were found, but for rounding; those not kept are not missed."""
    kept = said.document()
    return [name for name, value in found.document().items() if name in kept and not _is_alike(kept[name], value)]


def _is_alike(said: Any, found: Any) -> bool:
    if isinstance(found, float) and isinstance(said, (int, float)):
        return math.isclose(said, found, rel_tol=ROUNDING)
    return bool(said == found)


def _read_unfinished(path: Path) -> Record:
    file = path / SHARDS_FILE
    found = read_shards(file)
    run = read_metadata(found.document, file)
    check_shards(found.shards, run.dataset.images, file)
    arrays, costs = join_shards(found.shards)
    stop = {"status": "interrupted", "error": "", **found.stop}
    metadata = with_results(run, result_metrics(arrays, costs, run.metrics), stop["status"], stop["error"])
    return Record(path, decode(RecordMetadata, metadata.document(), str(file)), partial=arrays)


def read_metadata(document: dict[str, Any], file: Path) -> RunMetadata:
    """What the first frame of shards says of their run.

    Raises:
        IntegrityError: it is no run's, or of a newer schema than this icbench knows.
    """
    return decode(RunMetadata, update_schema(document, str(file)), str(file))


def check_known(run: RunMetadata) -> None:
    """Check what is known of a run before its first image, so that nothing is computed that could not be read.

    Raises:
        ComponentError: a record that says this could not be read.
    """
    where = "what would be kept of it"
    try:
        decode(RunMetadata, json.loads(canonical(run.document())), where)
    except IntegrityError as error:
        raise ComponentError(f"{run.label} cannot be run: {error.message}") from None
    except (TypeError, ValueError) as error:
        raise ComponentError(f"{run.label} cannot be run: {where} is no JSON: {error}") from None
