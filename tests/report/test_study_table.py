"""A study's table and sentences say what was found, in eighty columns."""

import pytest
from rich.console import Console
from studied import COUNT, RISING, found

from icbench.report.study import study_grid, study_lines
from icbench.report.table import markdown_table, terminal_table
from icbench.training.criteria import CRITERIA


@pytest.mark.parametrize("width", [80, 120, 160])
def test_the_table_fits_and_cuts_no_figure(width):
    console = Console(width=width)
    with console.capture() as capture:
        console.print(terminal_table(study_grid(found(class_margin=RISING), 13.4), width))
    text = capture.get()
    assert max(map(len, text.splitlines())) <= width
    assert "1.00 [1.00, 1.00]" in text
    assert "…" not in text
    words = " ".join(text.split())
    assert "◆ class margin" in words
    assert "none: the last" in words


def test_the_table_has_a_row_for_each_criterion_and_one_for_none():
    grid = study_grid(found(), 13.4)
    first, second = grid.sections
    assert len(first.rows) == len(CRITERIA)
    assert [row[0] for row in second.rows] == ["none: the last checkpoint"]
    assert grid.title == "20 checkpoints of one training"


def test_only_the_recommended_criterion_is_marked():
    text = markdown_table(study_grid(found(class_margin=RISING), 13.4))
    assert next(line for line in text.splitlines() if line.startswith("| ◆")).startswith("| ◆ class margin")
    assert sum(line.startswith("| ◆") for line in text.splitlines()) == 1


def test_a_figure_that_is_always_the_same_orders_nothing():
    rows = study_grid(found(score=[1.0] * COUNT), 13.4).rows()
    (row,) = (row for row in rows if row[0].endswith("mean score"))
    assert row.count("orders nothing") == 2


def test_the_sentences_name_criterion_cost_and_loss():
    best, recommendation, without = study_lines(found(class_margin=RISING))
    assert best == "best full accuracies: 0.8950 joint (epoch 20), 0.8950 exhaustive (epoch 20)"
    assert "choose by class margin, exhaustive, 9.0 s a checkpoint" in recommendation
    assert "(epoch 20) loses 0.0000 joint and 0.0000 exhaustive accuracy" in recommendation
    assert "cheapest" in recommendation
    assert without.startswith("without a criterion: the last checkpoint (epoch 20) loses 0.0000 joint")
    assert without.endswith("no more than the recommended criterion")


def test_the_sentences_say_when_choosing_nothing_loses_more():
    fallen = [*RISING[:-1], 0.8]
    *_, without = study_lines(found(joint=fallen, exhaustive=fallen, class_margin=fallen))
    assert "(epoch 20) loses 0.0900 joint and 0.0900 exhaustive accuracy, more than" in without


def test_the_table_says_what_has_to_be_paid_once():
    notes = [note.text for note in study_grid(found(), 13.4).footnotes]
    assert any("13 s more, once" in note for note in notes)


def test_the_sentences_admit_that_no_criterion_suffices():
    _, recommendation, _ = study_lines(found())
    assert "loses least, but no criterion" in recommendation
