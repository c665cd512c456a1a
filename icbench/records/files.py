"""Files that are on disk, whole, when a function returns: written beside their place, synced, and moved into it."""

import errno
import hashlib
import io
import os
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from icbench.errors import IntegrityError

Arrays: TypeAlias = dict[str, NDArray[Any]]

TEMPORARY_PREFIX = ".writing-"

NO_SYNC = {
    errno.EINVAL,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EBADF,
    errno.EACCES,
    errno.EPERM,
    errno.EISDIR,
}
"""What file systems answer that cannot sync a folder, as shares and FUSE mounts."""


def replace_synced(file: Path, content: bytes) -> None:
    """Let `file` have `content`, or leave it as it is: at no moment is there a part of it."""
    descriptor, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=file.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            sync(stream.fileno())
        # Some shares have no modes.
        with suppress(OSError):
            temporary.chmod(0o644)
        temporary.replace(file)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a loss of power, where its file system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return  # one may write into a folder that one may not read
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def sync(descriptor: int) -> None:
    """Put what was written on disk, unless the file system has no such thing."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes were about to write in `folder`."""
    for file in folder.glob(f"{TEMPORARY_PREFIX}*"):
        file.unlink(missing_ok=True)


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
