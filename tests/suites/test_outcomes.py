"""Verdicts follow from the images that each run has right, and say when they cannot be told."""

from dataclasses import replace

import numpy as np
import pytest
from record_factory import finished

from icbench.kinds.suite import Cell, Claim, Experiment, Suite
from icbench.records import read_record
from icbench.statistics import bootstrap_order, kendall_tau
from icbench.suites import evaluate_suite, select_experiments

IMAGES = 400
RANDOM = np.random.default_rng(0)
ORDER = RANDOM.permutation(IMAGES)


def accurate(accuracy):
    """Images of which so many are right; of two accuracies the higher has right what the lower has, and more."""
    return ORDER.argsort() < accuracy * IMAGES


def runs(cell, *accuracies, distance=0.01):
    """Finished records of a cell, one for each seed."""
    return [
        finished(accurate(accuracy), label=f"{cell.label} · mse · adam · joint", seed=seed, distance=distance)
        for seed, accuracy in enumerate(accuracies)
    ]


def outcome(accuracies, published, peak_inside=False, baseline="", tolerance=0.02):
    """Of one experiment with cells a, b, ..., some accuracies each."""
    cells = tuple(Cell(label, published=tuple(values)) for label, values in zip("abcdefg", published, strict=False))
    experiment = Experiment("one", "first", "setting", cells, peak_inside=peak_inside, baseline=baseline)
    suite = Suite("mine", "digits", "test", (experiment,), tolerance=tolerance)
    records = {cell: runs(cell, *own) for cell, own in zip(cells, accuracies, strict=False)}
    return evaluate_suite(select_experiments(suite), records)


def first(*given, **options):
    return outcome(*given, **options).experiments[0]


def test_a_cell_is_held_against_the_mean_of_its_repeats():
    found = first([[0.7, 0.8]], [[0.6, 0.7]])
    cell = found.cells[0]
    assert cell.published == pytest.approx((0.65, 0.05))
    assert cell.measured == pytest.approx((0.75, 0.05))
    assert cell.difference == pytest.approx(0.1)


@pytest.mark.parametrize(("accuracy", "below"), [(0.58, []), (0.5775, ["a"]), (0.9, [])])
def test_a_cell_below_the_tolerance_is_a_failure_and_one_above_is_none(accuracy, below):
    found = outcome([[accuracy]], [[0.6]])
    assert found.experiments[0].below == below
    assert len(found.failures) == len(below)


def test_a_cell_within_the_published_repeats_is_not_below_them():
    assert first([[0.57]], [[0.56, 0.64]]).below == []
    assert first([[0.55]], [[0.56, 0.64]]).below == ["a"]


@pytest.mark.parametrize(
    ("accuracies", "verdict"),
    [([[0.5], [0.7]], "holds"), ([[0.8], [0.6]], "does not hold"), ([[0.605], [0.6]], "undecided")],
)
def test_the_best_setting(accuracies, verdict):
    best = first(accuracies, [[0.5], [0.7]]).best
    assert best.published == "b"
    assert best.verdict == verdict


@pytest.mark.parametrize(
    ("accuracies", "verdict"),
    [
        ([[0.5], [0.7], [0.5]], "holds"),
        ([[0.5], [0.6], [0.7]], "does not hold"),
        ([[0.6], [0.605], [0.5]], "undecided"),
    ],
)
def test_a_maximum_inside(accuracies, verdict):
    assert first(accuracies, [[0.5], [0.7], [0.6]], peak_inside=True).peak.verdict == verdict
    assert first(accuracies, [[0.5], [0.7], [0.6]]).peak is None


def test_the_order_is_kendalls_tau_with_an_interval_that_holds_it():
    order = first([[0.5], [0.6], [0.7], [0.8]], [[0.5], [0.7], [0.6], [0.9]]).order
    assert order.value == pytest.approx(kendall_tau([0.5, 0.7, 0.6, 0.9], [0.5, 0.6, 0.7, 0.8]).value) == 2 / 3
    assert order.low <= order.value <= order.high


def test_an_order_that_chance_decides_has_a_wide_interval():
    correct = [RANDOM.random((1, 400)) < 0.7 for _ in range(4)]
    low, high = bootstrap_order([np.array([value]) for value in (0.1, 0.2, 0.3, 0.4)], correct)
    assert high - low > 0.8
    clear = [accurate(value)[None] for value in (0.2, 0.4, 0.6, 0.8)]
    assert bootstrap_order([np.array([value]) for value in (0.1, 0.2, 0.3, 0.4)], clear) == (1.0, 1.0)


def test_repeats_that_cannot_be_told_apart_widen_the_order_too():
    clear = [accurate(value)[None] for value in (0.2, 0.4, 0.6)]
    low, _ = bootstrap_order([np.array([0.1, 0.5]), np.array([0.5, 0.1]), np.array([0.3])], clear)
    assert low < 0


def test_the_others_are_compared_with_the_baseline_on_the_images_that_both_have():
    cells = (Cell("a"), Cell("b", images=100))
    experiment = Experiment("one", "first", "setting", cells, baseline="a")
    few = finished(accurate(0.7)[:100], label="b · mse · adam · joint")
    records = {cells[0]: runs(cells[0], 0.5), cells[1]: [few]}
    found = evaluate_suite(select_experiments(Suite("mine", "digits", "test", (experiment,))), records).experiments[0]
    assert found.cells[0].to_baseline is None
    difference = accurate(0.7)[:100].mean() - accurate(0.5)[:100].mean()
    assert found.cells[1].to_baseline.value == pytest.approx(difference)
    assert found.best is found.order is None


@pytest.mark.parametrize(
    ("accuracies", "by", "verdict"),
    [
        ((0.9, 0.5), 0.1, "holds"),
        ((0.5, 0.9), 0.1, "does not hold"),
        ((0.6, 0.5), 0.1, "undecided"),
        ((0.6, 0.6), 0.0, "undecided"),
        ((0.9, 0.85), 0.2, "does not hold"),
    ],
)
def test_a_claim_about_accuracy(accuracies, by, verdict):
    cell, than = Cell("a"), Cell("b")
    claim = Claim("a beats b", cell, than, by)
    suite = Suite("mine", "digits", "test", (), (claim,))
    records = {one: runs(one, accuracy) for one, accuracy in zip((cell, than), accuracies, strict=True)}
    assert evaluate_suite(select_experiments(suite), records).claims[0].verdict == verdict
    assert evaluate_suite(select_experiments(suite), {cell: records[cell]}).claims[0].verdict == "not run"


@pytest.mark.parametrize(("distance", "verdict"), [(0.01, "holds"), (0.03, "does not hold")])
def test_a_claim_about_reconstructions(distance, verdict):
    cell = Cell("a")
    suite = Suite("mine", "digits", "test", (), (Claim("nearly perfect", cell, median_distance=0.02),))
    found = evaluate_suite(select_experiments(suite), {cell: runs(cell, 0.5, 0.6, distance=distance)}).claims[0]
    assert found.verdict == verdict
    assert found.median_distance == pytest.approx(distance)


def test_what_is_not_complete_is_left_open_and_is_a_failure():
    cells = (Cell("a", published=(0.5,)), Cell("b", published=(0.6,)))
    suite = Suite("mine", "digits", "test", (Experiment("one", "first", "setting", cells),))
    stopped = runs(cells[1], 0.5)[0]
    stopped = replace(read_record(stopped.path), metadata=replace(stopped.metadata, status="interrupted"))
    found = evaluate_suite(select_experiments(suite), {cells[0]: runs(cells[0], 0.5), cells[1]: [stopped]})
    assert not found.experiments[0].complete
    assert found.experiments[0].best is None
    assert found.experiments[0].cells[1].row is None
    assert any("interrupted" in failure for failure in found.failures)


def test_the_tiers_are_those_of_the_entries_that_are_complete():
    cells = (Cell("a"), Cell("b"), Cell("c"))
    suite = Suite("mine", "digits", "test", (Experiment("one", "first", "setting", cells),))
    records = {
        cells[0]: [finished(accurate(0.5), label="a", tier="pixels")],
        cells[1]: [finished(accurate(0.6), label="b", tier="label features")],
    }
    assert evaluate_suite(select_experiments(suite), records).tiers == {"pixels", "label features"}
