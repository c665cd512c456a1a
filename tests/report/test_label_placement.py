"""Names beside points never lie over each other, and stay near where there is room."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icbench.report.label_placement import Box, is_apart, place_labels

FRAME = Box(0, 0, 600, 400)
SIZE = (70.0, 12.0)
INSIDE = st.tuples(st.floats(20, 580), st.floats(20, 380))


def overlap(one, other):
    return bool(one.overlap(np.array([other]))[0])


def within(box):
    return box.left >= 0 and box.bottom >= 0 and box.right <= 600 and box.top <= 400


def test_a_name_with_room_stands_right_of_its_point():
    (box,) = place_labels([(100, 100)], [SIZE], FRAME)
    assert box == pytest.approx((106, 94, 176, 106))
    assert not is_apart(box, (100, 100), 6)


def test_at_the_right_edge_it_stands_on_the_left():
    (box,) = place_labels([(590, 100)], [SIZE], FRAME)
    assert box.right == pytest.approx(584)


@settings(max_examples=40)
@given(st.lists(INSIDE, min_size=1, max_size=14))
def test_no_name_lies_over_another_and_all_are_inside(anchors):
    boxes = place_labels(anchors, [SIZE] * len(anchors), FRAME)
    assert not any(overlap(one, other) for one, other in combinations(boxes, 2))
    assert all(map(within, boxes))


def test_names_of_one_place_surround_it():
    anchors = [(300.0, 200.0)] * 12
    boxes = place_labels(anchors, [SIZE] * 12, FRAME, [Box(296, 150, 304, 250)])
    assert not any(overlap(one, other) for one, other in combinations(boxes, 2))
    assert not any(overlap(box, Box(296, 150, 304, 250)) for box in boxes)


def test_a_line_is_avoided_where_that_is_near():
    (box,) = place_labels([(100, 100)], [SIZE], FRAME, lines=[101])
    assert not box.bottom < 101 < box.top


def test_a_name_that_had_to_go_far_is_apart():
    blocked = [Box(60, 60, 240, 140)]
    (box,) = place_labels([(100, 100)], [SIZE], FRAME, blocked)
    assert not overlap(box, blocked[0])
    assert is_apart(box, (100, 100), 6)
