"""What a dataset is: named splits of images and labels, with a digest of their content."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "validation", "test")
PREPROCESSING = ("mnist", "resize", "none")
"""What there is to bring pictures to the form of a dataset's images: see `icbench.images.preprocessing`."""


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


@dataclass(frozen=True)
class DataShape:
    """What a generator has to know of a dataset to be built.

    Args:
        num_classes: K.
        image_shape: (C, H, W).
    """

    num_classes: int
    image_shape: tuple[int, int, int]

    @classmethod
    def of(cls, split: Split, num_classes: int) -> Self:
        """That of a split's images (N, C, H, W) of K classes."""
        channels, height, width = split.images.shape[1:]
        return cls(num_classes, (channels, height, width))

    @property
    def pixels(self) -> int:
        """C * H * W."""
        return prod(self.image_shape)


def arrangement_fault(split: Any) -> str:
    """Why something is no split of images (N, C, H, W) and labels (N,), N above 0; empty if it is one."""
    if not isinstance(split, Split):
        return f"it is {_kind_of(split)}, not an icbench.kinds.dataset.Split"
    for name, array in (("images", split.images), ("labels", split.labels)):
        if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
            return f"its {name} are {_kind_of(array)}, not a numpy array"
    images, labels = split.images.shape, split.labels.shape
    if len(images) != 4 or 0 in images[1:]:
        return f"its images have shape {images}, not (N, C, H, W)"
    if len(labels) != 1:
        return f"its labels have shape {labels}, not (N,)"
    if images[0] != labels[0]:
        return f"it has {images[0]} images and {labels[0]} labels"
    return "" if images[0] else "it has no images"


def images_fault(images: NDArray[Any]) -> str:
    """Why images are not bytes; empty if they are."""
    return "" if images.dtype == np.uint8 else f"its images are {images.dtype}, not uint8 from 0 to 255"


def labels_fault(labels: NDArray[Any], num_classes: int) -> str:
    """Why labels (N,) are no integers in [0, K) for K classes; empty if they are."""
    if not np.issubdtype(labels.dtype, np.integer):
        return f"its labels are {labels.dtype}, not integers"
    low, high = labels.min(), labels.max()
    if low < 0 or high >= num_classes:
        return f"its labels go from {low} to {high}, and {num_classes} classes are numbered from 0 to {num_classes - 1}"
    return ""


def classes_fault(num_classes: Any) -> str:
    """Why something is no number of classes; empty if it is one."""
    sound = type(num_classes) is int and num_classes >= 2
    return "" if sound else f"num_classes is {num_classes!r}, not an integer of 2 or more"


def class_names_fault(class_names: Any, num_classes: int) -> str:
    """Why something does not name K classes; empty if it does, or names none."""
    if not isinstance(class_names, tuple) or not all(isinstance(name, str) for name in class_names):
        return f"class_names are {class_names!r}, not a tuple of texts"
    if len(class_names) not in (0, num_classes):
        return f"class_names are {len(class_names)}, and there are {num_classes} classes"
    if wrong := [name for name in class_names if not name.strip() or not name.isprintable()]:
        return f"the class name {wrong[0]!r} is not one line of text"
    twice = [name for name in class_names if class_names.count(name) > 1]
    return f"two classes are called {twice[0]!r}" if twice else ""


def split_fault(split: Any, num_classes: Any) -> str:
    """What is wrong with what a dataset of K classes returned as a split; empty if nothing is."""
    return (
        classes_fault(num_classes)
        or arrangement_fault(split)
        or images_fault(split.images)
        or labels_fault(split.labels, num_classes)
    )


def _kind_of(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


class Dataset(ABC):
    """Named images with train, validation and test splits."""

    num_classes: int
    """K, how many classes there are, 2 or more."""
    licence: str
    """What its images may be used under, by name."""
    class_names: tuple[str, ...] = ()
    """What each class is called, in the order of the labels; empty where the numbers say it, as of digits."""
    source: str = ""
    """Where the images come from: an address, or who made them; empty if nobody says."""
    citation: str = ""
    """What to cite, in a line; empty if there is nothing."""
    light_on_dark: bool = False
    """Whether images are light on dark, as MNIST's digits: pictures of results show them dark on light, as printed."""
    preprocessing: str = "resize"
    """What `icbench invert` does to any picture to make it like these images, one of `PREPROCESSING`."""

    @abstractmethod
    def split(self, name: str, folder: Path) -> Split:
        """The split called `name`.

        What it returns is checked when it is loaded (`icbench.running.datasets`); integer labels of other types
        become int64.

        Args:
            name: "train", "validation" or "test".
            folder: where fetched data is kept; a bundled dataset ignores it.

        Raises:
            IntegrityError: a file is missing, unreadable or not the expected one.
        """

    @abstractmethod
    def status(self, folder: Path) -> str:
        """Where the data is, or how it can be had, in a few words. Must not fetch anything."""

    def is_here(self, folder: Path) -> bool:
        """Whether `split` would find the data without fetching any. The default is for data that always is."""
        return True

    def digests(self) -> dict[str, str]:
        """The SHA-256 of each array that is checked when it is read, by the array's name; empty if none are known."""
        return {}
