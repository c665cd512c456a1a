"""The suites of this distribution name components that are there, once what they need is installed."""

from importlib.util import find_spec

import pytest
from icbench.plugins.manager import plugin_manager

from icbench_generators import icbench_suites
from icbench_generators.suites import distances, gap, gap_fashion, hobbhahn2019

SUITES = [component.name for component in icbench_suites()]
OTHERS = ("icbench_classifiers", "icbench_distances")


@pytest.fixture(scope="module")
def manager():
    return plugin_manager()


@pytest.mark.parametrize("name", SUITES)
def test_every_spec_is_one_that_is_registered(manager, name):
    if name != "hobbhahn2019" and not all(map(find_spec, OTHERS)):
        pytest.skip(f"needs {' and '.join(OTHERS)}")
    suite = manager.select("suite", name).build()
    specs = {(kind, spec) for cell in suite.cells() for kind, spec in cell.specs.items()}
    assert {"generator", "schedule"} <= {kind for kind, _ in specs}
    for kind, spec in specs:
        assert manager.select(kind, spec).name == spec.partition(":")[0].rpartition("/")[2]


def test_the_published_values_are_of_the_first_thousand_images():
    suite = hobbhahn2019()
    assert suite.images == 1000
    picked, steps = suite.experiments
    assert {cell.label: cell.published for cell in picked.cells}["k-means"] == (0.873,)
    assert steps.cells[0].steps == 0


def test_the_ladder_is_on_test_images_and_what_may_choose_is_on_validation_images():
    assert gap().split == gap_fashion().split == "test"
    assert gap_fashion().dataset == "fashion-mnist"
    assert distances().split == "validation"


def test_each_distance_is_in_an_inversion_and_in_a_neighbour():
    inversion, neighbour = distances().experiments
    inverted = {cell.label: cell.distance for cell in inversion.cells}
    compared = {cell.label: cell.classifier.partition("distance=")[2] or "mse" for cell in neighbour.cells}
    assert inverted == compared == {label: label for label in inverted}
