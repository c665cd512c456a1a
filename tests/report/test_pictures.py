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
from icbench.report.pictures import CELL, COLUMNS, GAP, MARGIN, MOST, draw_differences

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
    """The levels of the first so many tiles of the upper band; tiles are printed dark on light."""
    with Image.open(file) as picture:
        pixels = np.asarray(picture.convert("L"))
    lefts = [MARGIN + number * (CELL + GAP) + CELL // 2 for number in range(count)]
    return [255 - int(pixels[MARGIN + 24 + CELL // 2, left]) for left in lefts]


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
