"""The products of this distribution: their numbers are those of their members, and they beat their first member."""

import pytest
import torch
from icbench.plugins.manager import plugin_manager
from icbench.running.datasets import Source
from icbench.running.entry import Entry
from icbench.running.options import Options
from icbench.running.product_runner import Evidence, ProductRunner

from icbench_generators import PRODUCTS

CPU = torch.device("cpu")
DOUBTFUL = 40
"""Of the first 2,000 validation images those that the first member is least sure of."""


@pytest.mark.parametrize("name", PRODUCTS)
def test_numbers_ship_that_were_fitted_to_validation_images(name):
    product = plugin_manager().select("product", name).build()
    assert (product.fit.fitted_on, product.fit.images) == ("mnist/validation", 10_000)
    # Each member tells something when it is asked; what a later one tells better may count for nothing by then.
    assert all(stage.weights[-1] > 0 and min(stage.weights) >= 0 for stage in product.fit.stages)


def test_numbers_for_fashion_are_found_by_the_dataset(manager):
    product = manager.select("product", "codes-deformable:trained_on=fashion-mnist").build()
    assert (product.fit.fitted_on, product.fit.images) == ("fashion-mnist/validation", 10_000)
    assert manager.select("product", "vae-warped:trained_on=fashion-mnist").build().fit is None


@pytest.mark.slow
def test_exemplars_set_right_what_the_vaes_are_in_doubt_about(validation, tmp_path):
    pytest.importorskip("icbench_distances")
    manager = plugin_manager()
    dataset = manager.select("dataset", "mnist")
    entry = Entry({"product": manager.select("product", "vae-deformable-fast")}, dataset)
    runner = ProductRunner(entry, CPU, 10, Source(dataset.build(), tmp_path, "mnist").folder)
    settings = runner.settings(Options(device="cpu", precision="float32"), 0)
    index = torch.arange(2_000).numpy()
    first = runner.ask(0, Evidence.none(2_000, 10, 2), validation.images, index, settings, 1_000)
    first = runner.combine(0, first, runner.fit.stages[0])
    doubtful = first.log_probabilities.max(axis=1).argsort()[:DOUBTFUL]
    doubtful.sort()
    begun = first.select(doubtful)
    both = runner.ask(1, begun, validation.images, index[doubtful], settings, 1_000)
    both = runner.combine(1, both, runner.fit.stages[1])
    labels = validation.labels[doubtful]
    alone, together = ((found.log_probabilities.argmax(axis=1) == labels).sum() for found in (begun, both))
    assert (both.asked == 2).all()
    assert together >= alone + 3
