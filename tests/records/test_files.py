"""Files of arrays give back what was written, or say why not."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from icbench.errors import IntegrityError
from icbench.records.files import read_arrays, write_arrays

FILE = Path("images.npz")


def digest():
    return hashlib.sha256(FILE.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "values",
    [
        np.arange(12, dtype=np.int16).reshape(3, 4),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.zeros((0, 10), np.float32),
        np.array(7.5),
        np.array([True, False]),
        np.arange(4, dtype=">i4"),
    ],
    ids=["plain", "by columns", "no rows", "one number", "truth values", "other byte order"],
)
def test_an_array_is_read_as_it_was_written(values):
    (found,) = read_arrays(FILE, write_arrays(FILE, {"values": values})).values()
    assert found.dtype == values.dtype
    assert found.shape == values.shape
    assert (found == values).all()
    assert found.flags.writeable


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_format_is_read(version):
    with zipfile.ZipFile(FILE, "w") as archive, archive.open("values.npy", "w") as stream:
        np.lib.format.write_array(stream, np.arange(20), version)
    assert read_arrays(FILE, digest())["values"].tolist() == list(range(20))


def test_only_the_arrays_that_are_named_are_read():
    sha256 = write_arrays(FILE, {"one": np.arange(3), "other": np.arange(4)})
    assert list(read_arrays(FILE, sha256, ["other"])) == ["other"]


def test_python_objects_are_never_made():
    np.savez(FILE, values=np.array([{}], dtype=object))
    with pytest.raises(IntegrityError, match="objects"):
        read_arrays(FILE, digest())


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_an_array_of_fewer_bytes_than_it_says_is_refused(cut):
    stored = Path("values.npy")
    np.save(stored, np.arange(20))
    with zipfile.ZipFile(FILE, "w") as archive:
        archive.writestr("values.npy", stored.read_bytes()[:-cut])
    with pytest.raises(IntegrityError, match="cannot be read"):
        read_arrays(FILE, digest())
