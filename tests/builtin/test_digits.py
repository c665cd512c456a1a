"""The digits of scikit-learn: complete, split without overlap, and told plainly where the package is not here."""

import sys
from pathlib import Path

import numpy as np
import pytest

from icbench.builtin.datasets import digits
from icbench.builtin.datasets.digits import Digits
from icbench.errors import MissingDataError


def test_all_images_are_in_one_split_and_use_the_range_of_bytes():
    pytest.importorskip("sklearn")
    splits = [Digits().split(name, Path()) for name in ("train", "validation", "test")]
    assert [len(split) for split in splits] == [1249, 249, 299]
    for split in splits:
        assert split.images.shape[1:] == (1, 8, 8)
        assert (split.images.min(), split.images.max()) == (0, 255)
        assert {*np.unique(split.labels)} == {*range(10)}


def test_without_scikit_learn_the_way_to_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    with pytest.raises(MissingDataError, match="digits needs scikit-learn") as caught:
        Digits().split("test", Path())
    assert caught.value.hint == "pip install 'icbench[digits]'"
    assert not Digits().is_here(Path())
    assert Digits().status(Path()) == "needs scikit-learn: pip install 'icbench[digits]'"
