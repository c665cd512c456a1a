"""One's own images: a folder with a folder of image files for each class."""

import hashlib
import io
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from icbench.errors import DataWarning, MissingDataError, UsageError
from icbench.kinds.dataset import Dataset, Split
from icbench.storage import reason

if TYPE_CHECKING:
    from icbench.images.preprocessing import Preprocessing
    from icbench.images.reading import Picture

LARGEST = 256
"""The most pixels of a side; larger images have to be made smaller by `size`."""
NAMED = 5
"""How many files a warning names."""


@dataclass(frozen=True)
class _File:
    """An image file and the number of its class."""

    path: Path
    label: int


@dataclass(frozen=True)
class _Image:
    """An image of a folder.

    Args:
        name: of its file, as messages have it.
        label: the number of its class.
        digest: the SHA-256 of its file.
        split: what its digest says it belongs to.
        picture: its pixels, as in the file.
    """

    name: str
    label: int
    digest: str
    split: str
    picture: "Picture"


class ImageFolder(Dataset):
    """Images of one's own: a folder with a folder of image files for each class, which is called like it.

    An image belongs to a split by the digest of its file, so that it stays there whatever is added; the order of a
    split is that of the digests. Files that cannot be read are named and left out.

    Args:
        path: the folder.
        size: height and width that all images are brought to; 0 takes those of the first image for all.
        channels: 1 or 3; 0 takes those of the first image for all.
        validation, test: the shares of the images that are held out.

    Raises:
        MissingDataError: no folder is named.
        UsageError: the folder is not one of two or more folders of images.
    """

    licence = "as its owner says"
    source = "a folder of one's own"

    def __init__(
        self, path: str = "", size: int = 0, channels: int = 0, validation: float = 0.15, test: float = 0.15
    ) -> None:
        if not path:
            raise MissingDataError("image-folder has no folder to read", "Name it: image-folder:path=DIR.")
        if validation + test >= 1:
            raise UsageError(
                f"validation={validation} and test={test} leave no images to train on", "Together they are below 1."
            )
        self.root, self.size, self.channels = Path(path), size, channels
        self.shares = {"test": test, "validation": validation}
        self.class_names = tuple(_class_names(self.root))
        self.num_classes = len(self.class_names)
        self._files = [_File(file, n) for n, name in enumerate(self.class_names) for file in _files(self.root, name)]

    def split(self, name: str, folder: Path) -> Split:
        """The images whose content says that they are of this split.

        Raises:
            UsageError: there are none, or none to train on of some class.
        """
        pixels = self._pixels
        rows = [row for row, one in enumerate(self._images) if one.split == name]
        labels = np.array([self._images[row].label for row in rows], np.int64)
        missing = sorted({*range(self.num_classes)} - {*labels.tolist()}) if name == "train" else []
        if missing or not rows:
            raise UsageError(
                f"{self.root} has no {name} images" + (f" of class {self.class_names[missing[0]]}" if missing else ""),
                f"Of its {len(self._images)} images each is of the split that its content says; add some.",
            )
        return Split(np.stack([pixels[row] for row in rows]), labels)

    def status(self, folder: Path) -> str:
        return f"in {self.root}"

    def digests(self) -> dict[str, str]:
        content = sorted((one.label, one.digest) for one in self._images)
        return {"all files": hashlib.sha256(repr((self.class_names, content)).encode()).hexdigest()}

    @cached_property
    def _pixels(self) -> list[NDArray[np.uint8]]:
        """All images as (C, H, W)."""
        from icbench.images.preprocessing import Preprocessing

        shape, how = self._shape, Preprocessing("resize" if self.size else "none")
        pixels = [_bytes_of(one.picture, shape, how) for one in self._images]
        _warn_of_repeated(self._images, pixels)
        return pixels

    @cached_property
    def _images(self) -> list[_Image]:
        """All images that can be read, in the order of their digests."""
        found, unreadable = [], []
        for file in self._files:
            try:
                found.append(self._read(file))
            except _UnreadableError as error:
                unreadable.append(str(error))
        if unreadable:
            _warn(f"{_count(unreadable, 'file')} in {self.root} cannot be read and are left out", unreadable)
        for label, name in enumerate(self.class_names):
            if not any(one.label == label for one in found):
                raise UsageError(f"class {name} of {self.root} has no images", "Add some, or remove its folder.")
        return sorted(found, key=lambda one: (one.digest, one.name))

    def _read(self, file: _File) -> _Image:
        # Listing datasets does not need what reads images.
        from icbench.images.reading import DEEP, read_stream

        name = f"{self.root.name or self.root}/{file.path.relative_to(self.root).as_posix()}"
        try:
            content = file.path.read_bytes()
        except OSError as error:
            raise _UnreadableError(f"{name}: {reason(error)}") from None
        try:
            picture = read_stream(io.BytesIO(content), name)
        except UsageError as error:
            raise _UnreadableError(error.message) from None
        if picture.mode in DEEP:
            raise UsageError(
                f"{name} has pixels of kind {picture.mode}, and 8 bits a channel are read", "Save it with 8 bits."
            )
        digest = hashlib.sha256(content).hexdigest()
        return _Image(name, file.label, digest, self._split_of(digest), picture)

    def _split_of(self, digest: str) -> str:
        place, upto = int(digest[:16], 16) / 2**64, 0.0
        for name, share in self.shares.items():
            upto += share
            if place < upto:
                return name
        return "train"

    @property
    def _shape(self) -> tuple[int, int, int]:
        """(C, H, W) of all images: as asked for, or as the first file has it, if all others have it too."""
        images = sorted(self._images, key=lambda one: one.name)
        channels = self.channels or self._shared(images, "channels", slice(2, 3))[0]
        if self.size:
            return channels, self.size, self.size
        large = next((one for one in images if max(one.picture.size) > LARGEST), None)
        if large:
            width, height = large.picture.size
            raise UsageError(
                f"{large.name} has {width} x {height} pixels, and images have {LARGEST} a side at most",
                "Say how large to make all of them, such as size=32.",
            )
        height, width = self._shared(images, "size", slice(0, 2))
        return channels, height, width

    def _shared(self, images: Sequence[_Image], what: str, part: slice) -> tuple[int, ...]:
        """The part of (H, W, C) that all images share."""
        values = [one.picture.levels.shape[part] for one in images]
        other = next((number for number, value in enumerate(values) if value != values[0]), None)
        if other is None:
            return values[0]
        told = " and ".join(f"{images[n].name} {_told(values[n])}" for n in (0, other))
        raise UsageError(f"the images of {self.root} differ in {what}: {told}", f"Say {FOR_ALL[what]} for all of them.")


FOR_ALL = {"size": "size=32 or the like", "channels": "channels=1 or channels=3"}


class _UnreadableError(Exception):
    """A file that is left out, and why."""


def _told(value: tuple[int, ...]) -> str:
    """A width and height, or a number of channels."""
    return "(" + " x ".join(map(str, reversed(value))) + ")"


def _class_names(root: Path) -> list[str]:
    """The names of a folder's folders of images."""
    try:
        entries = [entry for entry in _entries(root) if entry.is_dir()]
    except OSError as error:
        raise UsageError(f"{root} cannot be read: {reason(error)}", "Name a folder: path=DIR.") from None
    names = [entry.name for entry in entries]
    if len(names) > 1:
        return names
    raise UsageError(
        f"{root} has " + (f"one folder, {names[0]}," if names else "no folders") + " and a class is a folder of images",
        "Put the images of each class into a folder that is called like it; there are two classes or more.",
    )


def _files(root: Path, name: str) -> list[Path]:
    """The files of a class, those in folders within its folder included."""
    _check_link(root, root / name)
    try:
        files = [path for path in _walk(root, root / name) if path.is_file()]
    except OSError as error:
        raise UsageError(f"{root / name} cannot be read: {reason(error)}", "Make its folders readable.") from None
    if not files:
        raise UsageError(f"class {name} of {root} has no images", "Add some, or remove its folder.")
    return files


def _walk(root: Path, folder: Path) -> Iterator[Path]:
    for entry in _entries(folder):
        _check_link(root, entry)
        yield from _walk(root, entry) if entry.is_dir() else [entry]


def _entries(folder: Path) -> list[Path]:
    """What is in a folder by name; hidden files, which systems leave there, are none of it."""
    found = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    odd = next((entry.name for entry in found if not entry.name.isprintable()), None)
    if odd is not None:
        raise UsageError(f"{folder} has a file whose name is no line of text: {odd!a}", "Give it another name.")
    return found


def _check_link(root: Path, entry: Path) -> None:
    """Refuse symbolic links to folders, and to what is not in the folder of images.

    Raises:
        UsageError: it is one.
    """
    if entry.is_symlink() and (entry.is_dir() or not entry.resolve().is_relative_to(root.resolve())):
        raise UsageError(
            f"{entry} is a symbolic link to {entry.readlink()}, and images lie in the folder itself",
            "Put the images there in its place.",
        )


def _bytes_of(picture: "Picture", shape: tuple[int, int, int], how: "Preprocessing") -> NDArray[np.uint8]:
    from icbench.images.preprocessing import preprocess

    pixels: NDArray[np.uint8] = (255 * preprocess(picture, shape, how).pixels).round().astype(np.uint8)
    return pixels


def _warn_of_repeated(images: Sequence[_Image], pixels: Sequence[NDArray[np.uint8]]) -> None:
    """Name images that are in two splits or two classes, which makes results better or worse than they are."""
    alike = defaultdict(list)
    for one, array in zip(images, pixels, strict=True):
        alike[array.tobytes()].append(one)
    for what, field in (("splits", "split"), ("classes", "label")):
        groups = [group for group in alike.values() if len({getattr(one, field) for one in group}) > 1]
        told = [" = ".join(f"{one.name} ({one.split})" for one in group) for group in groups]
        if told:
            _warn(f"{_count(told, 'image')} {'is' if len(told) == 1 else 'are'} in several {what}", told)


def _count(found: Sequence[str], what: str) -> str:
    return f"{len(found)} {what}{'' if len(found) == 1 else 's'}"


def _warn(message: str, found: Sequence[str]) -> None:
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    warnings.warn(f"{message}: {'; '.join(found[:NAMED])}{more}", DataWarning, stacklevel=2)
