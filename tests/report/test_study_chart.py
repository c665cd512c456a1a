"""A study's chart has a panel for each criterion, and shows what its findings say."""

from pathlib import Path

import pytest
from PIL import Image
from studied import COUNT, IMAGES, RISING, found, snapshots

from icbench.errors import OutputError
from icbench.report import study_chart
from icbench.report.study_chart import draw_study
from icbench.training.criteria import CRITERIA, LAST, Snapshot, compare_criteria

FILE = Path("study.png")


def figure(**columns):
    """The figure as matplotlib has it."""
    return study_chart._figure(snapshots(**columns), found(**columns))


def panel(drawn, title):
    return next(place for place in drawn.subfigs if place._suptitle and place._suptitle.get_text().endswith(title))


def panel_titles(drawn):
    return [place._suptitle.get_text() for place in drawn.subfigs if place._suptitle]


def test_there_is_a_panel_for_each_criterion_and_one_for_none():
    titles = {title.removeprefix("◆ ") for title in panel_titles(figure())}
    assert titles == {criterion.title for criterion in (*CRITERIA, LAST)}


def test_every_checkpoint_is_a_point_of_both_schedules():
    for strip in panel(figure(), "class margin, exhaustive").axes:
        assert len(strip.collections[0].get_offsets()) == COUNT


def test_the_picked_checkpoint_is_ringed_and_the_best_one_is_a_line():
    margin = [*RISING[:9], 1.0, *RISING[10:]]
    upper, _ = panel(figure(class_margin=margin), "class margin, exhaustive").axes
    assert upper.collections[1].get_offsets().tolist() == [[1.0, pytest.approx(RISING[9])]]
    assert upper.lines[0].get_ydata()[0] == pytest.approx(RISING[-1])


def test_errors_are_shown_as_they_are_and_not_negated():
    falling = [1 - value for value in RISING]
    drawn = panel(figure(joint_error=falling), "reconstruction error, joint")
    assert drawn.axes[0].collections[0].get_offsets()[:, 0].tolist() == pytest.approx(falling)
    assert drawn.axes[-1].get_xlabel() == "smaller is better"


def test_only_the_recommended_criterion_is_said_to_be():
    titles = panel_titles(figure(class_margin=RISING))
    assert [title for title in titles if "◆" in title] == ["◆ class margin, exhaustive"]


@pytest.mark.parametrize("missing", [1, COUNT])
def test_a_checkpoint_whose_figure_is_not_finite_is_left_out(missing):
    distances = [*[None] * missing, *(1 - value for value in RISING[missing:])]
    upper, _ = panel(figure(frechet_distance=distances), "Frechet distance of samples").axes
    assert len(upper.collections[0].get_offsets()) == COUNT - missing


def test_one_schedule_has_one_strip():
    figures = {"joint_accuracy": 0.5, "joint_error": 0.1, "sample_accuracy": 0.9, "score": 0.7}
    made = [Snapshot(n + 1, figures, {}, {"joint": RISING[n]}, 1.0) for n in range(COUNT)]
    drawn = study_chart._figure(made, compare_criteria(made, IMAGES))
    assert {len(place.axes) for place in drawn.subfigs if place._suptitle} == {1}


def test_the_picture_is_written():
    draw_study(snapshots(), found(), FILE)
    with Image.open(FILE) as picture:
        assert min(picture.size) > 1500


def test_a_picture_that_cannot_be_written_is_an_output_error():
    with pytest.raises(OutputError, match="cannot be written"):
        draw_study(snapshots(), found(), Path("nowhere/study.png"))
