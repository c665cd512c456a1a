"""Each faulty component is caught by the checks that are meant for its fault, and by no other."""

import random
import warnings

import faulty_classifiers
import faulty_datasets
import faulty_distances
import faulty_executors
import faulty_generators
import faulty_optimizers
import faulty_products
import faulty_records
import faulty_schedules
import numpy as np
import pytest
import torch

from icbench.plugins.shared_state import changes, shared_state
from icbench.testing.checks import executor
from icbench.testing.registry import KITS
from icbench.testing.runner import check_component
from icbench.testing.subject import subject_of

MODULES = (
    faulty_classifiers,
    faulty_datasets,
    faulty_distances,
    faulty_executors,
    faulty_generators,
    faulty_optimizers,
    faulty_products,
    faulty_records,
    faulty_schedules,
)
FAULTS = [fault for module in MODULES for fault in module.FAULTS]
IN_FILES = {"registering_does_not_import_torch", "importing_it_changes_nothing"}
"""Checks of how a module is imported; their faults are in files of their own, in test_plugin_check.py."""


@pytest.fixture(autouse=True)
def _briefly(monkeypatch):
    """What is waited for to see that it does not end is waited for briefly; workers that a fault leaves are ended."""
    monkeypatch.setattr(executor, "HELD_SECONDS", 0.5)
    monkeypatch.setattr(executor, "ENDING_SECONDS", 2.0)
    yield
    faulty_executors.Lingering.end_all()


@pytest.fixture(autouse=True)
def _toys(use_plugins):
    """What members of products are made of."""
    use_plugins("toy", "faulty_products")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_fault_is_caught_by_the_checks_meant_for_it(fault):
    before = shared_state()
    checked = check_component(subject_of(fault.kind, fault.component))
    assert {outcome.check for outcome in checked.failed} == fault.caught_by, [
        f"{outcome.check}: {outcome.reason}" for outcome in checked.failed
    ]
    assert not changes(before)


@pytest.mark.parametrize("kind", KITS)
def test_every_check_catches_some_fault(kind):
    common = set.intersection(*({check.__name__ for check in kit.all} for kit in KITS.values()))
    caught = {name for fault in FAULTS for name in fault.caught_by if fault.kind == kind or name in common}
    assert {check.__name__ for check in KITS[kind].all} - caught <= IN_FILES


def test_a_failed_gate_is_the_only_failure_and_skips_the_rest():
    fault = next(fault for fault in FAULTS if fault.component.name == "not-finite")
    checked = check_component(subject_of("generator", fault.component))
    assert len(checked.failed) == 1
    assert "images_are_finite has to pass first" in {outcome.reason for outcome in checked.skipped}
    assert "gradient_of_noise_is_right" in {outcome.check for outcome in checked.skipped}


@pytest.mark.parametrize(
    "change",
    [
        lambda: random.seed(1),
        lambda: np.random.seed(1),
        lambda: torch.manual_seed(1),
        lambda: torch.set_default_dtype(torch.float64),
        lambda: torch.set_grad_enabled(False),
        lambda: torch.set_num_threads(2),
        lambda: torch.set_autocast_enabled("cpu", True),
        lambda: torch.set_default_device("meta"),
        lambda: warnings.simplefilter("ignore"),
        lambda: np.seterr(all="ignore"),
    ],
)
def test_shared_state_that_changes_is_noticed_and_put_back(change):
    from icbench.plugins.shared_state import preserve_state

    before = shared_state()
    with preserve_state():
        change()
        assert len(changes(before)) == 1
    assert changes(before) == []
