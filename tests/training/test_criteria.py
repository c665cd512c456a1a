"""The recommendation follows its rule, on tables made so that the answer is known."""

import math
from dataclasses import replace

import pytest
from studied import COUNT, IMAGES, RISING, SECONDS, SHUFFLED, found, snapshots

from icbench.training.criteria import Snapshot, compare_criteria, read_study


def result_of(result, name):
    return next(each for each in result.results if each.criterion.name == name)


def nearly(values):
    """The same order but for two early neighbours."""
    return [values[1], values[0], *values[2:]]


def test_the_only_criterion_that_orders_them_is_recommended():
    result = found(class_margin=RISING)
    assert (result.recommended, result.proven) == ("class_margin", True)
    assert result.results[0].criterion.name == "class_margin"
    assert result.choice.correlations["joint"].value == pytest.approx(1)


def test_the_cheapest_of_those_that_cannot_be_told_apart_is_recommended():
    result = found(joint_accuracy=RISING, sample_accuracy=nearly(RISING), score=RISING)
    assert result.recommended == "sample_accuracy"
    assert result.choice.seconds == pytest.approx(0.5)


def test_of_those_that_cost_the_same_the_better_one_is_recommended():
    for better, worse in (("class_margin", "exhaustive_accuracy"), ("exhaustive_accuracy", "class_margin")):
        assert found(**{better: RISING, worse: nearly(RISING)}).recommended == better


def test_a_cheap_criterion_whose_correlation_is_worse_is_not():
    weak = [*sorted(RISING[:-1], key=lambda value: math.sin(1000 * value)), RISING[-1]]
    result = found(joint_accuracy=RISING, sample_accuracy=weak)
    assert result_of(result, "sample_accuracy").lost["joint"] == 0
    assert result.recommended == "joint_accuracy"


def fooled(values):
    """The same order, except that one of the middle is taken for the best."""
    return [*values[:9], 1.0, *values[10:]]


def wobbly(values):
    """An order that is about as far from that of the values as that of `fooled`, but has the same best."""
    return [*values[:5], *values[5:15][::-1], *values[15:]]


def test_a_cheap_criterion_whose_pick_loses_more_than_one_standard_error_is_not():
    result = found(joint_accuracy=wobbly(RISING), sample_accuracy=fooled(RISING))
    cheap, dear = result_of(result, "sample_accuracy"), result_of(result, "joint_accuracy")
    assert cheap.lost["joint"] == pytest.approx(RISING[-1] - RISING[9])
    assert cheap.correlations["joint"].high > dear.correlations["joint"].low
    assert result.recommended == "joint_accuracy"


def test_the_pick_may_lose_as_much_as_the_accuracy_is_uncertain():
    flat = [0.9 + 0.0001 * place for place in range(COUNT)]
    result = found(joint=flat, exhaustive=flat, joint_accuracy=wobbly(flat), sample_accuracy=fooled(flat))
    assert result.best["joint"].error == pytest.approx(math.sqrt(flat[-1] * (1 - flat[-1]) / IMAGES))
    assert 0 < result_of(result, "sample_accuracy").lost["joint"] < result.best["joint"].error
    assert result.recommended == "sample_accuracy"


def test_a_criterion_has_to_serve_every_schedule():
    result = found(exhaustive=RISING[::-1], joint_accuracy=RISING, sample_accuracy=RISING[::-1])
    assert not result.proven


def test_where_none_suffices_the_one_that_loses_least_is_named():
    middle = [1.0 if place == COUNT // 2 else 0.5 for place in range(COUNT)]
    result = found(exhaustive=RISING[::-1], joint_accuracy=RISING, class_margin=middle)
    losses = {each.criterion.name: sum(each.lost.values()) for each in result.results}
    assert losses[result.recommended] == min(losses.values())


def test_small_errors_are_good_errors():
    falling = [1 - value for value in RISING]
    result = found(joint_error=falling)
    assert result.recommended == "joint_error"
    assert result.choice.pick == COUNT
    assert result.choice.correlations["joint"].value == pytest.approx(1)


def test_of_equal_figures_the_earliest_checkpoint_is_picked():
    result = found(sample_accuracy=[*RISING[:10], *[1.0] * 10])
    assert result_of(result, "sample_accuracy").pick == 11


def test_a_figure_that_is_not_finite_is_worst():
    result = found(frechet_distance=[None, *(1 - value for value in RISING[1:])])
    assert result_of(result, "frechet_distance").correlations["joint"].value == pytest.approx(1)


def test_a_figure_that_is_always_the_same_orders_nothing_and_is_last():
    result = found(sample_accuracy=[1.0] * COUNT, class_margin=RISING)
    assert math.isnan(result_of(result, "sample_accuracy").correlations["joint"].value)
    assert result.results[-1].criterion.name == "sample_accuracy"
    assert result.recommended == "class_margin"


def test_equal_accuracies_leave_nothing_to_choose_and_nothing_to_lose():
    result = found(joint=[0.9] * COUNT, exhaustive=[0.9] * COUNT)
    assert not result.proven
    assert all(each.lost == {"joint": 0, "exhaustive": 0} for each in result.results)
    assert result.choice.seconds == min(each.seconds for each in result.results)


def test_the_last_checkpoint_is_what_choosing_nothing_gives():
    falling_at_the_end = [*RISING[:-1], 0.8]
    result = found(joint=falling_at_the_end)
    assert (result.last.pick, result.last.seconds) == (COUNT, 0)
    assert result.last.lost["joint"] == pytest.approx(RISING[-2] - 0.8)
    assert result.last.lost["exhaustive"] == 0
    assert "epochs" not in {each.criterion.name for each in result.results}


def test_a_checkpoint_during_which_the_machine_slept_does_not_set_the_cost():
    awake = snapshots()
    slept = [replace(awake[0], seconds={**awake[0].seconds, "joint": 3600.0}), *awake[1:]]
    assert result_of(compare_criteria(slept, IMAGES), "joint_accuracy").seconds == pytest.approx(5)


def test_what_has_to_be_run_for_a_criterion_is_its_cost():
    result = found()
    cost = {each.criterion.name: each.seconds for each in result.results}
    assert cost["joint_accuracy"] == cost["joint_error"] == pytest.approx(5)
    assert cost["class_margin"] == pytest.approx(9)
    assert cost["frechet_distance"] == pytest.approx(1)
    assert cost["coverage"] == pytest.approx(0.8)
    assert cost["score"] == pytest.approx(15.1)


def test_a_training_judged_by_one_schedule_has_its_criteria_alone():
    figures = {"joint_accuracy": RISING, "joint_error": SHUFFLED, "sample_accuracy": SHUFFLED, "score": SHUFFLED}
    made = [
        Snapshot(n + 1, {name: each[n] for name, each in figures.items()}, SECONDS, {"joint": RISING[n]}, 60.0)
        for n in range(COUNT)
    ]
    result = compare_criteria(made, IMAGES)
    assert {each.criterion.name for each in result.results} == set(figures)
    assert list(result.best) == ["joint"]
    assert result.recommended == "joint_accuracy"


def test_a_document_gives_the_findings_it_was_made_from():
    made = snapshots(class_margin=RISING)
    document = {"checks": [vars(each) for each in made], "full": {"images": IMAGES}}
    assert read_study(document) == (made, compare_criteria(made, IMAGES))
