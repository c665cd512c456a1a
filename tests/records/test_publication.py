"""A published record is small, and still says of each image what tables and checks need."""

import json
from pathlib import Path

import numpy as np
import pytest
from record_factory import finished, right, unfinished

from icbench.errors import IntegrityError
from icbench.records import RECORD_FILE, read_record
from icbench.records.checks import check_arrays, check_document
from icbench.records.publication import publish_record, round_to_half, why_not
from icbench.records.results_folder import ResultsFolder

PUBLIC = Path("public")
DISTANCE = np.linspace(0.001, 0.3, 20, dtype=np.float32)


def test_a_published_record_has_what_was_found_in_half_precision():
    record = finished(right(20, 3, 5), arrays={"distance": DISTANCE})
    found = publish_record(record, PUBLIC).record
    arrays = found.images()
    assert set(arrays) == {"index", "label", "prediction", "distance", "energy", "resets"}
    for name in ("index", "label", "prediction", "resets"):
        np.testing.assert_array_equal(arrays[name], record.images()[name])
    assert arrays["distance"].dtype == np.float16
    np.testing.assert_allclose(arrays["distance"], DISTANCE, rtol=2**-11)
    assert found.metrics.correct == 18
    assert found.metrics.seconds == record.metrics.seconds
    assert found.metrics.mean_distance == pytest.approx(record.metrics.mean_distance, rel=1e-3)


def test_it_is_the_same_run_and_agrees_with_itself():
    record = finished(right(20, 3), arrays={"distance": DISTANCE})
    found = publish_record(record, PUBLIC).record
    assert not found.edited
    assert (found.metadata.key, found.metadata.id) == (record.metadata.key, record.metadata.id)
    assert found.entry_key == record.entry_key
    findings = [*check_document(found), *check_arrays(found, found.images())]
    wrong = [one.what for one in findings if one.verdict != "holds"]
    # The factory's keys are made otherwise than a run's.
    assert wrong == ["run key"]


def test_scores_are_kept_if_they_are_asked_for():
    record = finished(right(20))
    assert publish_record(record, PUBLIC, scores=True).record.images()["class_scores"].dtype == np.float16


@pytest.mark.parametrize("values", [[1.0, 1e6], [1e-7, 3e-7, 0.5]])
def test_figures_that_half_precision_cannot_hold_stay(values):
    kept = np.array([*values, np.nan], np.float32)
    np.testing.assert_array_equal(round_to_half(kept), kept)
    assert round_to_half(kept).dtype == np.float32


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [0.0, 0.0], [np.inf, 0.5]])
def test_arrays_without_ordinary_figures_are_published_too(values):
    np.testing.assert_array_equal(round_to_half(np.array(values, np.float32)), values)


def test_the_same_record_is_published_as_the_same_bytes():
    record = finished(right(20, 3))
    first, second = (publish_record(record, Path(name)).record.path for name in ("one", "two"))
    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes()


def test_what_is_there_stays_and_another_run_at_its_place_is_an_error():
    record = finished(right(20, 3))
    path = publish_record(record, PUBLIC).record.path
    before = (path / RECORD_FILE).read_bytes()
    again = publish_record(record, PUBLIC)
    assert (again.made, (path / RECORD_FILE).read_bytes()) == (False, before)
    other = finished(right(20), seed=1)
    (PUBLIC / other.metadata.id).mkdir()
    for file in path.iterdir():
        (PUBLIC / other.metadata.id / file.name).write_bytes(file.read_bytes())
    with pytest.raises(IntegrityError, match="another run"):
        publish_record(other, PUBLIC)


def test_neither_an_unfinished_nor_an_edited_record_is_fit():
    path = finished(right(20)).path
    assert why_not(read_record(path)) == ""
    document = json.loads((path / RECORD_FILE).read_bytes())
    (path / RECORD_FILE).write_text(json.dumps({**document, "seed": 3}))
    assert "edited by hand" in why_not(read_record(path))
    assert "not finished" in why_not(read_record(unfinished(right(5), seed=1)))


def test_no_run_goes_on_from_rounded_results():
    record = finished(right(10), series="s")
    publish_record(record, PUBLIC)
    longer = finished(right(20), results=Path("other"), series="s").metadata
    for folder, taken in ((record.path.parent, 1), (PUBLIC, 0)):
        run = ResultsFolder(folder).grow(longer, 20, False, lambda _: None)
        assert len(run.shards) == taken
