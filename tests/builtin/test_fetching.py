"""Datasets are fetched whole or not at all: from stand-ins of their files, served from this very machine."""

import bz2
import gc
import gzip
import hashlib
import http.server
import io
import pickle
import struct
import tarfile
import threading
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from torchvision import datasets

from icbench.builtin.datasets import catalogue
from icbench.builtin.datasets.fetched import SYSTEM_FOLDER
from icbench.errors import IntegrityError

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

TRAIN, TEST = 12, 5
HELD_OUT = TRAIN // 6
DATA = Path("data")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder that is served, and the address that it is served at."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *given: _Quiet(*given, directory=str(folder))
    ) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
    # What torchvision leaves open of an answer that is an error closes here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(autouse=True)
def _no_system_copy(monkeypatch):
    monkeypatch.setattr("icbench.builtin.datasets.fetched.SYSTEM_FOLDER", Path("no system"))


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def pictures(count, *shape):
    return np.random.default_rng(count).integers(0, 256, (count, *shape), np.uint8)


def labels(count, classes=10):
    return np.arange(count) % classes


def idx(array):
    """An array as a gzipped IDX file."""
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes())


def serve_idx(folder, address, monkeypatch, name):
    files = {}
    for part, count in (("train", TRAIN), ("t10k", TEST)):
        files[f"{part}-images-idx3-ubyte.gz"] = idx(pictures(count, 28, 28))
        files[f"{part}-labels-idx1-ubyte.gz"] = idx(labels(count))
    monkeypatch.setattr(getattr(datasets, name), "mirrors", [f"{address}/"])
    monkeypatch.setattr(getattr(datasets, name), "resources", [(file, md5(content)) for file, content in files.items()])
    return files


def serve_fashion_mnist(folder, address, monkeypatch):
    monkeypatch.setattr(catalogue, "FASHION_DIGESTS", {})
    return serve_idx(folder, address, monkeypatch, "FashionMNIST")


def serve_kmnist(folder, address, monkeypatch):
    return serve_idx(folder, address, monkeypatch, "KMNIST")


def serve_emnist(folder, address, monkeypatch):
    """The published archive has columns for rows, and letters are numbered from 1."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for part, first in (("balanced", 0), ("letters", 1), ("digits", 0)):
            for half, count in (("train", TRAIN), ("test", TEST)):
                begin = f"gzip/emnist-{part}-{half}"
                archive.writestr(f"{begin}-images-idx3-ubyte.gz", idx(pictures(count, 28, 28).transpose(0, 2, 1)))
                archive.writestr(f"{begin}-labels-idx1-ubyte.gz", idx(labels(count) + first))
    monkeypatch.setattr(datasets.EMNIST, "url", f"{address}/gzip.zip")
    monkeypatch.setattr(datasets.EMNIST, "md5", md5(stream.getvalue()))
    return {"gzip.zip": stream.getvalue()}


def serve_listed(address, monkeypatch, name, files):
    """Files of a class of torchvision that has a list of them, by part."""
    listed = {part: [f"{address}/{file}", file, md5(content)] for part, (file, content) in files.items()}
    monkeypatch.setattr(getattr(datasets, name), "split_list", listed)
    return dict(files.values())


def serve_usps(folder, address, monkeypatch):
    """Lines of a label from 1 and 256 values from -1 to 1."""

    def lines(count):
        values = pictures(count, 16, 16).reshape(count, -1) / 127.5 - 1
        rows = (" ".join(f"{n}:{value}" for n, value in enumerate(row, 1)) for row in values)
        text = "\n".join(f"{label + 1} {row}" for label, row in zip(labels(count), rows, strict=True))
        return bz2.compress(text.encode())

    files = {"train": ("usps.bz2", lines(TRAIN)), "test": ("usps.t.bz2", lines(TEST))}
    return serve_listed(address, monkeypatch, "USPS", files)


def serve_svhn(folder, address, monkeypatch):
    """Matrices (32, 32, 3, N), and the label 10 for the digit 0."""

    def matrix(count):
        stream, numbers = io.BytesIO(), labels(count)
        content = {"X": pictures(count, 3, 32, 32).transpose(2, 3, 1, 0), "y": np.where(numbers, numbers, 10)[:, None]}
        scipy.io.savemat(stream, content)
        return stream.getvalue()

    files = {"train": ("train_32x32.mat", matrix(TRAIN)), "test": ("test_32x32.mat", matrix(TEST))}
    return serve_listed(address, monkeypatch, "SVHN", files)


def serve_cifar(address, monkeypatch, name, batches, key, meta):
    """An archive of pickled batches.

    Args:
        batches: by part, the files and how many images are in each.
        key, meta: what batches call labels, and the file and key of the names.
    """
    kind = getattr(datasets, name)
    contents = {}
    for part, files in batches.items():
        known = pictures(TRAIN if part == "train" else TEST, 3, 32, 32).reshape(-1, 3 * 32 * 32)
        numbers, begin = labels(len(known)), 0
        for file, count in files:
            rows = slice(begin, begin + count)
            contents[file] = pickle.dumps({"data": known[rows], key: numbers[rows].tolist()})
            begin += count
        monkeypatch.setattr(kind, f"{part}_list", [[file, md5(contents[file])] for file, _ in files])
    contents[meta[0]] = pickle.dumps({meta[1]: [f"class {number}" for number in range(10)]})
    monkeypatch.setattr(kind, "meta", {"filename": meta[0], "key": meta[1], "md5": md5(contents[meta[0]])})
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for file, content in contents.items():
            member = tarfile.TarInfo(f"{kind.base_folder}/{file}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    monkeypatch.setattr(kind, "url", f"{address}/{kind.filename}")
    monkeypatch.setattr(kind, "tgz_md5", md5(stream.getvalue()))
    return {kind.filename: stream.getvalue()}


def serve_cifar10(folder, address, monkeypatch):
    batches = {"train": [(f"data_batch_{number}", n) for number, n in enumerate((3, 3, 2, 2, 2), 1)]}
    batches["test"] = [("test_batch", TEST)]
    return serve_cifar(address, monkeypatch, "CIFAR10", batches, "labels", ("batches.meta", "label_names"))


def serve_cifar100(folder, address, monkeypatch):
    batches = {"train": [("train", TRAIN)], "test": [("test", TEST)]}
    return serve_cifar(address, monkeypatch, "CIFAR100", batches, "fine_labels", ("meta", "fine_label_names"))


SERVED = {
    catalogue.fashion_mnist: (serve_fashion_mnist, (1, 28, 28)),
    catalogue.kmnist: (serve_kmnist, (1, 28, 28)),
    catalogue.emnist: (serve_emnist, (1, 28, 28)),
    catalogue.usps: (serve_usps, (1, 16, 16)),
    catalogue.svhn: (serve_svhn, (3, 32, 32)),
    catalogue.cifar10: (serve_cifar10, (3, 32, 32)),
    catalogue.cifar100: (serve_cifar100, (3, 32, 32)),
}


@pytest.fixture(params=SERVED, ids=lambda make: make.__name__)
def dataset(request, served, monkeypatch):
    """A dataset, the files that are served for it by name, their folder, and the shape of its images."""
    folder, address = served
    serve, shape = SERVED[request.param]
    files = serve(folder, address, monkeypatch)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return request.param(), files, folder, shape


def left_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_dataset_is_fetched_when_it_is_first_used_and_then_is_here(dataset, capsys):
    made, files, folder, shape = dataset
    assert made.status(DATA) == "not here; fetched at first use"
    splits = {name: made.split(name, DATA) for name in ("train", "validation", "test")}
    assert {name: len(split) for name, split in splits.items()} == {
        "train": TRAIN - HELD_OUT,
        "validation": HELD_OUT,
        "test": TEST,
    }
    assert capsys.readouterr().out == ""
    for name in files:
        (folder / name).unlink()  # it is not fetched again
    assert made.is_here(DATA)
    assert made.split("test", DATA).digest == splits["test"].digest
    # USPS is kept as fractions, which torchvision cuts off.
    np.testing.assert_allclose(splits["test"].images.astype(int), pictures(TEST, *shape).reshape(TEST, *shape), atol=1)
    np.testing.assert_array_equal(splits["test"].labels, labels(TEST))
    together = [label for name in ("train", "validation") for label in splits[name].labels]
    np.testing.assert_array_equal(together, labels(TRAIN))


def test_a_damaged_download_is_one_line_and_leaves_nothing(dataset):
    made, files, folder, _ = dataset
    name, content = list(files.items())[-1]
    for damaged in (content[: len(content) // 2], content[:-20] + bytes(20), b"<html>not here</html>"):
        (folder / name).write_bytes(damaged)
        with pytest.raises(IntegrityError, match="is not here and could not be fetched: ") as caught:
            made.split("test", DATA)
        assert "\n" not in caught.value.message
        assert str(DATA) in caught.value.hint
        assert not left_in(DATA)
    (folder / name).write_bytes(content)
    assert len(made.split("test", DATA)) == TEST


def test_another_file_than_the_published_one_is_not_taken(dataset):
    """It can be read, and has other pixels: only its checksum tells."""
    made, files, folder, _ = dataset
    name, content = next(iter(files.items()))
    other = content.replace(b"1:", b"1:-") + b" " if content[:3] != b"\x1f\x8b\x08" else gzip.compress(content)
    (folder / name).write_bytes(other)
    with pytest.raises(IntegrityError, match="could not be fetched"):
        made.split("train", DATA)
    assert not left_in(DATA)


def test_a_file_that_the_server_does_not_have_is_one_line(dataset):
    made, files, folder, _ = dataset
    (folder / next(iter(files))).unlink()
    with pytest.raises(IntegrityError, match=r"could not be fetched.*404") as caught:
        made.split("test", DATA)
    assert "\n" not in caught.value.message
    assert not left_in(DATA)


@pytest.mark.parametrize("make", [catalogue.usps, catalogue.svhn, catalogue.cifar10])
def test_a_file_that_was_changed_later_is_not_read(make, served, monkeypatch):
    folder, address = served
    for name, content in SERVED[make][0](folder, address, monkeypatch).items():
        (folder / name).write_bytes(content)
    made = make()
    made.split("test", DATA)
    file = DATA / made.files[-2 if make is catalogue.cifar10 else -1]
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(IntegrityError, match=f"{made.facts.name} in data cannot be read"):
        made.split("test", DATA)


@pytest.mark.parametrize(("part", "classes"), [("balanced", 47), ("letters", 26), ("digits", 10)])
def test_emnist_is_one_of_its_parts(part, classes, served, monkeypatch):
    folder, address = served
    for name, content in serve_emnist(folder, address, monkeypatch).items():
        (folder / name).write_bytes(content)
    made = catalogue.emnist(part)
    split = made.split("test", DATA)
    assert made.num_classes == classes
    np.testing.assert_array_equal(split.labels, labels(TEST))
    np.testing.assert_array_equal(split.images[:, 0], pictures(TEST, 28, 28))


def test_files_are_found_in_a_folder_of_the_dataset_s_name(served, monkeypatch):
    folder, address = served
    place = DATA / "kmnist"
    place.mkdir(parents=True)
    for name, content in serve_kmnist(folder, address, monkeypatch).items():
        (place / name).write_bytes(content)
    made = catalogue.kmnist()
    assert made.status(DATA) == "in data/kmnist"
    assert len(made.split("test", DATA)) == TEST


def test_the_system_s_place_is_where_debian_puts_data():
    assert Path("/usr/share/datasets") == SYSTEM_FOLDER
