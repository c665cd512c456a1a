"""A folder of one's own images is a dataset, and whatever is wrong with it is one clear line."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import icbench
from PIL import Image

from icbench.builtin.datasets.image_folder import ImageFolder
from icbench.errors import DataWarning, MissingDataError, UsageError

HERE = Path("photos")
COLOURS = {"blue": (20, 30, 220), "green": (30, 200, 40)}


def save(name, colour=(200, 10, 10), size=(12, 10), mode="RGB"):
    file = HERE / name
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(file)
    return file


@pytest.fixture
def photos():
    """Two classes of forty images, all of them different."""
    random = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (HERE / name).mkdir(parents=True)
        for number in range(40):
            pixels = np.clip(np.array(colour) + random.integers(-9, 10, (10, 12, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(HERE / name / f"{number:02d}.png")
    return HERE


def splits(**given):
    dataset = ImageFolder(str(HERE), **given)
    return {name: dataset.split(name, Path()) for name in ("train", "validation", "test")}


def contents(split):
    return {image.tobytes() for image in split.images}


@pytest.mark.usefixtures("photos")
def test_a_folder_for_each_class_is_a_dataset_that_is_called_like_them():
    dataset, found = ImageFolder(str(HERE)), splits()
    assert (dataset.num_classes, dataset.class_names) == (2, ("blue", "green"))
    assert sum(map(len, found.values())) == 80
    for split in found.values():
        assert split.images.shape[1:] == (3, 10, 12)
        np.testing.assert_array_equal(split.images.mean(axis=(2, 3)).argmax(axis=1), 2 - split.labels)


@pytest.mark.usefixtures("photos")
def test_an_image_stays_in_its_split_when_others_are_added_or_its_file_is_renamed():
    before = splits()
    for number in range(20):
        save(f"red/{number}.png", (200, 10, number), (12, 10))
    (HERE / "blue" / "00.png").rename(HERE / "blue" / "zz.png")
    after = splits()
    for name, split in before.items():
        assert contents(split) <= contents(after[name])


@pytest.mark.usefixtures("photos")
def test_images_of_all_classes_come_early_in_a_split():
    assert {*splits()["train"].labels[:12]} == {0, 1}


@pytest.mark.usefixtures("photos")
def test_shares_are_as_asked_for():
    sizes = {name: len(split) for name, split in splits(validation=0.4, test=0.3).items()}
    assert 20 <= sizes["validation"] <= 44
    assert 14 <= sizes["test"] <= 34
    with pytest.raises(UsageError, match="leave no images to train on"):
        splits(validation=0.5, test=0.5)


@pytest.mark.usefixtures("photos")
def test_size_and_channels_are_as_asked_for():
    for split in splits(size=8, channels=1).values():
        assert split.images.shape[1:] == (1, 8, 8)


@pytest.mark.usefixtures("photos")
def test_the_digest_is_of_all_files_and_their_classes():
    first = ImageFolder(str(HERE)).digests()
    assert ImageFolder(str(HERE)).digests() == first
    shutil.move(HERE / "blue" / "00.png", HERE / "green" / "moved.png")
    moved = ImageFolder(str(HERE)).digests()
    assert moved != first
    (HERE / "blue").rename(HERE / "azure")
    assert ImageFolder(str(HERE)).digests() not in (first, moved)


@pytest.mark.usefixtures("photos")
def test_what_cannot_be_read_is_named_and_left_out():
    (HERE / "blue" / "notes.txt").write_text("not an image")
    (HERE / "green" / "torn.png").write_bytes((HERE / "green" / "00.png").read_bytes()[:60])
    (HERE / "green" / ".hidden").write_text("no matter")
    with pytest.warns(DataWarning, match="2 files in photos cannot be read and are left out") as caught:
        found = splits()
    (said,) = (str(warning.message) for warning in caught)
    assert "photos/blue/notes.txt is a text file, not an image" in said
    assert "photos/green/torn.png is damaged" in said
    assert sum(map(len, found.values())) == 80


@pytest.mark.usefixtures("photos")
def test_the_same_image_in_two_splits_or_two_classes_is_named():
    picture = Image.open(HERE / "blue" / "00.png")
    for level in range(1, 10):  # other bytes, the same pixels
        picture.save(HERE / "blue" / f"again-{level}.png", compress_level=level, dpi=(level, level))
    picture.save(HERE / "green" / "wrong.png")
    with pytest.warns(DataWarning) as caught:
        splits()
    first, second = sorted(str(warning.message) for warning in caught)
    assert first.startswith("1 image is in several classes: ")
    assert second.startswith("1 image is in several splits: ")
    assert "photos/green/wrong.png" in first
    assert "photos/blue/again-1.png (" in second


def empty():
    HERE.mkdir()


def files_alone():
    save("one.png")


def one_class():
    save("cats/one.png")


def class_without_files():
    save("cats/one.png")
    (HERE / "dogs").mkdir()


def class_of_texts():
    save("cats/one.png")
    (HERE / "dogs").mkdir()
    (HERE / "dogs" / "one.txt").write_text("a dog")


def one_image_each():
    save("cats/one.png")
    save("dogs/one.png", (3, 3, 3))


def several_sizes():
    save("cats/one.png")
    save("cats/two.png", size=(9, 10))
    save("dogs/one.png", (3, 3, 3))


def several_channels():
    save("cats/one.png")
    save("dogs/one.png", 7, mode="L")


def camera():
    save("cats/one.png", size=(800, 600))
    save("dogs/one.png", (3, 3, 3), size=(800, 600))


def sixteen_bits():
    save("cats/one.png", 40_000, mode="I;16")
    save("dogs/one.png")


def floats():
    save("cats/one.tiff", 0.3, mode="F")
    save("dogs/one.png")


def link_out():
    save("cats/one.png")
    save("dogs/one.png", (3, 3, 3))
    Path("elsewhere.png").write_bytes((HERE / "cats/one.png").read_bytes())
    (HERE / "cats" / "two.png").symlink_to(Path("elsewhere.png").resolve())


def linked_folder():
    save("cats/one.png")
    Path("elsewhere").mkdir()
    (HERE / "dogs").symlink_to(Path("elsewhere").resolve())


def folder_linked_within():
    save("cats/one.png")
    (HERE / "dogs").symlink_to("cats")


def line_break_in_a_file():
    save("cats/o\nne.png")
    save("dogs/one.png")


def line_break_in_a_class():
    save("ca\nts/one.png")
    save("dogs/one.png")


def bytes_that_are_no_text():
    save("cats/one.png")
    save("dogs/one.png")
    (HERE / os.fsdecode(b"bi\xffrds")).mkdir()


BAD = {
    empty: "photos has no folders and a class is a folder of images",
    files_alone: "photos has no folders and a class is a folder of images",
    one_class: "photos has one folder, cats, and a class is a folder of images",
    class_without_files: "class dogs of photos has no images",
    class_of_texts: "class dogs of photos has no images",
    one_image_each: "photos has no train images of class cats",
    several_sizes: r"the images of photos differ in size: photos/cats/one.png \(12 x 10\) and photos/cats/two.png",
    several_channels: r"the images of photos differ in channels: photos/cats/one.png \(3\) and photos/dogs/one",
    camera: "photos/cats/one.png has 800 x 600 pixels, and images have 256 a side at most",
    sixteen_bits: "photos/cats/one.png has pixels of kind I;16, and 8 bits",
    floats: "photos/cats/one.tiff has pixels of kind F, and 8 bits",
    link_out: "photos/cats/two.png is a symbolic link to .*elsewhere.png",
    folder_linked_within: "photos/dogs is a symbolic link to cats",
    linked_folder: "photos/dogs is a symbolic link to ",
    line_break_in_a_file: r"photos/cats has a file whose name is no line of text: 'o\\nne.png'",
    line_break_in_a_class: r"photos has a file whose name is no line of text: 'ca\\nts'",
    bytes_that_are_no_text: r"photos has a file whose name is no line of text: 'bi\\udcffrds'",
}


@pytest.mark.filterwarnings("ignore::icbench.errors.DataWarning")
@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_a_folder_that_is_no_dataset_is_one_clear_line(make):
    make()
    validation, test = (0.9, 0.09) if make is one_image_each else (0.0, 0.0)
    with pytest.raises(UsageError, match=BAD[make]) as caught:
        ImageFolder(str(HERE), validation=validation, test=test).split("train", Path())
    assert "\n" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("path", ["", "nowhere", "a file"])
def test_a_folder_has_to_be_named(path):
    Path("a file").touch()
    kind = UsageError if path else MissingDataError
    with pytest.raises(kind, match=path or "has no folder to read"):
        ImageFolder(path)


def test_a_folder_without_test_images_says_so():
    for number in range(4):
        save(f"cats/{number}.png", (number, 0, 0))
        save(f"dogs/{number}.png", (0, number + 1, 0))
    with pytest.raises(UsageError, match="photos has no test images"):
        ImageFolder("photos", test=0.0).split("test", Path())


@pytest.mark.usefixtures("photos")
def test_a_link_within_the_folder_is_an_image_like_others():
    (HERE / "blue" / "link.png").symlink_to("00.png")
    assert sum(map(len, splits().values())) == 81


def test_a_run_refuses_it_in_a_line_and_writes_nothing(capsys):
    several_sizes()
    code, out, err = icbench(
        capsys, "run", "--classifier", "class-mean", "--dataset", "image-folder:path=photos", "--json"
    )
    assert code == 2
    (line,) = json.loads(out)["errors"]
    assert line.startswith("the images of photos differ in size")
    assert "size=32" in err
    assert {path.name for path in Path().iterdir()} == {"photos"}


@pytest.mark.usefixtures("photos")
def test_a_run_on_it_names_its_classes_and_not_where_it_lies(capsys):
    (HERE / "blue" / "notes.txt").write_text("not an image")
    spec = f"image-folder:path={HERE.resolve()},size=8"
    code, out, err = icbench(capsys, "run", "--classifier", "class-mean", "--dataset", spec, "--json")
    assert code == 0, err
    (run,) = json.loads(out)["data"]["runs"]
    assert run["dataset"]["name"] == "image-folder:path=photos,size=8"
    assert run["metrics"]["accuracy"] == 1
    assert "1 file in photos" in err.replace(f"{HERE.resolve()}", "photos")
    code, out, _ = icbench(capsys, "show", "latest")
    assert code == 0
    assert "0 blue" in out
