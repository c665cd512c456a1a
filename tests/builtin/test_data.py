"""The data is complete, checked, and split as documented."""

import gzip
import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from icbench.builtin.datasets import catalogue, fetched
from icbench.builtin.datasets.idx import read_idx
from icbench.builtin.datasets.mnist import DIGESTS, FILE, MNIST
from icbench.errors import IntegrityError
from icbench.running.datasets import data_folder

NOWHERE = Path("nowhere")


@pytest.mark.parametrize("key", DIGESTS)
def test_the_bundled_arrays_are_the_published_ones(key):
    with np.load(FILE) as arrays:
        assert hashlib.sha256(arrays[key].tobytes()).hexdigest() == DIGESTS[key]


def test_notice_and_code_state_the_same_digests():
    notice = (FILE.parent / "NOTICE.md").read_text()
    assert all(f"| {key} | {digest} |" in notice for key, digest in DIGESTS.items())
    assert "Yann LeCun and Corinna Cortes" in notice


def test_splits_are_the_first_fifty_thousand_the_last_ten_thousand_and_test():
    with np.load(FILE) as arrays:
        expected = {
            "train": arrays["x_train"][:50_000],
            "validation": arrays["x_train"][50_000:],
            "test": arrays["x_test"],
        }
    for name, images in expected.items():
        split = MNIST().split(name, NOWHERE)
        np.testing.assert_array_equal(split.images[:, 0], images)
        assert len(split.labels) == len(images)
        assert set(np.unique(split.labels)) == set(range(10))


def test_a_split_digest_changes_with_one_pixel_and_one_label():
    split = MNIST().split("validation", NOWHERE)
    images, labels = split.images.copy(), split.labels.copy()
    images[0, 0, 0, 0] += 1
    labels[0] += 1
    digests = {split.digest, type(split)(images, split.labels).digest, type(split)(split.images, labels).digest}
    assert len(digests) == 3


def write_idx(folder: Path, count: int, suffix: str = "") -> None:
    """The four files of a small dataset in the IDX format."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, number in (("train", 6 * count), ("t10k", count)):
        images = struct.pack(">4B3I", 0, 0, 8, 3, number, 28, 28) + bytes(number * 784)
        labels = struct.pack(">4BI", 0, 0, 8, 1, number) + bytes(index % 10 for index in range(number))
        for key, content in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            (folder / (key + suffix)).write_bytes(gzip.compress(content, 1) if suffix else content)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_downloaded_files_are_read_from_the_data_folder(suffix):
    write_idx(Path("data/KMNIST/raw"), 30, suffix)
    dataset = catalogue.kmnist()
    assert dataset.status(Path("data")) == "in data/KMNIST/raw"
    sizes = {name: len(dataset.split(name, Path("data"))) for name in ("train", "validation", "test")}
    assert sizes == {"train": 150, "validation": 30, "test": 30}
    assert dataset.split("test", Path("data")).images.shape == (30, 1, 28, 28)


@pytest.mark.parametrize(("name", "part"), [("test", "t10k"), ("train", "train"), ("validation", "train")])
def test_files_that_do_not_fit_each_other_are_told(name, part):
    folder = Path("data/KMNIST/raw")
    write_idx(folder, 30)
    labels = folder / f"{part}-labels-idx1-ubyte"
    labels.write_bytes(struct.pack(">4BI", 0, 0, 8, 1, 7) + bytes(7))
    with pytest.raises(IntegrityError, match=f"images in {part}-images and 7 labels in {part}-labels"):
        catalogue.kmnist().split(name, Path("data"))


def test_a_system_copy_is_used_and_its_digests_are_checked(monkeypatch):
    write_idx(Path("system/fashion-mnist"), 30, ".gz")
    monkeypatch.setattr(fetched, "SYSTEM_FOLDER", Path("system"))
    dataset = catalogue.fashion_mnist()
    assert dataset.status(NOWHERE) == "in system/fashion-mnist"
    with pytest.raises(IntegrityError, match=catalogue.FASHION_DIGESTS["t10k-images"]):
        dataset.split("test", NOWHERE)


def test_without_files_and_without_a_network_the_way_out_is_named(monkeypatch):
    def offline(*_, **__):
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz:\nTried a:\nno network\nTried b:\nno route\n")

    monkeypatch.setattr("torchvision.datasets.KMNIST.__init__", offline)
    with pytest.raises(IntegrityError, match="could not be fetched") as caught:
        catalogue.kmnist().split("test", Path("data"))
    assert caught.value.message.endswith("train-images-idx3-ubyte.gz: no network; no route")
    assert "data/KMNIST/raw" in caught.value.hint
    assert "t10k-labels-idx1-ubyte" in caught.value.hint


def test_fetching_prints_nothing_on_stdout(monkeypatch, capsys):
    def loud(self, root, train, download):
        print("Downloading")
        write_idx(Path(root) / "KMNIST" / "raw", 30)

    monkeypatch.setattr("torchvision.datasets.KMNIST.__init__", loud)
    assert len(catalogue.kmnist().split("test", Path("data"))) == 30
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\x08\x03", b"\x1f\x8b torn", struct.pack(">4B3I", 0, 0, 8, 3, 9, 28, 28)]
)
def test_torn_files_are_named(content):
    for name in ("plain-ubyte", "zipped-ubyte.gz"):
        Path(name).write_bytes(content)
        with pytest.raises(IntegrityError, match=name):
            read_idx(Path(name), 3)


@pytest.mark.parametrize("start", [3, 12, 40])
def test_zipped_files_with_a_damaged_middle_are_named(start):
    """Where the stream breaks decides what Python raises: `zlib.error`, `BadGzipFile` or `EOFError`."""
    content = bytearray(gzip.compress(np.random.default_rng(0).bytes(4000)))
    content[start : start + 20] = bytes(20)
    for damaged in (content, content[:-6]):
        Path("damaged.gz").write_bytes(damaged)
        with pytest.raises(IntegrityError, match=r"damaged\.gz") as caught:
            read_idx(Path("damaged.gz"), 3)
        assert "Remove it" in caught.value.hint


@pytest.mark.parametrize("error", [EOFError("ended early"), zlib.error("invalid block type")])
def test_a_download_that_is_damaged_is_one_line(monkeypatch, error):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr("torchvision.datasets.KMNIST.__init__", broken)
    with pytest.raises(IntegrityError, match=str(error)):
        catalogue.kmnist().split("test", Path("data"))


def test_the_data_folder_is_the_chosen_one_or_the_variable_or_the_cache(monkeypatch):
    monkeypatch.setenv("ICBENCH_DATA", "from-variable")
    assert data_folder(Path("chosen")) == Path("chosen")
    assert data_folder() == Path("from-variable")
    monkeypatch.delenv("ICBENCH_DATA")
    assert data_folder().name == "icbench"
