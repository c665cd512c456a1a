"""A panel of accuracy against cost has every entry at its place, and no name over another."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from record_factory import finished

from icbench.kinds.suite import Cell, Experiment, Mark, Suite
from icbench.report.charts import draw_suite
from icbench.report.cost_chart import COLOURS, Ladder
from icbench.suites import evaluate_suite, select_experiments

IMAGES = 1000
ENTRIES = {
    "joint": (0.8, 401, "pixels"),
    "exhaustive": (0.97, 990, "pixels"),
    "ten autoencoders": (0.99, 410, "pixels"),
    "the same, few steps": (0.99, 410, "pixels"),
    "perceptual": (0.985, 401, "features"),
    "discriminative": (0.996, 111, "label features"),
    "nearest neighbour": (0.969, 0, "direct"),
    "all right": (1.0, 9000, "pixels"),
}
MARKS = (Mark("one", 0.99), Mark("another", 0.989), Mark("the post", 0.728, "its best setting"))


def outcome():
    cells = tuple(Cell(label) for label in ENTRIES)
    experiment = Experiment("ladder", "from the post", "entry", cells, chart="nfe")
    suite = Suite("gap", "digits", "test", (experiment,), marks=MARKS)
    records = {
        cell: [finished(np.arange(IMAGES) < accuracy * IMAGES, label=cell.label, nfe=nfe, tier=tier, direct=not nfe)]
        for cell, (accuracy, nfe, tier) in zip(cells, ENTRIES.values(), strict=True)
    }
    return evaluate_suite(select_experiments(suite), records)


@pytest.fixture
def ladder():
    figure = Figure(figsize=(8, 5), layout="constrained")
    drawn = Ladder(figure.subplots(), outcome().experiments[0], MARKS)
    figure.draw_without_rendering()
    drawn.settle()
    return drawn


def test_every_entry_is_named_in_the_colour_of_its_tier(ladder):
    named = {label.get_text(): label.get_color() for label in ladder.labels}
    assert named == {label: COLOURS[tier] for label, (_, _, tier) in ENTRIES.items()}


def test_an_entry_is_at_its_evaluations_and_error(ladder):
    for label in ladder.labels:
        accuracy, nfe, _ = ENTRIES[label.get_text()]
        assert label.xy == (nfe, pytest.approx(1 - accuracy if accuracy < 1 else place_of_one(ladder)))


def ticks(ladder):
    """The places on the axis by what it says there."""
    labels = [label.get_text() for label in ladder.panel.get_yticklabels()]
    return dict(zip(labels, ladder.panel.get_yticks(), strict=True))


def place_of_one(ladder):
    return ticks(ladder)["1"]


def test_no_error_at_all_has_a_place_of_its_own_that_the_axis_names(ladder):
    assert place_of_one(ladder) < 0.5 / IMAGES
    others = {label: place for label, place in ticks(ladder).items() if label != "1"}
    assert all(place == pytest.approx(1 - float(label)) for label, place in others.items())
    assert all(place > place_of_one(ladder) for place in others.values())


def test_an_interval_that_ends_at_1_reaches_its_place_and_others_do_not(ladder):
    ends = {point.label: point.error - point.spread[0] for point in ladder.points}
    assert ends.pop("all right") == place_of_one(ladder)
    assert all(end > 1.5 * place_of_one(ladder) for end in ends.values())


def test_an_axis_without_a_point_at_1_has_no_such_place():
    whole = outcome().experiments[0]
    fewer = replace(whole, cells=[cell for cell in whole.cells if cell.cell.label != "all right"])
    ladder = Ladder(Figure().subplots(), fewer, MARKS)
    assert "1" not in ticks(ladder)


def test_better_is_higher_and_all_is_inside(ladder):
    worst, best = ladder.panel.get_ylim()
    assert worst > 1 - 0.728
    assert best < place_of_one(ladder)


def test_no_name_lies_over_another(ladder):
    boxes = [name.get_window_extent() for name in (*ladder.names, *ladder.labels)]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_the_suites_chart_is_one_picture():
    file = Path("ladder.png")
    draw_suite(outcome(), file)
    with Image.open(file) as picture:
        assert picture.width > 1000
