"""Datasets of MNIST's shape that torchvision downloads, or that the system already has."""

import contextlib
import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from icbench.builtin.datasets.mnist import VALIDATION, check_digest
from icbench.errors import IntegrityError
from icbench.kinds.dataset import Dataset, Split

FASHION_SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")
FILES = [f"{part}-{key}" for part in ("train", "t10k") for key in ("images-idx3-ubyte", "labels-idx1-ubyte")]
FASHION_DIGESTS = {
    "train-images": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
    "train-labels": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
    "t10k-images": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
    "t10k-labels": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
}


class IDXDataset(Dataset):
    """A dataset in MNIST's four IDX files, fetched by a class of torchvision when it is not here.

    Train is the first 50,000 training images, validation the last 10,000, as for MNIST.

    Args:
        torchvision_name: the class in `torchvision.datasets`.
        licence: the licence of the data.
        system_folder: where a system package puts the files, or None.
        digests: SHA-256 of each array's bytes, where they are known.
    """

    num_classes = 10
    light_on_dark = True

    def __init__(
        self,
        torchvision_name: str,
        licence: str,
        system_folder: Path | None = None,
        digests: dict[str, str] | None = None,
    ) -> None:
        self.torchvision_name = torchvision_name
        self.licence = licence
        self.system_folder = system_folder
        self._digests = digests or {}

    def split(self, name: str, folder: Path) -> Split:
        found = self._find_files(folder) or self._fetch(folder)
        part = "t10k" if name == "test" else "train"
        images = self._array(found, f"{part}-images", 3)[:, None]
        labels = self._array(found, f"{part}-labels", 1).astype(np.int64)
        if len(images) != len(labels):
            raise IntegrityError(
                f"{found} has {len(images)} images in {part}-images and {len(labels)} labels in {part}-labels",
                "Remove the folder to fetch it anew.",
            )
        cut = len(labels) - VALIDATION
        rows = {"train": slice(cut), "validation": slice(cut, None), "test": slice(None)}[name]
        return Split(images[rows], labels[rows])

    def status(self, folder: Path) -> str:
        found = self._find_files(folder)
        return f"in {found}" if found else "not here; fetched at first use"

    def is_here(self, folder: Path) -> bool:
        return self._find_files(folder) is not None

    def digests(self) -> dict[str, str]:
        return self._digests

    def _raw(self, folder: Path) -> Path:
        """Where torchvision puts the files under `folder`."""
        return folder / self.torchvision_name / "raw"

    def _find_files(self, folder: Path) -> Path | None:
        """Where the files are, or None."""
        candidates = [self._raw(folder), self.system_folder]
        return next((path for path in candidates if path and _file(path, "t10k-labels", 1)), None)

    def _fetch(self, folder: Path) -> Path:
        from torchvision import datasets

        # torchvision reports its downloads on stdout, where only results belong.
        with contextlib.redirect_stdout(None):
            try:
                getattr(datasets, self.torchvision_name)(str(folder), download=True)
            except (OSError, RuntimeError, EOFError, zlib.error) as error:
                raise IntegrityError(
                    f"{self.torchvision_name} is not here and could not be fetched: {_reason(error)}",
                    f"Put its four IDX files ({', '.join(FILES)}, as they are or as .gz) into {self._raw(folder)}.",
                ) from error
        return self._raw(folder)

    def _array(self, folder: Path, key: str, dimensions: int) -> NDArray[np.uint8]:
        file = _file(folder, key, dimensions)
        if file is None:
            raise IntegrityError(
                f"{folder} has no file {key}-idx{dimensions}-ubyte", "Remove the folder to fetch it anew."
            )
        array = read_idx(file, dimensions)
        if key in self._digests:
            check_digest(array, self._digests[key], str(file))
        return array


def fashion_mnist() -> IDXDataset:
    """Fashion-MNIST (Xiao, Rasul, Vollgraf 2017); also taken from Debian's package dataset-fashion-mnist."""
    return IDXDataset("FashionMNIST", "MIT", FASHION_SYSTEM_FOLDER, FASHION_DIGESTS)


def kmnist() -> IDXDataset:
    """Kuzushiji-MNIST (Clanuwat et al. 2018)."""
    return IDXDataset("KMNIST", "CC BY-SA 4.0")


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


def _reason(error: Exception) -> str:
    """Why nothing came, in a line: torchvision says in its first which file, and beneath what each mirror answered."""
    first, *rest = str(error).splitlines() or [type(error).__name__]
    answers = dict.fromkeys(line for line in rest if line and not line.startswith("Tried "))
    return f"{first.rstrip(': ')}: {'; '.join(answers)}" if answers else first


def _file(folder: Path, key: str, dimensions: int) -> Path | None:
    names = [f"{key}-idx{dimensions}-ubyte", f"{key}-idx{dimensions}-ubyte.gz"]
    return next((folder / name for name in names if (folder / name).exists()), None)
