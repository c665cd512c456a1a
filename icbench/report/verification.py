"""What verifying records found, as tables and as data."""

from typing import Any

from icbench.records.checks import DIFFERS, HOLDS
from icbench.report.table import Column, Grid, Section, printable
from icbench.running.verification import Verification


def verification_grid(found: Verification) -> Grid:
    """Every finding of one record."""
    rows = [[one.what, one.verdict, printable(one.detail)] for one in found.findings]
    columns = [Column("", 0, words=20), Column("", 0, words=12), Column("", 0, words=40)]
    return Grid(f"{printable(found.label)} ({found.path})", columns, [Section(rows)])


def verification_line(found: Verification, seed: int) -> str:
    """The verdict on one record in a sentence."""
    name = found.path.name
    if found.verdict == DIFFERS:
        return f"{name} is not what it says"
    if found.verdict == HOLDS and found.agreement:
        return f"{name} holds, by {len(found.agreement.index)} images drawn with seed {seed}"
    if found.agreement:
        return f"{name} could not be verified here: with the code here not all comes out as it says"
    return f"{name} could not be verified here: nothing was computed again, and nothing else differs"


def verification_data(found: Verification, seed: int) -> dict[str, Any]:
    """What was found of one record, as JSON has it."""
    return {
        "path": str(found.path),
        "label": found.label,
        "verdict": found.verdict,
        "findings": [vars(one) for one in found.findings],
        "sample": _sample_data(found, seed),
    }


def _sample_data(found: Verification, seed: int) -> dict[str, Any] | None:
    agreement = found.agreement
    if agreement is None:
        return None
    return {
        "images": len(agreement.index),
        "seed": seed,
        "tolerance": agreement.tolerance,
        "largest_difference": agreement.largest,
        "explained_by_rounding": agreement.sensitive,
        "predictions_off": agreement.index[agreement.predictions.off].tolist(),
        "figures_off": agreement.index[agreement.figures.off].tolist(),
    }
