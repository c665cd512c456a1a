"""A study's table and sentences say what was found, in eighty columns."""

import pytest
from rich.console import Console
from studied import COUNT, RISING, found

from icbench.report.grid import markdown_table, terminal_table
from icbench.report.study import study_grid, study_lines
from icbench.training.findings import CRITERIA


@pytest.mark.parametrize("width", [80, 120, 160])
def test_the_table_fits_and_cuts_no_figure(width):
    console = Console(width=width)
    with console.capture() as capture:
        console.print(terminal_table(study_grid(found(class_margin=RISING)), width))
    text = capture.get()
    assert max(map(len, text.splitlines())) <= width
    assert "1.00 [1.00, 1.00]" in text
    assert "…" not in text
    words = " ".join(text.split())
    assert "◆ class margin" in words
    assert "none: the last" in words


def test_the_table_has_a_row_for_each_criterion_and_one_for_none():
    grid = study_grid(found())
    first, second = grid.sections
    assert len(first.rows) == len(CRITERIA)
    assert [row[0] for row in second.rows] == ["none: the last checkpoint"]
    assert grid.title == "20 checkpoints of one training"


def test_only_the_recommended_criterion_is_marked():
    text = markdown_table(study_grid(found(class_margin=RISING)))
    assert next(line for line in text.splitlines() if line.startswith("| ◆")).startswith("| ◆ class margin")
    assert sum(line.startswith("| ◆") for line in text.splitlines()) == 1


def test_a_figure_that_is_always_the_same_orders_nothing():
    rows = study_grid(found(score=[1.0] * COUNT)).rows()
    (row,) = (row for row in rows if row[0].endswith("mean score"))
    assert row.count("orders nothing") == 2


def test_the_sentences_name_criterion_cost_and_loss():
    best, recommendation, without = study_lines(found(class_margin=RISING))
    assert best == "best full accuracies: 0.8950 joint (epoch 20), 0.8950 exhaustive (epoch 20)"
    assert "choose by class margin, exhaustive, 9.0 s a checkpoint" in recommendation
    assert "(epoch 20) loses 0.0000 joint and 0.0000 exhaustive accuracy" in recommendation
    assert "cheapest" in recommendation
    assert "the last checkpoint" in without


def test_the_sentences_admit_that_no_criterion_suffices():
    _, recommendation, _ = study_lines(found())
    assert "loses least, but no criterion" in recommendation
