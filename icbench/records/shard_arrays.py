"""What one shard holds: the per-image arrays of some images, and what they cost."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icbench.errors import IntegrityError
from icbench.records.arrays import NEEDED, difference_in_form, fault_in
from icbench.records.files import Arrays
from icbench.records.metrics import Costs

STORED_TYPES: dict[str, type[np.generic]] = {
    "index": np.int32,
    "label": np.int16,
    "prediction": np.int16,
    "resets": np.int32,
    "class_dropped_at": np.int32,
    "forwards": np.int32,
    "backwards": np.int32,
}
COSTS = tuple(field.name for field in fields(Costs))


def join_shards(shards: list[Arrays]) -> tuple[Arrays, Costs]:
    """Shards as one: the arrays in the order of their images, and the costs added up."""
    first = shards[0] if shards else {}
    names = [name for name in first if first[name].ndim and all(name in shard for shard in shards)]
    if not names:
        return {name: np.zeros(0, np.int32) for name in ("index", "label", "prediction", "distance", "resets")}, Costs()
    index = np.concatenate([shard["index"] for shard in shards])
    _, order = np.unique(index, return_index=True)
    arrays = {name: np.concatenate([shard[name] for shard in shards])[order] for name in names}
    # A shard that was written twice, as an interruption may have it, has cost its time once.
    counted = np.unique(np.repeat(np.arange(len(shards)), [len(shard["index"]) for shard in shards])[order])
    return arrays, Costs(
        forward=int(shards[-1]["forward"]),
        backward=int(shards[-1]["backward"]),
        seconds=float(sum(shards[number]["seconds"] for number in counted)),
        peak_memory=max(int(shard["peak_memory"]) for shard in shards),
    )


def per_image(shard: Arrays) -> Arrays:
    """A shard's arrays without what it cost."""
    return {name: values for name, values in shard.items() if name not in COSTS}


def check_shards(shards: Sequence[Arrays], images: int, file: Path) -> None:
    """Check what was read from a file of shards.

    Args:
        shards: what it holds.
        images: how many the run classifies in all.
        file: it.

    Raises:
        IntegrityError: they are not results of some of these images, or do not fit each other.
    """
    for shard in shards:
        arrays = per_image(shard)
        missing = [name for name in COSTS if name not in shard or not _is_number(shard[name])]
        fault = fault_in(arrays, images, NEEDED) or difference_in_form(arrays, shards[:1])
        if missing or fault:
            raise IntegrityError(f"{file} does not hold the results of images: {fault or f'no {missing[0]!r}'}")


def _is_number(value: NDArray[Any]) -> bool:
    return not value.ndim and value.dtype.kind in "iuf"


def as_shard(arrays: Arrays, costs: Costs) -> Arrays:
    """Per-image arrays and what they cost, as one shard."""
    stored = {name: values.astype(STORED_TYPES.get(name, values.dtype)) for name, values in arrays.items()}
    return stored | {name: np.array(value) for name, value in vars(costs).items()}
