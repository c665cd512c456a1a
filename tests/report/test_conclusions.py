"""Every sentence about a run is derived from its figures."""

import numpy as np
import pytest
from record_factory import finished

from icbench.kinds.suite import Cell, Claim, Experiment, Suite
from icbench.report.conclusions import conclusions
from icbench.suites import evaluate_suite, select_experiments

IMAGES = 1000


def outcome(accuracies, published=(), claims=(), **experiment):
    """Of one table with cells of these accuracies, None for one that was not run."""
    known = published or [()] * len(accuracies)
    cells = tuple(Cell(str(number), published=tuple(known[number])) for number in range(len(accuracies)))
    table = Experiment("one", "the size", "size", cells, **experiment)
    said = tuple(Claim(text, cells[one], cells[other], by) for text, one, other, by in claims)
    suite = Suite("suite", "digits", "test", (table,), claims=said, conclusion=("It is 0.9.",))
    records = {
        cell: [finished(np.arange(IMAGES) < accuracy * IMAGES, label=cell.label)]
        for cell, accuracy in zip(cells, accuracies, strict=True)
        if accuracy is not None
    }
    return evaluate_suite(select_experiments(suite), records)


def test_settings_are_held_against_what_was_published():
    (said,) = conclusions(outcome([0.8, 0.9, 0.6], [(0.7,), (0.85,), (0.65,)]))
    assert said == (
        "The size. 2 of 3 settings are more accurate than published, by 5.0 to 10.0 points. "
        "1 of 3 settings is less accurate than published, by 5.0 points. The best setting is the published one, 1."
    )


@pytest.mark.parametrize(
    ("accuracies", "begin"),
    [
        ((0.9, 0.8), "The best setting is 0 and not 1, as published: +0.1000"),
        ((0.801, 0.8), "The best setting here, 0, and the published one, 1, cannot be told apart: +0.0010"),
    ],
)
def test_another_best_setting_is_said_with_what_it_leads_by(accuracies, begin):
    (said,) = conclusions(outcome(accuracies, [(0.5,), (0.6,)]))
    assert begin in said


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        ((0.7, 0.9, 0.8), "There is a maximum inside: 1 against 2"),
        ((0.9, 0.7, 0.8), "There is no maximum inside"),
        ((0.8, 0.8, 0.8), "Whether there is a maximum inside is undecided"),
    ],
)
def test_the_place_of_the_maximum_is_what_the_figures_say(accuracies, said):
    assert said in conclusions(outcome(accuracies, [(0.5,), (0.6,), (0.5,)], peak_inside=True))[0]


def test_what_was_not_run_is_not_spoken_of():
    assert conclusions(outcome([None, None], [(0.5,), (0.6,)], [("better", 1, 0, 0.0)])) == []
    (said,) = conclusions(outcome([0.8, None], [(0.5,), (0.6,)]))
    assert "1 of 2 settings is complete" in said
    assert not any(word in said for word in ("best", "highest"))


def test_without_published_values_the_most_accurate_is_named():
    (said,) = conclusions(outcome([0.8, 0.9]))
    assert said.startswith("The size. 1 has the highest accuracy, 0.9000 (0.8")


@pytest.mark.parametrize(("by", "verdict"), [(0.05, "Holds"), (0.1, "Undecided"), (0.3, "Does not hold")])
def test_statements_have_their_verdict_and_what_was_measured(by, verdict):
    *_, said = conclusions(outcome([0.8, 0.9], claims=[("more is better", 1, 0, by)]))
    assert said.startswith(f"{verdict}: more is better (+0.1000, 95 % interval ")
