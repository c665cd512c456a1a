"""The leaderboard: each track's entries with ranks that admit what cannot be told apart."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from icbench.ranking.collection import Collection
from icbench.ranking.rows import PartialRun, Row, Track, rows_of, tracks
from icbench.records import Record
from icbench.statistics import Estimate, difference_estimate, pairwise_tests, rank_ranges

if TYPE_CHECKING:
    from pandas import DataFrame

By = Literal["accuracy", "nfe", "speed", "distance"]


@dataclass(frozen=True)
class RankedEntry:
    """A row and how it stands in its track.

    Args:
        row: the entry.
        ranks: the first and last rank by accuracy that it may have; None for a direct classifier.
        to_best: accuracy minus that of the best inversion, p corrected for all comparisons; None for the best itself.
        comparable_speed: whether its speed was measured on the machine and in the precision that most inversions share.
        pareto: no other row is as accurate with fewer evaluations, or more accurate with as many.
    """

    row: Row
    ranks: tuple[int, int] | None
    to_best: Estimate | None
    comparable_speed: bool
    pareto: bool


@dataclass(frozen=True)
class RankedTrack:
    """One track's table.

    Args:
        track: what was classified.
        standings: inversions, in the order asked for.
        direct: direct classifiers, by accuracy.
        partial: runs that are not complete.
        beyond_budget: rows left out because of their NFE.
    """

    track: Track
    standings: list[RankedEntry]
    direct: list[RankedEntry]
    partial: list[PartialRun]
    beyond_budget: int


@dataclass(frozen=True)
class Leaderboard:
    """All tracks, and what was left out of them.

    Args:
        tracks: in the order of dataset, split and images.
        problems: a line per record that could not be used.
        notes: a line per thing that was seen and does not hinder.
    """

    tracks: list[RankedTrack]
    problems: list[str]
    notes: list[str]

    def to_pandas(self) -> "DataFrame":
        """All rows of all tracks as a pandas data frame, with the columns of `icbench leaderboard --format csv`.

        Raises:
            UsageError: pandas is not installed.
        """
        from icbench.report.notebook import leaderboard_frame

        return leaderboard_frame(self)

    def _repr_html_(self) -> str:
        from icbench.report.notebook import leaderboard_html

        return leaderboard_html(self)


def rank(collection: Collection, by: By = "accuracy", budget: int | None = None) -> Leaderboard:
    """Rank the records' entries within each track.

    Args:
        collection: the records.
        by: the order of the rows; ranks are by accuracy whatever it is.
        budget: rank only entries of at most so many generator evaluations per image.
    """
    ranked, problems = [], list(collection.problems)
    for track, records in tracks(collection.records).items():
        table, unread = _rank_track(track, records, by, budget)
        ranked.append(table)
        problems += unread
    return Leaderboard(ranked, problems, collection.notes)


def _rank_track(track: Track, records: Sequence[Record], by: By, budget: int | None) -> tuple[RankedTrack, list[str]]:
    rows, partial, problems = rows_of(track, records)
    rows.sort(key=lambda row: (-row.accuracy.value, row.nfe, row.label, row.key))
    inverting = [row for row in rows if not row.direct]
    afforded = [row for row in inverting if budget is None or row.nfe <= budget]
    direct = [row for row in rows if row.direct]
    machine = _most_common_machine(afforded or direct)
    standings = _rank_inversions(afforded, machine)
    standings.sort(key=lambda entry: _order(entry, by))
    beside = _rank_direct(direct, afforded[0] if afforded else None, machine)
    return RankedTrack(track, standings, beside, partial, len(inverting) - len(afforded)), problems


def _rank_inversions(rows: Sequence[Row], machine: str | None) -> list[RankedEntry]:
    """The standings of rows that are in the order of their accuracy."""
    if not rows:
        return []
    tests = pairwise_tests([row.correct for row in rows])
    ranges = rank_ranges(tests.better)
    return [
        RankedEntry(
            row=row,
            ranks=ranges[place],
            to_best=_to_best(row, rows[0], float(tests.p[place, 0])) if place else None,
            comparable_speed=machine is not None and row.machine == machine,
            pareto=not any(_dominates(other, row) for other in rows),
        )
        for place, row in enumerate(rows)
    ]


def _rank_direct(rows: Sequence[Row], best: Row | None, machine: str | None) -> list[RankedEntry]:
    """Direct classifiers, tested against the best inversion and corrected for their own number."""
    p = pairwise_tests([best.correct, *(row.correct for row in rows)]).p[0] if best and rows else None
    return [
        RankedEntry(
            row=row,
            ranks=None,
            to_best=_to_best(row, best, float(p[place])) if best and p is not None else None,
            comparable_speed=machine is not None and row.machine == machine,
            pareto=False,
        )
        for place, row in enumerate(rows, 1)
    ]


def _to_best(row: Row, best: Row, p: float) -> Estimate:
    difference = difference_estimate(row.correct, best.correct)
    return Estimate(difference.value, difference.low, difference.high, p=p)


def _dominates(other: Row, row: Row) -> bool:
    as_good = other.accuracy.value >= row.accuracy.value and other.nfe <= row.nfe
    return as_good and (other.accuracy.value > row.accuracy.value or other.nfe < row.nfe)


def _most_common_machine(rows: Sequence[Row]) -> str | None:
    counts = Counter(row.machine for row in rows if row.machine)
    return max(counts, key=lambda machine: (counts[machine], machine), default=None)


def _order(entry: RankedEntry, by: By) -> tuple[float, ...]:
    """The sort key; what has no value comes last, ties keep the order of accuracy."""
    row = entry.row
    speed = row.images_per_second if entry.comparable_speed else None
    value = {"accuracy": -row.accuracy.value, "nfe": row.nfe, "distance": row.mean_distance}.get(by)
    if by == "speed":
        value = None if speed is None else -speed
    return (value is None, value or 0.0)
