"""Names beside points: where each has room, so that none lies over another."""

from collections.abc import Sequence
from math import cos, pi, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RADII = (1, 1.6, 2.4, 3.5, 5, 7, 9, 12, 15, 19, 24, 30)
"""How far from its point a name may stand, as multiples of the least distance."""
ANGLES = tuple(number * pi / 8 for number in range(16))
SIDE, ABOVE = 0.6, 1.0
"""What a place beside the right costs: on the left, and above or beneath, as multiples of the least distance."""
LINE, OBSTACLE, NAME, OUTSIDE = 0.8, 40.0, 1000.0, 4000.0
"""What it costs to lie over a line, an obstacle, a name or the connection of one, or outside of the frame."""
DENSE = 60.0
"""Points are crowded that are nearer to each other, as multiples of the least distance."""
CLOSE = 1.3
"""Up to which distance a name needs no line to its point, as a multiple of the least."""
SAMPLES = 12
"""By how many points the connection of a name to its point is represented."""


class Box(NamedTuple):
    """A rectangle, in any unit."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of boxes (N, 4) it shares an area with."""
        left, bottom, right, top = boxes.T
        shared: NDArray[np.bool_] = (
            (self.left < right) & (left < self.right) & (self.bottom < top) & (bottom < self.top)
        )
        return shared

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """Its point nearest to another."""
        return min(max(x, self.left), self.right), min(max(y, self.bottom), self.top)


def place_labels(
    anchors: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    frame: Box,
    obstacles: Sequence[Box] = (),
    lines: Sequence[float] = (),
    least: float = 6.0,
) -> list[Box]:
    """A place for each name, as near to its point as there is room; the most crowded points choose first.

    Args:
        anchors: (x, y) of the points.
        sizes: width and height of the names.
        frame: within which all names are to be.
        obstacles: what names should not lie over, such as points and the bars of their intervals.
        lines: the heights of horizontal lines that names should rather not lie over.
        least: the distance of a name from its point where there is room.
    """
    places: dict[int, Box] = {}
    taken = np.empty((0, 4))
    blocked = np.array(obstacles, dtype=np.float64).reshape(-1, 4)
    for number in _most_crowded_first(anchors, least):
        candidates = _candidates(anchors[number], sizes[number], least)
        costs = [cost + _cost(box, anchors[number], frame, blocked, lines, taken) for box, cost in candidates]
        places[number] = candidates[int(np.argmin(costs))][0]
        taken = np.vstack([taken, places[number], *_connection(places[number], anchors[number], least)])
    return [places[number] for number in range(len(anchors))]


def is_apart(box: Box, anchor: tuple[float, float], least: float) -> bool:
    """Whether a name is so far from its point that a line has to connect them."""
    x, y = box.nearest(*anchor)
    return bool(np.hypot(x - anchor[0], y - anchor[1]) > CLOSE * least)


def _most_crowded_first(anchors: Sequence[tuple[float, float]], least: float) -> list[int]:
    points = np.array(anchors, dtype=np.float64).reshape(-1, 2)
    distances = np.hypot(*(points[:, None] - points).transpose(2, 0, 1))
    near = np.clip(1 - distances / (DENSE * least / 6), 0, None).sum(axis=1)
    return [int(number) for number in np.argsort(-near, kind="stable")]


def _candidates(anchor: tuple[float, float], size: tuple[float, float], least: float) -> list[tuple[Box, float]]:
    """The places around a point with what each costs by itself."""
    found = []
    for radius in RADII:
        for angle in ANGLES:
            x, y = cos(angle), sin(angle)
            longest = max(abs(x), abs(y))
            middle = (
                anchor[0] + radius * least * x + x / longest * size[0] / 2,
                anchor[1] + radius * least * y + y / longest * size[1] / 2,
            )
            box = Box(
                middle[0] - size[0] / 2, middle[1] - size[1] / 2, middle[0] + size[0] / 2, middle[1] + size[1] / 2
            )
            found.append((box, radius + ABOVE * abs(y) + SIDE * (1 - x) / 2))
    return found


def _cost(
    box: Box,
    anchor: tuple[float, float],
    frame: Box,
    obstacles: NDArray[np.float64],
    lines: Sequence[float],
    taken: NDArray[np.float64],
) -> float:
    outside = box.left < frame.left or box.right > frame.right or box.bottom < frame.bottom or box.top > frame.top
    crossed = sum(box.bottom < line < box.top for line in lines)
    covered = int(box.overlap(obstacles).sum())
    names = int(box.overlap(taken).sum()) + sum(int(each.overlap(taken).any()) for each in _connection(box, anchor, 0))
    return OUTSIDE * outside + LINE * crossed + OBSTACLE * covered + NAME * names


def _connection(box: Box, anchor: tuple[float, float], least: float) -> list[Box]:
    """Small boxes along the line from a name to its point; none where they are so near that there is no line."""
    if least and not is_apart(box, anchor, least):
        return []
    x, y = box.nearest(*anchor)
    shares = np.linspace(0.15, 0.95, SAMPLES)
    points = [(anchor[0] + share * (x - anchor[0]), anchor[1] + share * (y - anchor[1])) for share in shares]
    return [Box(px - 0.5, py - 0.5, px + 0.5, py + 0.5) for px, py in points]
