"""A suite's tables say how far repeats are apart."""

import pytest
from record_factory import finished, first

from icbench.kinds.suite import Cell, Experiment, Suite
from icbench.report.suites import suite_grids
from icbench.suites import evaluate_suite, select_experiments


@pytest.mark.parametrize(("seeds", "spread"), [(1, ""), (2, " ± 0.0000")])
def test_repeats_that_are_alike_keep_their_deviation(seeds, spread):
    cell = Cell("a", published=(0.8, 0.8)[:seeds])
    records = [finished(first(90, 100), label="a · mse · adam · joint", seed=seed) for seed in range(seeds)]
    suite = Suite("mine", "digits", "test", (Experiment("one", "first", "setting", (cell,)),))
    (row,) = suite_grids(evaluate_suite(select_experiments(suite), {cell: records}))[0].rows()
    assert f"0.9000{spread}" in row
    assert f"0.8000{spread}" in row
