"""Pictures show the images they name."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from record_factory import RESULTS, finished, first, right

from icbench.errors import OutputError
from icbench.kinds.dataset import Split
from icbench.ranking import collect
from icbench.ranking.comparison import compare_rows
from icbench.ranking.rows import rows_of, tracks
from icbench.report.pictures import COLUMNS, MOST, draw_differences, draw_reconstructions
from icbench.running.image_grid import CELL, GAP, MARGIN, image_grid
from icbench.running.reconstructions import Reconstructions

FILE = Path("out.png")


def compared():
    """Entry a against entry b."""
    ((track, records),) = tracks(collect([RESULTS]).records).items()
    rows = {row.name.split()[0]: row for row in rows_of(track, records)[0]}
    return compare_rows(track, rows["a"], rows["b"])


def grey(images):
    """A split whose image i is one grey of level i, so that each can be told in a picture."""
    levels = np.arange(images, dtype=np.uint8)
    return Split(np.tile(levels[:, None, None, None], (1, 1, 8, 8)), np.arange(images) % 10)


def tiles(file, count):
    """The levels of the first so many tiles of the upper band."""
    with Image.open(file) as picture:
        pixels = np.asarray(picture.convert("L"))
    lefts = [MARGIN + number * (CELL + GAP) + CELL // 2 for number in range(count)]
    return [int(pixels[MARGIN + 24 + CELL // 2, left]) for left in lefts]


def reconstructed(images, light_on_dark=False):
    numbers = np.zeros(len(images), dtype=np.int64)
    return Reconstructions("entry", images, images, numbers, numbers, light_on_dark)


def tile_of(image, light_on_dark=False):
    """The pixels (CELL, CELL, 3) in which an image (C, H, W) in [0, 1] is drawn."""
    draw_reconstructions([reconstructed(np.asarray(image, dtype=np.float32)[None], light_on_dark)], FILE)
    with Image.open(FILE) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    return pixels[MARGIN + 22 : MARGIN + 22 + CELL, MARGIN : MARGIN + CELL]


def colour(*levels):
    return np.broadcast_to(np.array(levels)[:, None, None], (len(levels), 8, 8))


@pytest.mark.parametrize("levels", [(1, 0, 0), (0.2, 0.6, 1), (0.8,)])
def test_images_keep_their_colours(levels):
    shown = tile_of(colour(*levels))
    assert shown[CELL // 2, CELL // 2] == pytest.approx(np.broadcast_to(255 * np.array(levels), 3), abs=1)


def test_light_on_dark_is_drawn_as_it_is_printed():
    assert tile_of(colour(0.8), light_on_dark=True)[CELL // 2, CELL // 2] == pytest.approx([51, 51, 51], abs=1)


def test_other_channels_than_colours_are_averaged():
    assert tile_of(colour(0.2, 0.6))[CELL // 2, CELL // 2] == pytest.approx([102, 102, 102], abs=1)


def test_an_image_that_is_not_square_keeps_its_shape():
    shown = tile_of(np.zeros((1, 4, 8)))
    assert (shown[CELL // 2] == 0).all()
    assert (shown[[0, -1]] == 255).all()


def test_samples_and_differences_have_the_polarity_that_is_said():
    picture = image_grid(np.full((2, 3, 1, 8, 8), 0.2, dtype=np.float32), light_on_dark=True)
    assert picture.getpixel((MARGIN + 24 + CELL // 2, MARGIN + CELL // 2)) == (204, 204, 204)
    finished(right(20), label="a")
    finished(right(20, 3), label="b")
    draw_differences(compared(), grey(20), FILE, light_on_dark=True)
    assert tiles(FILE, 1) == [252]


@pytest.mark.parametrize(("name", "said"), [("mnist", True), ("fashion-mnist", True), ("kmnist", True)])
def test_built_in_datasets_say_that_they_are_light_on_dark(manager, name, said):
    assert manager.select("dataset", name).build().light_on_dark is said


def test_the_tiles_are_the_images_that_only_one_has_right():
    finished(right(100), label="a")
    finished(right(100, 10, 50, 90), label="b")
    draw_differences(compared(), grey(100), FILE)
    assert tiles(FILE, 3) == pytest.approx([10, 50, 90], abs=1)


def test_many_images_are_shown_up_to_a_point():
    finished(first(200, 200), label="a")
    finished(first(50, 200), label="b")
    draw_differences(compared(), grey(200), FILE)
    assert tiles(FILE, COLUMNS) == pytest.approx(list(range(50, 50 + COLUMNS)), abs=1)
    with Image.open(FILE) as picture:
        rows = (picture.height - MARGIN) // (CELL + 42)
        beneath = picture.getpixel((picture.width - MARGIN - CELL // 2, picture.height - 2))
    assert rows == MOST // COLUMNS
    assert beneath == (255, 255, 255)


def test_entries_that_differ_nowhere_have_a_picture_without_images():
    finished(right(20), label="a")
    finished(right(20), label="b")
    draw_differences(compared(), grey(20), FILE)
    with Image.open(FILE) as picture:
        assert picture.height < 100


def test_what_is_not_finite_can_be_drawn():
    finished(right(20), label="a")
    finished(right(20, 3), label="b", arrays={"prediction": np.where(right(20, 3), np.arange(20) % 10, -1)})
    draw_differences(compared(), grey(20), FILE)
    assert tiles(FILE, 1) == pytest.approx([3], abs=1)


def test_control_characters_are_drawn_by_their_codes():
    pictures = []
    for label in ("a \n\x1b[2J", "a \\x0a\\x1b[2J"):
        shutil.rmtree(RESULTS, ignore_errors=True)
        finished(right(20), label=label)
        finished(right(20), label="b")
        draw_differences(compared(), grey(20), FILE)
        pictures.append(FILE.read_bytes())
    assert pictures[0] == pictures[1]


def test_a_picture_that_cannot_be_written_is_an_output_error():
    finished(right(20), label="a")
    finished(right(20), label="b")
    with pytest.raises(OutputError, match="cannot be written"):
        draw_differences(compared(), grey(20), Path("nowhere/out.png"))
