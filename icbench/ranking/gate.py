"""A gate for continuous integration: has an entry become worse than a baseline, beyond a margin and chance?"""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from icbench.errors import IntegrityError, UsageError
from icbench.ranking.leaderboard import Leaderboard
from icbench.ranking.rows import Row, Track
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
        return self.verdict in ("no worse", "undecided")


def gate(board: Leaderboard, baseline: Path, margin: float) -> list[GateResult]:
    """Test every entry of a baseline for a loss of accuracy (non-inferiority, 95 % interval, paired on images).

    Entries are matched by track and label, so that a change of code or weights is what is tested.

    Args:
        board: the present.
        baseline: what `icbench leaderboard --json` printed.
        margin: the loss of accuracy that is accepted, such as 0.005.

    Raises:
        UsageError: the baseline is missing or is no leaderboard.
    """
    now = {(table.track, standing.row.label): standing.row for table in board.tracks for standing in table.standings}
    return [_result(label, track, now.get((track, label)), then, margin) for track, label, then in _entries(baseline)]


def packed(correct: NDArray[np.bool_]) -> list[str]:
    """Which images each seed has right, as base64 text of packed bits: what a later gate pairs on."""
    return [base64.b64encode(np.packbits(row).tobytes()).decode() for row in correct]


def unpacked(texts: Sequence[str], images: int) -> NDArray[np.bool_]:
    """The (S, N) array that `packed` was given."""
    rows = [np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), count=images) for text in texts]
    return np.stack(rows).astype(bool)


def _result(label: str, track: Track, now: Row | None, then: NDArray[np.bool_], margin: float) -> GateResult:
    if now is None:
        return GateResult(label, track, "missing", None)
    difference = difference_estimate(now.correct, then)
    if difference.high < -margin:
        return GateResult(label, track, "worse", difference)
    return GateResult(label, track, "no worse" if difference.low >= -margin else "undecided", difference)


def _entries(baseline: Path) -> Iterator[tuple[Track, str, NDArray[np.bool_]]]:
    try:
        document = json.loads(baseline.read_bytes())
        for table in document["data"]["tracks"]:
            track = Track(**{name: table[name] for name in ("dataset", "split", "images", "digest")})
            for row in table["rows"]:
                yield track, row["label"], unpacked(row["correct"], track.images)
    except OSError as error:
        raise UsageError(f"the baseline {baseline} cannot be read: {error.strerror}", "Check the path.") from None
    except (ValueError, KeyError, TypeError, IntegrityError) as error:
        raise UsageError(
            f"the baseline {baseline} is no leaderboard: {type(error).__name__} {error}",
            "Make one with `icbench leaderboard --json > FILE`.",
        ) from None


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
