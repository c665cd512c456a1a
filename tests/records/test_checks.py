"""What a record says of itself, held against itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from record_factory import finished, right

from icbench.records.checks import DIFFERS, HOLDS, UNCHECKED, check_arrays, check_document
from icbench.records.record import read_unverified

OLD = Path(__file__).parent / "schema-1"


def verdicts(findings):
    return {finding.what: finding.verdict for finding in findings}


def test_a_record_of_an_older_icbench_has_no_digests_that_could_be_checked():
    for path in OLD.iterdir():
        assert verdicts(check_document(read_unverified(path))) == {"record.json": UNCHECKED, "run key": UNCHECKED}


def test_a_key_that_is_not_that_of_the_run_differs():
    assert verdicts(check_document(finished(right(20))))["run key"] == DIFFERS


def test_a_figure_that_does_not_follow_from_the_images_is_named():
    record = finished(right(20, 3))
    better = replace(record, metadata=replace(record.metadata, metrics=replace(record.metrics, accuracy=1.0)))
    found = {finding.what: finding for finding in check_arrays(better, record.images())}
    assert (found["figures"].verdict, found["figures"].detail) == (DIFFERS, "accuracy is 0.95, not 1.0")
    assert found["images"].verdict == found["class scores"].verdict == HOLDS


def test_images_that_are_missing_are_seen():
    record = finished(right(20), images=30)
    found = {finding.what: finding for finding in check_arrays(record, record.images())}
    assert (found["images"].verdict, found["images"].detail) == (DIFFERS, "20 of 30 images are there")


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_scores_of_any_size_are_best_for_their_class_or_not(kind):
    record = finished(right(20))
    arrays = record.images()
    arrays["class_scores"] = arrays["class_scores"].astype(kind)
    assert verdicts(check_arrays(record, arrays))["class scores"] == HOLDS
    arrays["class_scores"][7] = arrays["class_scores"][8]
    found = {finding.what: finding for finding in check_arrays(record, arrays)}["class scores"]
    assert (found.verdict, found.detail) == (DIFFERS, "1 predictions are not the class of the best score: images 7")
