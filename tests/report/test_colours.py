"""The colours of figures can be told apart with any colour vision, and read on paper."""

from itertools import combinations

import numpy as np
import pytest

from icbench.report.charts import HERE, INK, PALE, RIGHT, THERE, WRONG
from icbench.report.cost_chart import COLOURS, FORMS

# Machado, Oliveira and Fernandes 2009, severity 1: how linear colours look to each vision.
VISIONS = {
    "usual": np.eye(3),
    "without L cones": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "without M cones": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "without S cones": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
WHITE = [0.9505, 1.0, 1.089]
APART, READABLE = 20, 4.5


def linear(colour):
    levels = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def lab(levels):
    """CIE L*a*b* of linear colours."""
    part = np.array(XYZ) @ levels.clip(0, 1) / WHITE
    root = np.where(part > 0.008856, np.cbrt(part), 7.787 * part + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize(
    "colours", [[*COLOURS.values()], [HERE, THERE], [RIGHT, WRONG]], ids=["tiers", "suite", "right"]
)
def test_colours_that_stand_beside_each_other_are_told_apart(colours, vision):
    seen = [lab(np.array(VISIONS[vision]) @ linear(colour)) for colour in colours]
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(one - other) > APART


@pytest.mark.parametrize("colour", [*COLOURS.values(), RIGHT, WRONG, PALE, INK])
def test_words_in_a_colour_can_be_read_on_white(colour):
    assert 1.05 / (linear(colour) @ XYZ[1] + 0.05) > READABLE


def test_tiers_are_told_by_their_forms_too():
    assert len(set(FORMS.values())) == len(COLOURS)
