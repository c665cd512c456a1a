"""Files of arrays, held against their digest when they are read."""

import hashlib
import io
import math
import zipfile
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from icbench.errors import IntegrityError
from icbench.storage import replace_synced

Arrays: TypeAlias = dict[str, NDArray[Any]]

MEMBER = ".npy"
"""How the names of an archive's members end."""
VERSION = b"\x93NUMPY\x01\x00"
"""What an array begins with whose header has its length in the next two bytes, as nearly all have."""


def write_arrays(file: Path, arrays: Arrays, compression: int = zipfile.ZIP_DEFLATED) -> str:
    """Write arrays as numpy's `.npz`, the same bytes for the same arrays; returns their SHA-256.

    Args:
        file: replaced if it is there.
        arrays: by name.
        compression: one of `zipfile`'s methods.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in sorted(arrays):
            # Without a time, which would be in the bytes.
            member = zipfile.ZipInfo(name + MEMBER)
            member.compress_type = compression
            with archive.open(member, "w", force_zip64=True) as part:
                np.lib.format.write_array(part, np.asanyarray(arrays[name]), allow_pickle=False)
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
        with zipfile.ZipFile(io.BytesIO(content)) as stored:
            chosen = names or [member.removesuffix(MEMBER) for member in stored.namelist()]
            return {name: _decode(stored.read(name + MEMBER)) for name in chosen}
    except IntegrityError:
        raise
    except OSError as error:
        raise IntegrityError(f"{file} cannot be read: {error.strerror or error}") from error
    except Exception as error:
        # numpy and zipfile answer to odd bytes with more kinds of errors than they say.
        raise IntegrityError(f"{file} cannot be read: {type(error).__name__} {error}") from error


def _decode(content: bytes) -> NDArray[Any]:
    """The array in the content of an archive's member. That numpy parses each header takes longer than all else."""
    begin = len(VERSION) + 2 + int.from_bytes(content[len(VERSION) : len(VERSION) + 2], "little")
    if not content.startswith(VERSION):
        return npy.read_array(io.BytesIO(content), allow_pickle=False)
    shape, in_columns, kind = _form(content[:begin])
    if kind.hasobject:
        raise ValueError("it holds Python objects")
    values = np.frombuffer(content, kind, math.prod(shape), begin)
    return values.reshape(shape, order="F" if in_columns else "C").copy()


@lru_cache(maxsize=256)
def _form(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    return npy.read_array_header_1_0(io.BytesIO(header[len(VERSION) :]))
