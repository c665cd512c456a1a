"""A suite's tables say how far repeats are apart."""

import pytest
from record_factory import finished, first

from icbench.kinds.suite import Cell, Experiment, Mark, Suite
from icbench.report.suites import suite_data, suite_grids
from icbench.suites import evaluate_suite, select_experiments


def suite_of(*cells, **fields):
    return Suite("mine", "digits", "test", (Experiment("one", "first", "setting", cells),), **fields)


@pytest.mark.parametrize(("seeds", "spread"), [(1, ""), (2, " ± 0.0000")])
def test_repeats_that_are_alike_keep_their_deviation(seeds, spread):
    cell = Cell("a", published=(0.8, 0.8)[:seeds])
    records = [finished(first(90, 100), label="a · mse · adam · joint", seed=seed) for seed in range(seeds)]
    suite = suite_of(cell)
    (row,) = suite_grids(evaluate_suite(select_experiments(suite), {cell: records}))[0].rows()
    assert f"0.9000{spread}" in row
    assert f"0.8000{spread}" in row


def test_the_data_have_the_published_marks():
    outcome = evaluate_suite(select_experiments(suite_of(Cell("a"), marks=(Mark("1-NN", 0.97),))), {})
    assert suite_data(outcome)["marks"] == [{"name": "1-NN", "accuracy": 0.97, "note": ""}]
