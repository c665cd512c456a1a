"""Arrays that are not the results of images are noticed, whatever is wrong with them."""

import numpy as np
import pytest
from record_factory import arrays_of, right

from icbench.records.arrays import NEEDED, difference_in_form, fault_in

IMAGES = 20

FAULTS = {
    "a column": ({"label": np.zeros((IMAGES, 1), int)}, "'label' is int64 of shape (20, 1)"),
    "no numbers": ({"prediction": np.array(["7"] * IMAGES)}, "'prediction' is <U1"),
    "whole numbers as floats": ({"label": np.zeros(IMAGES)}, "'label' is float64"),
    "truth values": ({"prediction": np.zeros(IMAGES, bool)}, "'prediction' is bool"),
    "scores without classes": ({"class_scores": np.zeros(IMAGES, np.float32)}, "'class_scores'"),
    "too few rows": ({"distance": np.zeros(IMAGES - 1)}, "different numbers of rows"),
    "one number for all": ({"distance": np.array(0.5)}, "'distance' is float64 of shape ()"),
    "a position of no image": ({"index": np.arange(IMAGES) + 1}, "'index' goes from 1 to 20"),
    "a negative position": ({"index": np.arange(IMAGES) - 1}, "'index' goes from -1"),
    "an image twice": ({"index": np.arange(IMAGES) // 2}, "an image is there twice"),
    "a negative label": ({"label": np.full(IMAGES, -1)}, "'label' goes from -1"),
    "a label that cannot be stored": ({"label": np.full(IMAGES, 2**15)}, "'label' goes from 32768"),
    "a prediction of no class": ({"prediction": np.full(IMAGES, 10)}, "'prediction' goes from 10"),
    "a prediction below -1": ({"prediction": np.full(IMAGES, -2)}, "'prediction' goes from -2"),
    "negative resets": ({"resets": np.full(IMAGES, -1)}, "'resets' goes from -1"),
}


def test_sound_arrays_have_no_fault():
    assert fault_in(arrays_of(right(IMAGES, 3)), IMAGES, NEEDED) == ""
    assert fault_in({name: values[:0] for name, values in arrays_of(right(IMAGES)).items()}, IMAGES, NEEDED) == ""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_said(fault):
    changed, said = FAULTS[fault]
    assert said in fault_in({**arrays_of(right(IMAGES)), **changed}, IMAGES, NEEDED)


@pytest.mark.parametrize("name", NEEDED)
def test_what_every_run_has_must_be_there(name):
    arrays = arrays_of(right(IMAGES))
    del arrays[name]
    assert fault_in(arrays, IMAGES, NEEDED) == f"'{name}' is missing"


def test_rows_of_another_shape_are_said():
    arrays = arrays_of(right(IMAGES))
    fewer = {**arrays, "class_scores": arrays["class_scores"][:, :3]}
    assert difference_in_form(arrays, [arrays]) == ""
    assert "class_scores" in difference_in_form(arrays, [fewer])
