"""Pictures show the images they name."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from record_factory import RESULTS, finished, first, right

from icbench.errors import OutputError
from icbench.kinds.dataset import Split
from icbench.ranking import collect
from icbench.ranking.comparison import compare_rows
from icbench.ranking.rows import rows_of, tracks
from icbench.report.pictures import (
    CELL,
    COLUMNS,
    GAP,
    MARGIN,
    MOST,
    draw_differences,
    draw_reconstructions,
    reconstructions_figure,
)
from icbench.running.image_grid import image_grid
from icbench.running.reconstructions import Reconstructions

FILE = Path("out.png")


def compared():
    """Entry a against entry b."""
    ((track, records),) = tracks(collect([RESULTS]).records).items()
    rows = {row.name.split()[0]: row for row in rows_of(track, records)[0]}
    return compare_rows(track, rows["a"], rows["b"])


def grey(images):
    """A split whose image i is one grey of level i, so that each can be told in a picture."""
    values = np.arange(images, dtype=np.uint8)
    return Split(np.tile(values[:, None, None, None], (1, 1, 8, 8)), np.arange(images) % 10)


@pytest.fixture
def drawn(monkeypatch):
    """A function for the images of the figure that was saved last, from left to right and row by row."""
    saved = []
    save = Figure.savefig

    def noted(self, *given, **named):
        saved.append(self)
        save(self, *given, **named)

    monkeypatch.setattr(Figure, "savefig", noted)
    return lambda: saved[-1].axes[0].get_images()


def levels(images):
    """The grey levels of images that are one grey each."""
    return [round(255 * float(image.get_array()[0, 0])) for image in images]


def reconstructed(images, light_on_dark=False, label="entry"):
    numbers = np.zeros(len(images), dtype=np.int64)
    return Reconstructions(label, images, images, numbers, numbers, light_on_dark)


@pytest.fixture
def tile_of(drawn):
    """A function for what is drawn of an image (C, H, W) in [0, 1]."""

    def draw(image, light_on_dark=False):
        draw_reconstructions([reconstructed(np.asarray(image, dtype=np.float32)[None], light_on_dark)], FILE)
        return drawn()[0]

    return draw


def colour(*values):
    return np.broadcast_to(np.array(values)[:, None, None], (len(values), 8, 8))


@pytest.mark.parametrize("given", [(1, 0, 0), (0.2, 0.6, 1), (0.8,)])
def test_images_keep_their_colours(tile_of, given):
    shown = tile_of(colour(*given)).get_array()
    np.testing.assert_allclose(shown[4, 4], given if len(given) > 1 else given[0], rtol=1e-6)


def test_light_on_dark_is_drawn_as_it_is_printed(tile_of):
    assert tile_of(colour(0.8), light_on_dark=True).get_array()[4, 4] == pytest.approx(0.2)


def test_other_channels_than_colours_are_averaged(tile_of):
    assert tile_of(colour(0.2, 0.6)).get_array()[4, 4] == pytest.approx(0.4)


def test_an_image_that_is_not_square_keeps_its_shape(tile_of):
    left, right_, bottom, top = tile_of(np.zeros((1, 4, 8))).get_extent()
    assert (right_ - left, bottom - top) == (CELL, CELL / 2)


def test_targets_are_above_their_reconstructions_and_rows_end(drawn):
    images = np.arange(45, dtype=np.float32)[:, None, None, None] / 255 * np.ones((1, 1, 8, 8), np.float32)
    figure = reconstructions_figure([reconstructed(images)])
    shown = figure.axes[0].get_images()
    assert levels(shown) == [number for number in range(45) for _ in range(2)]
    places = [image.get_extent() for image in shown]
    for target, made in zip(places[::2], places[1::2], strict=True):
        assert (target[0], made[3]) == (made[0], target[2] + GAP)
    assert places[2 * COLUMNS][0] == MARGIN


def test_a_legend_says_what_the_numbers_of_the_classes_that_are_shown_stand_for():
    images, names = np.zeros((3, 1, 8, 8), np.float32), ("Shirt", "Coat", "Bag", "Dress")
    entry = Reconstructions("entry", images, images, np.array([0, 1, 1]), np.array([0, 3, -1]), class_names=names)
    texts = [text.get_text() for text in reconstructions_figure([entry]).axes[0].texts]
    assert texts[1:] == ["0 Shirt · 1 Coat · 3 Dress", "0", "3 not 1", "? not 1"]


def test_a_legend_of_a_hundred_classes_has_several_lines_within_the_figure():
    images, names = np.zeros((100, 1, 8, 8), np.float32), tuple(f"class of number {number}" for number in range(100))
    entry = Reconstructions("entry", images, images, np.arange(100), np.arange(100), class_names=names)
    figure = reconstructions_figure([entry])
    figure.draw_without_rendering()
    first = next(image for image in figure.axes[0].get_images())
    legend = [text for text in figure.axes[0].texts if "·" in text.get_text()]
    assert len(legend) > 1
    assert all(text.get_position()[1] < first.get_extent()[3] for text in legend)
    assert max(text.get_window_extent().x1 for text in legend) <= figure.bbox.x1


def test_samples_stand_beside_the_names_of_their_classes():
    images = np.zeros((2, 3, 1, 8, 8), np.float32)
    plain, named = (image_grid(images, False, names) for names in ((), ("Shirt", "Ankle boot")))
    assert named.width > plain.width
    assert named.height == plain.height


def test_a_long_title_is_whole():
    figure = reconstructions_figure([reconstructed(np.zeros((1, 1, 8, 8), np.float32), label="m" * 200)])
    figure.draw_without_rendering()
    for text in figure.axes[0].texts:
        assert text.get_window_extent().x1 <= figure.bbox.x1


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg", "jpg"])
def test_the_suffix_chooses_the_format_and_the_same_figure_is_the_same_file(suffix):
    file = Path(f"out.{suffix}")
    contents = []
    for _ in range(2):
        draw_reconstructions([reconstructed(np.zeros((3, 1, 8, 8), np.float32), label="of $x$")], file)
        contents.append(file.read_bytes())
    assert contents[0] == contents[1]
    start = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml", "jpg": b"\xff\xd8"}[suffix]
    assert contents[0].startswith(start)


def test_pixels_are_of_300_dots_an_inch():
    draw_reconstructions([reconstructed(np.zeros((20, 1, 8, 8), np.float32))], FILE)
    with Image.open(FILE) as picture:
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert picture.width == pytest.approx(3 * (2 * MARGIN + 20 * (CELL + GAP) - GAP), abs=1)


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_images_keep_their_own_pixels_where_the_format_has_vectors(kind):
    draw_reconstructions([reconstructed(np.zeros((3, 1, 8, 8), np.float32))], Path(f"out.{kind}"))
    content = Path(f"out.{kind}").read_bytes()
    assert content.count(b"<image" if kind == "svg" else b"/Subtype /Image") == 6


def test_samples_and_differences_have_the_polarity_that_is_said(drawn):
    picture = image_grid(np.full((2, 3, 1, 8, 8), 0.2, dtype=np.float32), light_on_dark=True)
    assert picture.getpixel((14 + 24 + 28, 14 + 28)) == (204, 204, 204)
    finished(right(20), label="a")
    finished(right(20, 3), label="b")
    draw_differences(compared(), grey(20), FILE, light_on_dark=True)
    assert levels(drawn()) == [252]


@pytest.mark.parametrize(("name", "said"), [("mnist", True), ("fashion-mnist", True), ("kmnist", True)])
def test_built_in_datasets_say_that_they_are_light_on_dark(manager, name, said):
    assert manager.select("dataset", name).build().light_on_dark is said


def test_the_tiles_are_the_images_that_only_one_has_right(drawn):
    finished(right(100), label="a")
    finished(right(100, 10, 50, 90), label="b")
    draw_differences(compared(), grey(100), FILE)
    assert levels(drawn()) == [10, 50, 90]


def test_many_images_are_shown_up_to_a_point(drawn):
    finished(first(200, 200), label="a")
    finished(first(50, 200), label="b")
    draw_differences(compared(), grey(200), FILE)
    assert levels(drawn()) == list(range(50, 50 + MOST))
    assert len({image.get_extent()[3] for image in drawn()}) == MOST // COLUMNS


def test_entries_that_differ_nowhere_have_a_picture_without_images(drawn):
    finished(right(20), label="a")
    finished(right(20), label="b")
    draw_differences(compared(), grey(20), FILE)
    assert levels(drawn()) == []


def test_what_is_not_finite_can_be_drawn(drawn):
    finished(right(20), label="a")
    finished(right(20, 3), label="b", arrays={"prediction": np.where(right(20, 3), np.arange(20) % 10, -1)})
    draw_differences(compared(), grey(20), FILE)
    assert levels(drawn()) == [3]


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
