"""A film fits its terminal, shows images in half blocks, and tells classes apart without colours too."""

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

from icbench.engine.snapshots import Snapshot
from icbench.report.film import Film, bar_lengths, can_show, film_frame
from icbench.report.half_blocks import half_blocks

DIGIT = np.zeros((1, 28, 28), np.float32)
DIGIT[0, 5:23, 12:16] = 1


def snapshot(step=7, classes=10, distance=0.02):
    scores = np.full((1, classes), 0.5 / (classes - 1), np.float32)
    scores[0, 3] = 0.5
    return Snapshot(step, 200, scores, np.array([distance]), DIGIT[None] * 0.5)


def console(width, height=24, **options):
    return Console(**{"force_terminal": True, "color_system": "truecolor", **options}, width=width, height=height)


def lines(width, height=24, classes=10, image=DIGIT, **options):
    terminal = console(width, height, **options)
    seen = Snapshot(7, 200, snapshot(classes=classes).class_scores, np.array([0.02]), image[None])
    with terminal.capture() as captured:
        terminal.print(film_frame("seven.png: cgan", image, seen, [0.08, 0.04, 0.02], terminal))
    return [line.rstrip() for line in Text.from_ansi(captured.get()).plain.splitlines()]


@pytest.mark.parametrize(("width", "height"), [(60, 24), (80, 24), (140, 40), (48, 14), (300, 80), (80, 14)])
@pytest.mark.parametrize("image", [DIGIT, np.ones((3, 64, 48), np.float32), np.ones((1, 8, 8), np.float32)])
def test_a_frame_fits_the_terminal(width, height, image):
    shown = lines(width, height, image=image)
    assert max(map(len, shown)) <= width
    assert len(shown) < height
    text = "\n".join(shown)
    for said in ("seven.png", "step 7 of 200", "target", "reconstruction", "classes", "distance 0.02000", "›3"):
        assert said in text


def test_pictures_are_as_large_as_there_is_room():
    assert [sum(line.count("▀") for line in lines(*size)) for size in ((60, 24), (80, 24), (140, 40))] == [
        2 * 18 * 9,
        2 * 28 * 14,
        2 * 56 * 28,
    ]


@pytest.mark.parametrize(("width", "height"), [(60, 24), (80, 24), (140, 40)])
def test_ten_classes_all_have_a_bar(width, height):
    text = "\n".join(lines(width, height))
    for number in range(10):
        assert f" {number} " in text or f"›{number} " in text


def test_many_classes_are_the_best_that_there_is_room_for():
    text = "\n".join(lines(80, 24, classes=300))
    assert "›  3 " in text


def test_half_blocks_are_two_pixels_in_their_colours():
    image = np.array([[[0.0, 1.0], [1.0, 0.0]]], np.float32)
    found = half_blocks(image, 2)
    assert found.plain == "▀▀"
    colours = [(span.style.color.triplet.red, span.style.bgcolor.triplet.red) for span in found.spans]
    assert colours == [(0, 255), (255, 0)]


def test_without_colours_there_are_levels():
    image = np.array([[[0.0, 1.0], [0.0, 1.0], [0.5, 0.0]]], np.float32)
    assert half_blocks(image, 2, coloured=False).plain == " █\n░ "
    text = "\n".join(lines(80, 24, no_color=True))
    assert "█" in text
    assert "▀" not in text


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.2, 0.8], [0.2, 0.8]),
        ([-3.0, -1.0, -2.0], [0, 1, 0.5]),
        ([-3.0, np.nan, -1.0], [0, 0, 1]),
        ([np.nan, np.nan], [0, 0]),
        ([-1.0, -1.0], [1, 1]),
    ],
)
def test_bars_are_shares_or_go_from_the_worst_to_the_best(scores, expected):
    np.testing.assert_allclose(bar_lengths(np.array(scores, np.float32)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "shown"),
    [({}, True), ({"force_terminal": False}, False), ({"width": 40}, False), ({"height": 10}, False)],
)
def test_a_film_needs_a_terminal_of_some_size(options, shown):
    assert can_show(console(**{"width": 80, **options})) == shown


def test_a_dumb_terminal_shows_none(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert not can_show(Console(force_terminal=True, width=80, height=24))


def test_a_film_shows_the_last_step_whatever_time_it_comes_at(monkeypatch):
    monkeypatch.setattr("icbench.report.film.FRAME_SECONDS", 1e9)
    terminal = console(80)
    with terminal.capture() as captured, Film(terminal, "seven.png", DIGIT) as film:
        for step in (0, 7, 8, 200):
            film.show(snapshot(step))
    assert "step 200 of 200" in captured.get()
    assert "step 8 of 200" not in captured.get()
    assert len(film.distances) == 4


@pytest.mark.parametrize("width", [48, 80, 140])
def test_classes_have_their_names_as_far_as_there_is_room(width):
    terminal, names = console(width, 14), ["short", "a name of many letters", *"cdefghij"]
    with terminal.capture() as captured:
        terminal.print(film_frame("it", DIGIT, snapshot(), [0.1], terminal, names))
    shown = Text.from_ansi(captured.get()).plain
    assert max(map(len, shown.rstrip().splitlines())) <= width
    for said in ("0 short ", "1 a name of…", "›3 d"):
        assert said in shown


def test_a_distance_that_is_no_number_is_shown_as_that():
    terminal = console(80)
    with terminal.capture() as captured:
        terminal.print(film_frame("it", DIGIT, snapshot(distance=np.nan), [np.nan], terminal))
    assert "distance nan" in captured.get()
