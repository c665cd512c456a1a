"""Classes, confusions and calibration of one run, counted by hand."""

import numpy as np
import pytest
from record_factory import RESULTS, finished, right, unfinished

from icbench.errors import IntegrityError
from icbench.ranking import collect
from icbench.ranking.per_class import class_figures, confusion_matrix, run_calibration
from icbench.records import IMAGES_FILE, read_record
from icbench.statistics import calibration, fit_temperature, wilson_interval

LABEL = np.array([0, 0, 0, 0, 1, 1, 1, 2], np.int16)
PREDICTION = np.array([0, 0, 1, 2, 1, 1, -1, 1], np.int16)


def small(**said):
    """Eight images of three classes."""
    scores = {"class_scores": np.zeros((8, 3), np.float32)}
    arrays = {"label": LABEL, "prediction": PREDICTION, **scores, **said.pop("arrays", {})}
    return finished(LABEL == PREDICTION, arrays=arrays, **said)


def scored(draw, images, sharpness, **said):
    """A run whose scores are the more certain the greater the sharpness."""
    random = np.random.default_rng(draw)
    label = np.arange(images) % 10
    scores = random.normal(size=(images, 10)) + 2 * np.eye(10)[label]
    scores = (sharpness * scores).astype(np.float32)
    prediction = scores.argmax(axis=1)
    return finished(prediction == label, arrays={"class_scores": scores, "prediction": prediction}, **said)


def test_confusions_are_counted_by_label_and_prediction():
    expected = [[2, 1, 1, 0], [0, 2, 0, 1], [0, 1, 0, 0]]
    assert confusion_matrix(small()).tolist() == expected


def test_what_is_not_finite_is_no_class():
    assert confusion_matrix(small())[:, -1].tolist() == [0, 1, 0]


def test_a_class_s_figures_are_those_of_its_images():
    zero, one, two = class_figures(confusion_matrix(small()))
    assert (zero.images, zero.correct, zero.accuracy) == (4, 2, 0.5)
    assert (zero.low, zero.high) == wilson_interval(2, 4)
    assert zero.confused_with == 1
    assert (one.images, one.correct, one.confused_with) == (3, 2, None)
    assert (two.images, two.correct, two.confused_with) == (1, 0, 1)


def test_a_class_without_images_has_no_accuracy():
    figures = class_figures(confusion_matrix(small(arrays={"class_scores": np.zeros((8, 4), np.float32)})))
    assert (figures[3].images, figures[3].accuracy) == (0, None)


def test_labels_that_the_generator_does_not_know_have_rows_of_their_own():
    confusion = confusion_matrix(small(arrays={"class_scores": np.zeros((8, 2), np.float32)}))
    assert confusion.shape == (3, 4)


def test_a_run_without_images_has_no_classes():
    record = read_record(unfinished([], stop=("failed", "no luck")))
    assert class_figures(confusion_matrix(record)) == []
    assert run_calibration(record, []) is None


def test_the_temperature_is_fitted_on_validation_and_not_on_what_is_scored():
    test = scored(0, 200, 1.0)
    validation = scored(1, 100, 5.0, split="validation")
    found = run_calibration(test, collect([RESULTS]).records)
    scores, labels = (validation.images()[name] for name in ("class_scores", "label"))
    temperature = fit_temperature(scores, labels)
    assert found.temperature == pytest.approx(temperature)
    assert found.temperature != pytest.approx(fit_temperature(test.images()["class_scores"], test.images()["label"]))
    assert found == calibration(test.images()["class_scores"], test.images()["label"], temperature)


def test_of_several_validation_runs_the_one_with_the_most_images_is_used():
    test = scored(0, 100, 1.0)
    scored(1, 50, 5.0, split="validation", seed=1)
    largest = scored(2, 150, 2.0, split="validation", seed=2)
    found = run_calibration(test, collect([RESULTS]).records)
    images = largest.images()
    assert found.temperature == pytest.approx(fit_temperature(images["class_scores"], images["label"]))


@pytest.mark.parametrize(
    "other",
    [
        {"split": "test"},
        {"split": "train"},
        {"split": "validation", "steps": 100},
        {"split": "validation", "dataset": "letters"},
        {"split": "validation", "weights": "other"},
    ],
)
def test_no_other_run_serves_for_the_temperature(other):
    test = scored(0, 100, 1.0)
    scored(1, 60, 1.0, **other)
    unfinished(right(10), split="validation")
    assert run_calibration(test, collect([RESULTS]).records) is None


def test_images_without_finite_scores_are_left_out_of_the_calibration():
    scores = np.eye(10, dtype=np.float32)[np.arange(20) % 10]
    scores[3] = np.nan
    test = finished(right(20), arrays={"class_scores": scores})
    validation = scored(1, 50, 1.0, split="validation")
    found = run_calibration(test, [validation])
    kept = np.delete(np.arange(20), 3)
    assert found == calibration(scores[kept], (kept % 10), found.temperature)


def test_scores_that_are_never_finite_have_no_calibration():
    nothing = {"class_scores": np.full((20, 10), np.nan, np.float32)}
    test = finished(right(20), arrays=nothing)
    validation = finished(right(20), split="validation", arrays=nothing)
    fine = scored(1, 50, 1.0, split="validation", seed=1)
    assert run_calibration(test, [fine]) is None
    assert run_calibration(fine, [validation]) is None


def test_a_validation_run_that_cannot_be_read_is_named():
    test = scored(0, 50, 1.0)
    validation = scored(1, 50, 1.0, split="validation")
    (validation.path / IMAGES_FILE).write_bytes(b"torn")
    with pytest.raises(IntegrityError, match=validation.path.name):
        run_calibration(test, [validation])
