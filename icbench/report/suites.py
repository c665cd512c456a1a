"""A suite's outcome as tables, as lines and as data."""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import asdict

from icbench.kinds.suite import Cell, Suite
from icbench.report.estimates import difference, estimate_data, format_signed, interval, lead, p_value
from icbench.report.leaderboard import track_title
from icbench.report.table import Column, Footnote, Grid, Section, printable
from icbench.suites import CellOutcome, ClaimOutcome, ExperimentOutcome, SuiteOutcome

HELD = {"holds": "yes", "does not hold": "no", "undecided": "undecided", "not run": "not run"}

VALUES = (
    Column("accuracy", 0),
    Column("95 % interval", 2),
    Column("to baseline", 0),
    Column("its interval", 3),
    Column("published", 0),
    Column("difference", 0),
    Column("tier", 7, words=14),
    Column("NFE", 5),
    Column("images/s", 6),
    Column("images", 4),
    Column("flags", 0, words=12),
)
"""The columns after the label; those without any value in a table are left out."""


def suite_grids(outcome: SuiteOutcome) -> list[Grid]:
    """One table for each experiment, and one for the claims."""
    grids = [_experiment_grid(experiment, outcome) for experiment in outcome.experiments]
    return grids + ([_claims_grid(outcome)] if outcome.claims else [])


def _experiment_grid(outcome: ExperimentOutcome, whole: SuiteOutcome) -> Grid:
    experiment = outcome.experiment
    rows = [[printable(cell.cell.label), *_values(cell, whole)] for cell in outcome.cells]
    columns = [Column(experiment.parameter, 0, words=16), *VALUES]
    full = Grid(printable(experiment.title), columns, [Section(rows)], [Footnote(text) for text in verdicts(outcome)])
    kept = [number for number in range(len(columns)) if number < 2 or any(row[number] for row in rows)]
    return full.only(kept)


def _values(outcome: CellOutcome, whole: SuiteOutcome) -> list[str]:
    row = outcome.row
    if row is None:
        return ["not complete", *[""] * (len(VALUES) - 1)]
    images = row.correct.shape[1]
    return [
        _mean(outcome.measured, len(row.seeds)),
        interval(row.accuracy),
        *difference(outcome.to_baseline),
        _mean(outcome.published, len(outcome.cell.published)),
        format_signed(outcome.difference),
        printable(row.tier) if len(whole.tiers) > 1 else "",
        f"{row.nfe:,}" if row.nfe else "",
        f"{row.images_per_second:,.0f}" if row.images_per_second else "",
        "" if whole.track and images == whole.track.images else f"{images:,}",
        ", ".join(map(printable, row.flags)),
    ]


def _mean(value: tuple[float, float] | None, repeats: int) -> str:
    """A mean and, where there are several repeats, their deviation, also if they are all alike."""
    if value is None:
        return ""
    return f"{value[0]:.4f} ± {value[1]:.4f}" if repeats > 1 else f"{value[0]:.4f}"


def verdicts(outcome: ExperimentOutcome) -> list[str]:
    """What a table says, a line each."""
    return [*_verdicts(outcome), *([printable(outcome.experiment.note)] if outcome.experiment.note else [])]


def _verdicts(outcome: ExperimentOutcome) -> Iterator[str]:
    best, order, peak = outcome.best, outcome.order, outcome.peak
    if best and best.lead:
        yield f"same best setting? {HELD[best.verdict]}: {best.measured}, not {best.published}, {lead(best.lead)}"
    elif best:
        yield f"same best setting? yes: {best.published}"
    if order and order.low is not None and order.high is not None:
        within = f"{order.low:.2f} to {order.high:.2f}".replace("-", "−")
        tau = f"{order.value:.2f}".replace("-", "−")
        yield f"same order? Kendall's tau {tau}, interval {within}, p {p_value(order.p)}"
    if any(cell.difference is not None for cell in outcome.cells):
        below = ", ".join(outcome.below)
        yield f"within {outcome.tolerance:g} of the published mean, or above it? " + (
            f"no: {below}" if below else "yes"
        )
    if peak:
        yield f"a maximum inside? {HELD[peak.verdict]}: {peak.inside} against {peak.end}, {lead(peak.lead)}"


def _claims_grid(outcome: SuiteOutcome) -> Grid:
    columns = [Column("statement", 0, words=34), Column("holds?", 0), Column("measured", 0), Column("95 % interval", 1)]
    rows = [[printable(claim.claim.text), HELD[claim.verdict], *_measurement(claim)] for claim in outcome.claims]
    note = "measured: the difference of the two accuracies, or the median distance of the reconstructions"
    return Grid("statements without a number", columns, [Section(rows)], [Footnote(note)])


def _measurement(claim: ClaimOutcome) -> tuple[str, str]:
    if claim.median_distance is not None:
        return f"{claim.median_distance:.5f}", ""
    return difference(claim.difference)


def suite_heading(outcome: SuiteOutcome) -> str:
    """What was run, and of what."""
    suite = outcome.suite
    source = ", ".join(filter(None, (suite.author, str(suite.year or ""))))
    images = track_title(outcome.track) if outcome.track else "nothing finished"
    return printable(f"{suite.title}{f' ({source})' if source else ''}: {images}")


def suite_data(outcome: SuiteOutcome) -> dict[str, Any]:
    """The outcome as JSON has it."""
    suite = outcome.suite
    return {
        "title": suite.title,
        "author": suite.author,
        "year": suite.year,
        "url": suite.url,
        "dataset": vars(outcome.track) if outcome.track else None,
        "tolerance": suite.tolerance,
        "marks": [asdict(mark) for mark in suite.marks],
        "experiments": [_experiment_data(experiment) for experiment in outcome.experiments],
        "claims": [_claim_data(claim) for claim in outcome.claims],
        "runs": [record.summary() for record in outcome.records],
    }


def _experiment_data(outcome: ExperimentOutcome) -> dict[str, Any]:
    experiment = outcome.experiment
    content: dict[str, Any] = {"name": experiment.name, "title": experiment.title, "parameter": experiment.parameter}
    content["cells"] = [_cell_data(cell) for cell in outcome.cells]
    content |= {"complete": outcome.complete, "below_tolerance": outcome.below}
    for name in ("best", "peak"):
        found = getattr(outcome, name)
        content[name] = {**vars(found), "lead": estimate_data(found.lead), "verdict": found.verdict} if found else None
    content["kendall_tau"] = vars(outcome.order) if outcome.order else None
    return content


def _cell_data(outcome: CellOutcome) -> dict[str, Any]:
    row = outcome.row
    return {
        "label": outcome.cell.label,
        "specs": outcome.cell.specs,
        "published": list(outcome.cell.published),
        "images": row.correct.shape[1] if row else None,
        "accuracies": row.correct.mean(axis=1).tolist() if row else None,
        "accuracy": estimate_data(row.accuracy if row else None),
        "difference": outcome.difference,
        "to_baseline": estimate_data(outcome.to_baseline),
        "tier": row.tier if row else None,
        "nfe": row.nfe if row else None,
        "images_per_second": row.images_per_second if row else None,
        "flags": row.flags if row else [],
        "runs": [record.metadata.id for record in row.records] if row else [],
    }


def _claim_data(outcome: ClaimOutcome) -> dict[str, Any]:
    content: dict[str, Any] = {"text": outcome.claim.text, "verdict": outcome.verdict}
    content |= {"difference": estimate_data(outcome.difference), "at_least": outcome.claim.by}
    return {**content, "median_distance": outcome.median_distance, "at_most": outcome.claim.median_distance or None}


def suite_grid(name: str, suite: Suite) -> Grid:
    """What a suite declares."""
    columns = [Column("experiment", 0), Column("cell", 0, words=18), Column("entry", 0, words=30)]
    columns += [Column("seeds", 1), Column("published", 1)]
    sections = []
    for experiment in suite.experiments:
        rows = [
            _declaration(experiment.name if not number else "", cell) for number, cell in enumerate(experiment.cells)
        ]
        sections.append(Section(rows))
    notes = [Footnote(f"checked besides: {printable(claim.text)}") for claim in suite.claims]
    optional = [experiment.name for experiment in suite.experiments if experiment.optional]
    notes += [Footnote(f"run only when asked for: {', '.join(optional)}")] if optional else []
    return Grid(printable(f"{name}: {suite.title}, {suite.dataset} {suite.split}"), columns, sections, notes)


def _declaration(experiment: str, cell: Cell) -> list[str]:
    published = f"{sum(cell.published) / len(cell.published):.4f}" if cell.published else ""
    entry = " · ".join(cell.specs.values())
    return [printable(experiment), printable(cell.label), printable(entry), str(cell.seeds), published]


def declared_data(name: str, suite: Suite) -> dict[str, Any]:
    """What a suite declares, as JSON has it."""
    return {
        "name": name,
        "title": suite.title,
        "author": suite.author,
        "year": suite.year,
        "url": suite.url,
        "dataset": suite.dataset,
        "split": suite.split,
        "experiments": [
            {
                "name": experiment.name,
                "title": experiment.title,
                "optional": experiment.optional,
                "cells": [
                    {"label": cell.label, "specs": cell.specs, "seeds": cell.seeds, "published": list(cell.published)}
                    for cell in experiment.cells
                ],
            }
            for experiment in suite.experiments
        ],
        "claims": [claim.text for claim in suite.claims],
    }
