"""A gate for continuous integration: has an entry become worse than a baseline, beyond a margin and chance?"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from icbench.errors import UsageError
from icbench.ranking.leaderboard import Leaderboard
from icbench.ranking.rows import Row, Track
from icbench.records.metadata import RecordMetadata
from icbench.statistics import Estimate, difference_estimate

Verdict = Literal["no worse", "undecided", "worse", "missing"]


@dataclass(frozen=True)
class GateResult:
    """One entry of the baseline against the same entry now.

    Args:
        label: the entry.
        track: its images.
        verdict: "worse" if the whole interval of the difference is below minus the margin, "no worse" if none of it
            is, "undecided" between, "missing" if the entry is not there any more.
        difference: accuracy now minus accuracy then; None if missing.
    """

    label: str
    track: Track
    verdict: Verdict
    difference: Estimate | None

    @property
    def passed(self) -> bool:
        """Whether the gate lets it through: nothing proves that it is worse, and it is there."""
        return self.verdict in ("no worse", "undecided")


@dataclass(frozen=True)
class BaselineEntry:
    """An entry as a baseline has it.

    Args:
        track: its images.
        label: what it was called there.
        name: what its records call it.
        setting: its steps, precision, device and when it stops.
        correct: (S, N), which images each seed had right.
    """

    track: Track
    label: str
    name: str
    setting: tuple[object, ...]
    correct: NDArray[np.bool_]


@dataclass(frozen=True)
class _Inversion:
    """What a document of a leaderboard says of how long an entry inverts."""

    steps: int
    stop_when: float | None = None


@dataclass(frozen=True)
class _Row:
    """What a document of a leaderboard says of an entry."""

    label: str
    name: str
    entry: _Inversion
    precision: str
    device: str
    correct: tuple[str, ...]


@dataclass(frozen=True)
class _Table:
    """What a document of a leaderboard says of a track."""

    dataset: str
    split: str
    digest: str
    images: int
    rows: tuple[_Row, ...]


@dataclass(frozen=True)
class _Tables:
    tracks: tuple[_Table, ...]


@dataclass(frozen=True)
class _Document:
    data: _Tables


def gate(board: Leaderboard, baseline: Path, margin: float) -> list[GateResult]:
    """Test every entry of a baseline for a loss of accuracy (non-inferiority, 95 % interval, paired on images).

    Entries are matched by name, so that a change of code or weights is what is tested. Where several have the name,
    those of the same steps, precision and device are meant; where these are several, as before and after a change of
    code, each is tested.

    Args:
        board: the present.
        baseline: what `icbench leaderboard --json` printed.
        margin: the loss of accuracy that is accepted, such as 0.005.

    Raises:
        UsageError: the baseline is missing, is no leaderboard or has no entries.
    """
    entries = _read(baseline)
    if not entries:
        raise UsageError(f"the baseline {baseline} has no entries", "Make one from a folder with records.")
    present = {table.track: [entry.row for entry in table.standings] for table in board.tracks}
    results = []
    for then in entries:
        rows = _matching(then, present.get(then.track, []))
        results += [_result(row, then, margin) for row in rows] or [_missing(then)]
    return results


def pack_correct(correct: NDArray[np.bool_]) -> list[str]:
    """Which images each seed has right, as base64 text of packed bits: what a later gate pairs on."""
    return [base64.b64encode(np.packbits(row).tobytes()).decode() for row in correct]


def unpack_correct(texts: Sequence[str], images: int) -> NDArray[np.bool_]:
    """The (S, N) array that `packed` was given.

    Raises:
        ValueError: it was not given one of N = `images`.
    """
    rows = [np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8)) for text in texts]
    if any(not images <= len(row) < images + 8 for row in rows):
        raise ValueError(f"'correct' is not about {images} images")
    return np.stack([row[:images] for row in rows]).astype(bool)


def _matching(then: BaselineEntry, rows: Sequence[Row]) -> list[Row]:
    found = [row for row in rows if row.name == then.name]
    for number, value in enumerate(then.setting):
        found = [row for row in found if _setting(row.metadata)[number] == value] or found
    return found


def _setting(metadata: RecordMetadata) -> tuple[object, ...]:
    return metadata.entry.steps, metadata.precision, metadata.device, metadata.entry.stop_when


def _result(row: Row, then: BaselineEntry, margin: float) -> GateResult:
    difference = difference_estimate(row.correct, then.correct)
    if difference.high < -margin:
        return GateResult(row.label, then.track, "worse", difference)
    return GateResult(row.label, then.track, "no worse" if difference.low >= -margin else "undecided", difference)


def _missing(then: BaselineEntry) -> GateResult:
    return GateResult(then.label, then.track, "missing", None)


def _read(baseline: Path) -> list[BaselineEntry]:
    try:
        document = msgspec.json.decode(baseline.read_bytes(), type=_Document)
        return [_baseline_entry(table, row) for table in document.data.tracks for row in table.rows]
    except OSError as error:
        raise UsageError(f"the baseline {baseline} cannot be read: {error.strerror}", "Check the path.") from None
    except ValueError as error:
        raise UsageError(
            f"the baseline {baseline} is no leaderboard: {error}",
            "Make one with `icbench leaderboard --json > FILE`.",
        ) from None


def _baseline_entry(table: _Table, row: _Row) -> BaselineEntry:
    track = Track(table.dataset, table.split, table.images, table.digest)
    setting = (row.entry.steps, row.precision, row.device, row.entry.stop_when)
    return BaselineEntry(track, row.label, row.name, setting, unpack_correct(row.correct, table.images))


def as_data(results: Sequence[GateResult]) -> list[dict[str, Any]]:
    """The results as JSON has them."""
    return [
        {
            "label": result.label,
            "dataset": result.track.dataset,
            "split": result.track.split,
            "images": result.track.images,
            "verdict": result.verdict,
            "difference": vars(result.difference) if result.difference else None,
        }
        for result in results
    ]
