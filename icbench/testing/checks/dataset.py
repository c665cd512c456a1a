"""Checks of a dataset. What needs its images is skipped for one that is fetched, unless `ICBENCH_CHECK_FETCHED=1`."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import numpy as np

from icbench.errors import MissingDataError
from icbench.kinds.dataset import (
    PREPROCESSING,
    SPLITS,
    Split,
    arrangement_fault,
    class_names_fault,
    classes_fault,
    images_fault,
    labels_fault,
)
from icbench.running.datasets import data_folder
from icbench.testing.assertions import Lacking, Skipped, expect
from icbench.testing.subject import Check, Subject

FETCHED_VARIABLE = "ICBENCH_CHECK_FETCHED"
SAMPLED = 200
OVERLAP = 0.1
"""The share of a split's images that may also be in train: some collections repeat a few images."""


def facts_are_declared(subject: Subject) -> None:
    """num_classes is 2 or more, classes have names or none has, the licence is named, other facts fit their kinds."""
    count, licence = (getattr(subject.component, name, None) for name in ("num_classes", "licence"))
    _expect_none(classes_fault(count))
    expect(isinstance(licence, str) and licence.strip(), f"licence is {licence!r}, not the name of one")
    _expect_none(class_names_fault(subject.component.class_names, subject.component.num_classes))
    for name in ("source", "citation"):
        text = getattr(subject.component, name)
        expect(isinstance(text, str) and "\n" not in text, f"{name} is {text!r}, not a line of text")
    preprocessing = subject.component.preprocessing
    expect(preprocessing in PREPROCESSING, f"preprocessing is {preprocessing!r}, not one of {', '.join(PREPROCESSING)}")


def status_is_told(subject: Subject) -> None:
    """`status` says in a few words, on one line, where the data is."""
    with TemporaryDirectory() as folder:
        status = subject.component.status(Path(folder))
    expect(isinstance(status, str) and status.strip() and "\n" not in status, f"status is {status!r}")


def status_fetches_nothing(subject: Subject) -> None:
    """`status` and `digests` leave an empty folder empty and call no server."""
    with TemporaryDirectory() as folder, _no_network("asking for the status"):
        subject.component.status(Path(folder))
        subject.component.digests()
        left = [path.name for path in Path(folder).iterdir()]
        expect(not left, f"asking for the status leaves {', '.join(left)} in the data folder")


def digests_are_sha256(subject: Subject) -> None:
    """`digests` maps names of arrays to SHA-256 digests, if any are known."""
    for name, digest in subject.component.digests().items():
        sound = isinstance(digest, str) and len(digest) == 64 and not digest.strip("0123456789abcdef")
        expect(sound, f"the digest of {name} is {digest!r}, not 64 hexadecimal digits")


def splits_are_complete(subject: Subject) -> None:
    """There are splits train, validation and test, each with a label for each of its images."""
    for name, split in _splits(subject).items():
        _expect_none(arrangement_fault(split), name)


def images_are_bytes(subject: Subject) -> None:
    """Images are uint8 and use its range."""
    for name, split in _splits(subject).items():
        _expect_none(images_fault(split.images), name)
        highest = split.images.max()
        expect(highest > 1, f"the brightest pixel of {name} is {highest}: images go from 0 to 255, not to 1")


def images_have_one_shape(subject: Subject) -> None:
    """Images are (C, H, W) alike in all splits."""
    shapes = {name: split.images.shape[1:] for name, split in _splits(subject).items()}
    expect(len({*shapes.values()}) == 1, f"shapes differ: {shapes}")


def labels_are_in_range(subject: Subject) -> None:
    """Labels are int64 in [0, num_classes)."""
    count = subject.component.num_classes
    for name, split in _splits(subject).items():
        _expect_none(labels_fault(split.labels, count), name)
        expect(split.labels.dtype == np.int64, f"labels of {name} are {split.labels.dtype}, not int64")


def every_class_can_be_learned(subject: Subject) -> None:
    """Every class has images in train."""
    missing = {*range(subject.component.num_classes)} - {*_splits(subject)["train"].labels.tolist()}
    expect(not missing, f"train has no image of class {', '.join(map(str, sorted(missing)))}")


def splits_are_the_same_every_time(subject: Subject) -> None:
    """A split read again has the same images and labels, and so the same digest."""
    with _folder(subject) as folder:
        again = subject.build()
        for name, split in _splits(subject).items():
            repeated = again.split(name, folder)
            same = np.array_equal(repeated.images, split.images) and np.array_equal(repeated.labels, split.labels)
            expect(same, f"{name}, read again, has other images or labels")
            expect(repeated.digest == split.digest, f"{name}, read again, has another digest")


def splits_are_apart(subject: Subject) -> None:
    """The images of validation and test are not those of train, nor of each other."""
    splits = {name: split.images for name, split in _splits(subject).items()}
    for first, second in (("test", "train"), ("validation", "train"), ("test", "validation")):
        known = {image.tobytes() for image in splits[second]}
        sample = splits[first][:: max(1, len(splits[first]) // SAMPLED)]
        shared = sum(image.tobytes() in known for image in sample) / len(sample)
        expect(shared <= OVERLAP, f"{shared:.0%} of the images of {first} are also in {second}")


def bundled_data_is_in_the_package(subject: Subject) -> None:
    """A bundled dataset reads nothing from the data folder, writes nothing there, and calls no server."""
    if not subject.has("bundled"):
        raise Skipped("it does not declare bundled")
    with TemporaryDirectory() as folder, _no_network("reading it"):
        subject.build().split("test", Path(folder))
        left = [path.name for path in Path(folder).iterdir()]
        expect(not left, f"reading it leaves {', '.join(left)} in the data folder")


GATES: tuple[Check, ...] = (facts_are_declared, status_is_told, splits_are_complete)
CHECKS: tuple[Check, ...] = (
    status_fetches_nothing,
    digests_are_sha256,
    images_are_bytes,
    images_have_one_shape,
    labels_are_in_range,
    every_class_can_be_learned,
    splits_are_the_same_every_time,
    splits_are_apart,
    bundled_data_is_in_the_package,
)


def _expect_none(fault: str, split: str = "") -> None:
    expect(not fault, f"split {split}: {fault}" if split else fault)


def _splits(subject: Subject) -> dict[str, Split]:
    if subject.has("fetched") and os.environ.get(FETCHED_VARIABLE, "0") in ("", "0"):
        raise Skipped(f"its data is fetched; {FETCHED_VARIABLE}=1 has it fetched and checked")
    return subject.share(_read)


def _read(subject: Subject) -> dict[str, Split]:
    with _folder(subject) as folder, _lacking():
        return {name: subject.component.split(name, folder) for name in SPLITS}


@contextmanager
def _lacking() -> Iterator[None]:
    """Say that nothing can be known of images that another package has."""
    try:
        yield
    except MissingDataError as error:
        raise Lacking(error.line) from None


@contextmanager
def _folder(subject: Subject) -> Iterator[Path]:
    """Where its data is: the user's own data folder if it is fetched, so that it is fetched once."""
    if subject.has("fetched"):
        yield data_folder()
        return
    with TemporaryDirectory() as folder:
        yield Path(folder)


@contextmanager
def _no_network(what: str) -> Iterator[None]:
    """Refuse connections. Remembered besides, because the component may catch what refuses it."""
    called: list[Any] = []

    def refuse(_: socket.socket, address: Any) -> None:
        called.append(address)
        raise OSError("no connection is made while a component is checked")

    with mock.patch.object(socket.socket, "connect", refuse):
        yield
    expect(not called, f"{what} connects to {called[:1]}")
