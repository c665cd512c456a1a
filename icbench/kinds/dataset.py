"""What a dataset is: named splits of images and labels, with a digest of their content."""

import hashlib
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

DATA_VARIABLE = "ICBENCH_DATA"
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Images and their labels.

    Args:
        images: (N, C, H, W) uint8.
        labels: (N,) integers in [0, K).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the images and then the labels, with their shapes."""
        digest = hashlib.sha256(f"{self.images.shape} {self.labels.shape}".encode())
        digest.update(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()


class Dataset(ABC):
    """Named images with train, validation and test splits."""

    num_classes: int
    licence: str

    @abstractmethod
    def split(self, name: str, folder: Path) -> Split:
        """The split called `name`.

        Args:
            name: "train", "validation" or "test".
            folder: where fetched data is kept; a bundled dataset ignores it.

        Raises:
            IntegrityError: a file is missing, unreadable or not the expected one.
        """

    @abstractmethod
    def status(self, folder: Path) -> str:
        """Where the data is, or how it can be had, in a few words. Must not fetch anything."""

    def digests(self) -> dict[str, str]:
        """The SHA-256 of each array that is checked when it is read, by the array's name; empty if none are known."""
        return {}


def data_folder(chosen: Path | None = None) -> Path:
    """Where fetched data is kept: the folder chosen, or `ICBENCH_DATA`, or the platform's cache folder."""
    return chosen or Path(os.environ.get(DATA_VARIABLE) or platformdirs.user_cache_dir("icbench"))
