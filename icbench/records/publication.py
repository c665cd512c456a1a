"""Records in a small form, to be published: figures rounded to half precision, and no more arrays than tables need."""

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icbench.errors import IntegrityError, ResultsError
from icbench.records.metrics import Costs, result_metrics
from icbench.records.record import (
    IMAGES_FILE,
    LATENTS,
    RECORD_FILE,
    Record,
    read_record,
    read_unverified,
    write_record,
)
from icbench.storage import reason

SCORES = "class_scores"
HALF = np.finfo(np.float16)


@dataclass(frozen=True)
class Published:
    """A record in its small form.

    Args:
        record: it.
        size: of its files, in bytes.
        made: it was written now, and was not there before.
    """

    record: Record
    size: int
    made: bool


def why_not(record: Record) -> str:
    """Why a record cannot be published, in a phrase, or an empty text."""
    if record.status != "ok":
        return f"{record.path} is not finished"
    return f"{record.path} was edited by hand" if record.edited else ""


def publish_record(record: Record, folder: Path, scores: bool = False) -> Published:
    """Write the small form of a finished record into a folder of its own in `folder`.

    It has the run's key, identity and costs. Its figures are derived from the rounded results.

    Args:
        record: of a finished run.
        folder: the results folder that it is to be in.
        scores: keep the class scores, most of a record's size.

    Raises:
        IntegrityError: the record's images cannot be read, or there is another run at its place.
        ResultsError: it cannot be written.
    """
    path = folder / record.metadata.id
    made = not (path / RECORD_FILE).exists()
    try:
        if made:
            _write(record, path, scores)
        elif read_unverified(path).metadata.key != record.metadata.key:
            raise IntegrityError(f"{path} holds another run than {record.path}", "Choose another folder.")
        size = sum((path / file).stat().st_size for file in (RECORD_FILE, IMAGES_FILE))
        return Published(read_record(path), size, made)
    except OSError as error:
        raise ResultsError(f"{path} cannot be written: {reason(error)}", "Choose another folder.") from None


def _write(record: Record, path: Path, scores: bool) -> None:
    left_out = LATENTS if scores else (*LATENTS, SCORES)
    arrays = {name: round_to_half(values) for name, values in record.images().items() if name not in left_out}
    metrics = result_metrics(arrays, Costs.of(record.metrics), record.metrics)
    # Row numbers, which are in every record, take a quarter of what deflation makes of them.
    write_record(path, replace(record.metadata, metrics=metrics), arrays, zipfile.ZIP_BZIP2)


def round_to_half(values: NDArray[Any]) -> NDArray[Any]:
    """Floats (N, …) in half precision, where its range holds them; all else as it is."""
    if values.dtype.kind != "f" or not len(values):
        return values
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    fits = not len(sizes) or (sizes.max() <= HALF.max and np.median(sizes) >= HALF.tiny)
    return values.astype(np.float16) if fits else values
