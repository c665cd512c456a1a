"""The suites of this distribution name components that are there."""

import pytest
from icbench.plugins import Host

from icbench_generators.suites import hobbhahn2019


@pytest.fixture(scope="module")
def host():
    return Host()


def test_every_spec_is_one_that_is_registered(host):
    suite = host.select("suite", "hobbhahn2019").build()
    assert suite == hobbhahn2019()
    for cell in suite.cells():
        for kind, spec in cell.specs.items():
            host.select(kind, spec)


def test_the_published_values_are_of_the_first_thousand_images():
    suite = hobbhahn2019()
    assert suite.images == 1000
    picked, steps = suite.experiments
    assert {cell.label: cell.published for cell in picked.cells}["k-means"] == (0.873,)
    assert steps.cells[0].steps == 0
