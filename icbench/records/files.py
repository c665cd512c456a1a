"""Files of arrays, held against their digest when they are read."""

import hashlib
import io
from collections.abc import Collection
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from icbench.errors import IntegrityError
from icbench.storage import replace_synced

Arrays: TypeAlias = dict[str, NDArray[Any]]


def write_arrays(file: Path, arrays: Arrays) -> str:
    """Write arrays as one compressed file, the same bytes for the same arrays; returns their SHA-256."""
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **{name: arrays[name] for name in sorted(arrays)})
    content = stream.getvalue()
    replace_synced(file, content)
    return hashlib.sha256(content).hexdigest()


def read_arrays(file: Path, digest: str, names: Collection[str] = ()) -> Arrays:
    """The arrays in `file`: those in `names`, or all.

    Raises:
        IntegrityError: the file is unreadable or has another SHA-256 than `digest`.
    """
    try:
        content = file.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != digest:
            raise IntegrityError(f"{file} has SHA-256 {found}, its record says {digest}")
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return {name: stored[name] for name in names or stored.files}
    except IntegrityError:
        raise
    except OSError as error:
        raise IntegrityError(f"{file} cannot be read: {error.strerror or error}") from error
    except Exception as error:
        # numpy and zipfile answer to odd bytes with more kinds of errors than they say.
        raise IntegrityError(f"{file} cannot be read: {type(error).__name__} {error}") from error
