"""Arrays in IDX files, as MNIST and its successors have them."""

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from icbench.errors import IntegrityError


def find_idx(folder: Path, key: str, dimensions: int) -> Path | None:
    """The IDX file of a key such as `train-images` in a folder, plain or gzipped; None if there is none."""
    names = [f"{key}-idx{dimensions}-ubyte", f"{key}-idx{dimensions}-ubyte.gz"]
    return next((folder / name for name in names if (folder / name).exists()), None)


def read_idx(file: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes, plain or gzipped.

    Raises:
        IntegrityError: the file is truncated or of another format.
    """
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        if content[:4] != bytes([0, 0, 8, dimensions]):
            raise ValueError("not an IDX file of unsigned bytes")
        shape = np.frombuffer(content, ">u4", dimensions, offset=4)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise IntegrityError(f"{file} cannot be read: {error}", "Remove it to fetch it anew.") from error
