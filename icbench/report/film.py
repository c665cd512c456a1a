"""A live film of an inversion on a terminal: target and reconstruction, the classes' bars, the distance falling."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from icbench.report.class_names import MOST_LETTERS, call_by_number
from icbench.report.half_blocks import half_blocks
from icbench.report.table import printable

if TYPE_CHECKING:
    from icbench.engine.snapshots import Snapshot

HEADINGS = "target", "reconstruction", "classes"
LEAST_WIDTH, LEAST_HEIGHT = 48, 14
"""The least terminal that it is shown on."""
BESIDE = 24
"""The columns that the bars and the gaps take beside two pictures."""
AROUND = 6
"""The lines around the pictures."""
FRAME_SECONDS = 1 / 20
"""How long a picture stands at least."""
LEVELS = "▁▂▃▄▅▆▇█"
BAR, HALF = "█", "▌"


def can_show(console: Console) -> bool:
    """Whether a film can be shown: on a terminal that moves its cursor, has block characters and is not tiny."""
    width, height = console.size
    moves = console.is_terminal and not console.is_dumb_terminal and not console.legacy_windows
    return moves and not console.options.ascii_only and width >= LEAST_WIDTH and height >= LEAST_HEIGHT


class Film:
    """Shows snapshots of one image's inversion as they come; the last one stays.

    Args:
        console: a terminal; its size is asked for anew for each picture.
        title: what is inverted.
        target: (C, H, W).
        class_names: what the classes are called, if they have names.
    """

    def __init__(
        self, console: Console, title: str, target: NDArray[np.float32], class_names: Sequence[str] = ()
    ) -> None:
        self.console, self.title, self.target, self.class_names = console, title, target, class_names
        self.distances: list[float] = []
        self.shown = 0.0
        self.live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.live.stop()
        self.console.print()

    def show(self, snapshot: "Snapshot") -> None:
        """Show a snapshot, unless the last one was a moment ago."""
        self.distances.append(float(snapshot.distance[0]))
        now = time.monotonic()
        if now - self.shown >= FRAME_SECONDS or snapshot.step in (0, snapshot.steps):
            self.shown = now
            frame = film_frame(self.title, self.target, snapshot, self.distances, self.console, self.class_names)
            self.live.update(frame, refresh=True)


def film_frame(
    title: str,
    target: NDArray[np.float32],
    snapshot: "Snapshot",
    distances: list[float],
    console: Console,
    class_names: Sequence[str] = (),
) -> RenderableType:
    """One picture of the film, for a terminal as it is now.

    Args:
        title: what is inverted.
        target: (C, H, W).
        snapshot: of one image.
        distances: of the snapshots so far, this one included.
        console: the terminal.
        class_names: what the classes are called, if they have names.
    """
    width, height = console.size
    wide = _picture_width(target, width, height)
    coloured = bool(console.color_system) and not console.no_color
    pictures = [half_blocks(image, wide, coloured) for image in (target, snapshot.images[0])]
    lines = max(len(pictures[0].plain.splitlines()), height - AROUND)
    body = Table.grid(padding=(0, 2, 0, 0))
    side = max(wide, *map(len, HEADINGS))
    for _ in pictures:
        body.add_column(width=side, no_wrap=True)
    bars = _bars(snapshot.class_scores[0], width - 2 * side - 4, lines, class_names)
    body.add_row(*(Text(heading, style="dim") for heading in HEADINGS))
    body.add_row(*pictures, bars)
    return Group(_headline(title, snapshot, width), body, _curve(distances, width))


def _picture_width(target: NDArray[np.float32], width: int, height: int) -> int:
    """How wide a picture is shown: as it is or twice as large, or less where there is no room."""
    tall, wide = int(target.shape[1]), int(target.shape[2])
    room = (width - BESIDE) // 2
    for factor in (2, 1):
        if factor * wide <= room and factor * tall <= 2 * (height - AROUND):
            return factor * wide
    return max(1, min(room, 2 * (height - AROUND) * wide // tall))


def _headline(title: str, snapshot: "Snapshot", width: int) -> Text:
    count = f"step {snapshot.step} of {snapshot.steps}"
    name = Text(printable(title), style="bold")
    name.truncate(max(8, width - len(count) - 2), overflow="ellipsis")
    return Text.assemble(name, "  ", (count, "cyan"))


def _bars(scores: NDArray[np.float32], width: int, lines: int, names: Sequence[str]) -> Text:
    """A bar for each class, or for the best where there are more classes than lines; the best one is marked."""
    shares, best = bar_lengths(scores), int(np.nan_to_num(scores, nan=-np.inf).argmax())
    shown = sorted(np.argsort(-shares, kind="stable")[:lines].tolist())
    said = {number: cut(call_by_number(number, names), MOST_LETTERS) for number in shown}
    label = max(len(str(len(scores) - 1)), *map(len, said.values()))
    room = max(1, width - label - 3)
    rows, side = [], "<" if names else ">"
    for number in shown:
        halves = round(2 * room * float(shares[number]))
        bar = BAR * (halves // 2) + HALF * (halves % 2)
        style = "bold green" if number == best else ""
        mark = "›" if number == best else " "
        rows.append(Text.assemble((f"{mark}{said[number]:{side}{label}} ", style or "dim"), (bar, style or "cyan")))
    return Text("\n").join(rows)


def cut(text: str, most: int) -> str:
    """A text of so many letters at most."""
    return text if len(text) <= most else text[: most - 1] + "…"


def bar_lengths(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """How long the bars of classes (K,) are (0 to 1): shares as they are, other scores from the worst to the best."""
    values = np.nan_to_num(scores.astype(np.float64), nan=-np.inf, posinf=np.inf)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return np.zeros(len(values))
    low, high = finite.min(), finite.max()
    if low >= 0 and high <= 1:
        return np.where(np.isfinite(values), values, 0.0)
    span = high - low
    return np.where(np.isfinite(values), (values - low) / span if span > 0 else 1.0, 0.0)


def _curve(distances: list[float], width: int) -> Text:
    """The distances so far as a line of blocks, on a logarithmic scale, with the last as a number."""
    said = f"distance {distances[-1]:.5f} "
    logs = np.log10(np.maximum(np.nan_to_num(np.array(distances), nan=np.inf), 1e-9))
    logs = logs[np.isfinite(logs)][-max(1, width - len(said)) :]
    if not len(logs):
        return Text(said, style="dim")
    low, high = logs.min(), logs.max()
    heights = (logs - low) / (high - low) * (len(LEVELS) - 1) if high > low else np.zeros(len(logs))
    return Text.assemble((said, "dim"), ("".join(LEVELS[round(one)] for one in heights.tolist()), "cyan"))
