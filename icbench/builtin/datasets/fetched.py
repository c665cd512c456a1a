"""Datasets that torchvision fetches, or that are here already."""

import contextlib
import hashlib
import tempfile
import zlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icbench.builtin.datasets.idx import find_idx, read_idx
from icbench.builtin.datasets.mnist import check_digest
from icbench.builtin.datasets.parts import part_of, take_split
from icbench.errors import IntegrityError
from icbench.kinds.dataset import Dataset, Split
from icbench.storage import TEMPORARY_PREFIX

SYSTEM_FOLDER = Path("/usr/share/datasets")
"""Where packages of a system put data, each set in a folder of its name."""
IDX_ARRAYS = (("images", 3), ("labels", 1))
"""What the files of a part hold, and of how many dimensions."""
READING_ERRORS = (OSError, RuntimeError, EOFError, ValueError, zlib.error)
"""What torchvision and the readers beneath it raise where files or a network are not as they should be."""


@dataclass(frozen=True)
class Facts:
    """What is known of a dataset before any of it is here.

    Args:
        name: of the dataset, and so of a folder with its files.
        torchvision: the class in `torchvision.datasets` that fetches it.
        num_classes: K.
        licence, source, citation, class_names, light_on_dark: as of every dataset.
        options: what its class in torchvision is called with, by part.
    """

    name: str
    torchvision: str
    num_classes: int
    licence: str
    source: str
    citation: str
    class_names: tuple[str, ...] = ()
    light_on_dark: bool = False
    options: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: {"train": {"train": True}, "test": {"train": False}}
    )


class FetchedDataset(Dataset):
    """A dataset of a training and a test part, fetched by a class of torchvision when it is not here.

    The folder of fetched data is what torchvision calls `root`: data that it fetched before is found there. Validation
    is the last sixth of the training part.

    Args:
        facts: what is known of it.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.num_classes, self.class_names = facts.num_classes, facts.class_names
        self.licence, self.source, self.citation = facts.licence, facts.source, facts.citation
        self.light_on_dark = facts.light_on_dark

    def split(self, name: str, folder: Path) -> Split:
        found = self._find(folder)
        if found is None:
            self._fetch(folder)
            found = self._find(folder)
        if found is None:
            raise IntegrityError(
                f"{self.facts.name} was fetched into {folder} and is not there", f"It needs {self._needs(folder)}."
            )
        return take_split(name, self._part(found, part_of(name)))

    def status(self, folder: Path) -> str:
        found = self._find(folder)
        return f"in {found}" if found else "not here; fetched at first use"

    def is_here(self, folder: Path) -> bool:
        return self._find(folder) is not None

    @abstractmethod
    def _find(self, folder: Path) -> Path | None:
        """Where the files are, or None."""

    @abstractmethod
    def _part(self, found: Path, part: str) -> Split:
        """The part "train" or "test" of files that are here."""

    @abstractmethod
    def _needs(self, folder: Path) -> str:
        """Which files have to be where, in a phrase."""

    def _fetch(self, folder: Path) -> None:
        """Fetch all that is needed: torchvision compares checksums, and what fails leaves nothing behind."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # What is damaged must never be where data is looked for.
            with tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=folder) as temporary:
                for part in ("train", "test"):
                    self._call_torchvision(Path(temporary), part, download=True)
                _move_files(Path(temporary), folder)
        except READING_ERRORS as error:
            raise IntegrityError(
                f"{self.facts.name} is not here and could not be fetched: {_in_a_line(error)}",
                f"Put {self._needs(folder)}.",
            ) from error

    def _call_torchvision(self, root: Path, part: str, download: bool = False) -> Any:
        from torchvision import datasets

        # torchvision reports its downloads on stdout, where only results belong.
        with contextlib.redirect_stdout(None):
            return getattr(datasets, self.facts.torchvision)(str(root), **self.facts.options[part], download=download)


class IDXDataset(FetchedDataset):
    """A dataset in the four IDX files of MNIST.

    They are looked for where torchvision puts them, in a folder of the dataset's name beneath that of fetched data, and
    where a system's package puts them.

    Args:
        facts: what is known of it.
        files: how the names of the files begin, by part.
        digests: SHA-256 of each array's bytes, where they are known.
        first_label: the number of the first class in the files.
        transposed: whether the files have each image's columns for rows.
    """

    def __init__(
        self,
        facts: Facts,
        files: Mapping[str, str],
        digests: Mapping[str, str] | None = None,
        first_label: int = 0,
        transposed: bool = False,
    ) -> None:
        super().__init__(facts)
        self.files, self.first_label, self.transposed = files, first_label, transposed
        self._digests = dict(digests or {})

    def digests(self) -> dict[str, str]:
        return self._digests

    def _find(self, folder: Path) -> Path | None:
        places = (self._raw(folder), folder / self.facts.name, SYSTEM_FOLDER / self.facts.name)
        return next((place for place in places if all(find_idx(place, *key) for key in self._keys())), None)

    def _part(self, found: Path, part: str) -> Split:
        images_of, labels_of = (f"{self.files[part]}-{what}" for what in ("images", "labels"))
        images, labels = self._array(found, images_of, 3), self._array(found, labels_of, 1)
        if len(images) != len(labels):
            raise IntegrityError(
                f"{found} has {len(images)} images in {images_of} and {len(labels)} labels in {labels_of}",
                "Remove the folder to fetch it anew.",
            )
        images = images.transpose(0, 2, 1) if self.transposed else images
        return Split(images[:, None], labels.astype(np.int64) - self.first_label)

    def _needs(self, folder: Path) -> str:
        files = ", ".join(f"{key}-idx{dimensions}-ubyte" for key, dimensions in self._keys())
        return f"its IDX files ({files}, as they are or as .gz) into {self._raw(folder)}"

    def _keys(self) -> list[tuple[str, int]]:
        """The keys of its files and how many dimensions their arrays have."""
        return [(f"{begin}-{what}", number) for begin in self.files.values() for what, number in IDX_ARRAYS]

    def _raw(self, folder: Path) -> Path:
        """Where torchvision puts the files under `folder`."""
        return folder / self.facts.torchvision / "raw"

    def _array(self, folder: Path, key: str, dimensions: int) -> NDArray[np.uint8]:
        file = find_idx(folder, key, dimensions)
        if file is None:
            raise IntegrityError(
                f"{folder} has no file {key}-idx{dimensions}-ubyte", "Remove the folder to fetch it anew."
            )
        array = read_idx(file, dimensions)
        if key in self._digests:
            check_digest(array, self._digests[key], str(file))
        return array


class TorchvisionDataset(FetchedDataset):
    """A dataset in files that torchvision reads, and whose checksums it knows.

    Args:
        facts: what is known of it.
        files: the names that torchvision gives them.
        labels: the attribute that torchvision keeps labels in.
        channels_last: whether torchvision keeps images (N, H, W, C), and not (N, C, H, W); grey ones are (N, H, W).
    """

    def __init__(
        self, facts: Facts, files: Sequence[str], labels: str = "targets", channels_last: bool = False
    ) -> None:
        super().__init__(facts)
        self.files, self.labels, self.channels_last = files, labels, channels_last

    def _find(self, folder: Path) -> Path | None:
        places = (folder, folder / self.facts.name, SYSTEM_FOLDER / self.facts.name)
        return next((place for place in places if all((place / name).is_file() for name in self.files)), None)

    def _part(self, found: Path, part: str) -> Split:
        try:
            self._check_listed(found, part)
            data = self._call_torchvision(found, part)
        except READING_ERRORS as error:
            raise IntegrityError(
                f"{self.facts.name} in {found} cannot be read: {_in_a_line(error)}",
                f"Remove its files to fetch them anew: {', '.join(self.files)}.",
            ) from error
        images, labels = np.asarray(data.data), np.asarray(getattr(data, self.labels))
        if images.ndim == 3:
            images = images[:, None]
        elif self.channels_last:
            images = images.transpose(0, 3, 1, 2)
        return Split(np.ascontiguousarray(images), labels.astype(np.int64))

    def _check_listed(self, found: Path, part: str) -> None:
        """Compare the checksum of a part's one file, which not all classes of torchvision do where it is here."""
        from torchvision import datasets

        listed = getattr(getattr(datasets, self.facts.torchvision), "split_list", {})
        if part in listed:
            _, name, expected = listed[part]
            digest = hashlib.md5((found / name).read_bytes(), usedforsecurity=False).hexdigest()
            if digest != expected:
                raise ValueError(f"{name} has MD5 {digest}, expected {expected}")

    def _needs(self, folder: Path) -> str:
        return f"its files ({', '.join(self.files)}) into {folder}"


def _move_files(source: Path, target: Path) -> None:
    """Move all files beneath a folder to the same places beneath another."""
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)


def _in_a_line(error: Exception) -> str:
    """Why nothing came, in a line: torchvision says in its first which file, and beneath what each mirror answered."""
    first, *rest = str(error).splitlines() or [type(error).__name__]
    answers = dict.fromkeys(line for line in rest if line and not line.startswith("Tried "))
    return f"{first.rstrip(': ')}: {'; '.join(answers)}" if answers else first
