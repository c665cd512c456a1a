"""What runs cost is told by earlier ones: of the same entry, else of the same generator, on the same kind of device."""

import numpy as np
import pytest
from record_factory import finished, metadata_of

from icbench.running.costs import UNKNOWN, EarlierCosts

ALL = np.ones(20, bool)
JOINT, EXHAUSTIVE = "cgan · mse · adam · joint", "cgan · mse · adam · exhaustive"


def earlier(*rates, **said):
    return EarlierCosts([finished(ALL, folder=f"run-{rate}", rate=rate, **said) for rate in rates])


def test_the_entry_tells_with_the_median_of_its_runs_and_the_most_memory():
    found = earlier(1.0, 2.0, 10.0).find(metadata_of(seed=9, images=1000), 401)
    assert found.seconds == pytest.approx(0.5)
    assert found.source == "3 earlier runs of the entry"
    assert found.memory == 2**20


def test_another_version_of_the_code_tells_too():
    assert earlier(4.0, source="sha256:old", version="0.9").find(metadata_of(), 401).seconds == pytest.approx(0.25)


def test_the_generator_tells_in_proportion_to_nfe():
    found = earlier(10.0, nfe=400).find(metadata_of(EXHAUSTIVE), 1000)
    assert found.seconds == pytest.approx(0.1 / 400 * 1000)
    assert found.source == "1 earlier run of the generator, by NFE"
    assert found.memory is None


@pytest.mark.parametrize(
    "other",
    [{"cpu": "another processor"}, {"device": "cuda", "gpus": ["one"]}, {"label": "vae · mse · adam · joint"}],
    ids=["processor", "device", "generator"],
)
def test_what_is_elsewhere_or_of_another_generator_tells_nothing(other):
    assert earlier(10.0).find(metadata_of(**other), 401) == UNKNOWN


def test_gpus_of_another_kind_tell_nothing_and_the_processor_beside_them_does_not_matter():
    costs = earlier(10.0, device="cuda", gpus=["one"])
    assert costs.find(metadata_of(device="cuda", gpus=["two"]), 401) == UNKNOWN
    assert costs.find(metadata_of(device="cuda", gpus=["one"], cpu="another"), 401).seconds == pytest.approx(0.1)


@pytest.mark.parametrize("other", [{"steps": 100}, {"precision": "bfloat16"}], ids=str)
def test_other_settings_are_another_entry(other):
    found = earlier(10.0).find(metadata_of(**other), 401)
    assert "of the entry" not in found.source


def test_a_classifier_is_told_of_by_itself_alone():
    costs = earlier(10.0, label="nearest-neighbour", direct=True)
    assert costs.find(metadata_of("nearest-neighbour", direct=True), 0).seconds == pytest.approx(0.1)
    assert costs.find(metadata_of("linear", direct=True), 0) == UNKNOWN
