"""A study of checkpoints as a table and as sentences."""

import math

from icbench.report.table import Column, Footnote, Grid, Section
from icbench.statistics import Correlation
from icbench.training.criteria import CriterionResult, Findings


def study_grid(found: Findings, reference_seconds: float) -> Grid:
    """The criteria, best first, and beneath them what comes of choosing nothing.

    Args:
        found: the findings.
        reference_seconds: what the reference CNN took.
    """
    columns = [Column("chosen by", 0, words=20)]
    for name in found.best:
        columns += [Column(f"ρ, {name}", 0), Column("lost", 1)]
    columns += [Column("seconds", 2), Column("picks epoch", 3)]
    notes = [
        Footnote("◆ recommended"),
        Footnote("ρ: Spearman's rank correlation with the full accuracy, and its 95 % interval"),
        Footnote("lost: full accuracy of the best checkpoint minus that of the picked one", "lost"),
        Footnote(
            f"seconds: median over the checkpoints; what judges samples takes {reference_seconds:.0f} s more, once",
            "seconds",
        ),
    ]
    rows = [_cells(result, result is found.choice) for result in found.results]
    return Grid(
        f"{found.checks} checkpoints of one training", columns, [Section(rows), Section([_cells(found.last)])], notes
    )


def study_lines(found: Findings) -> list[str]:
    """What follows from the table, a sentence each."""
    best = ", ".join(f"{each.accuracy:.4f} {name} (epoch {each.epochs})" for name, each in found.best.items())
    return [
        f"best full accuracies: {best}",
        f"recommendation: {_recommendation(found)}",
        f"without a criterion: {_without(found)}",
    ]


def correlation_text(correlation: Correlation) -> str:
    """The coefficient and its interval."""
    if math.isnan(correlation.value):
        return "orders nothing"
    if correlation.low is None or correlation.high is None:
        return _two_digits(correlation.value)
    return f"{_two_digits(correlation.value)} [{_two_digits(correlation.low)}, {_two_digits(correlation.high)}]"


def _cells(result: CriterionResult, recommended: bool = False) -> list[str]:
    cells = [("◆ " if recommended else "") + result.criterion.title]
    for name, correlation in result.correlations.items():
        cells += [correlation_text(correlation), f"{result.lost[name]:.4f}"]
    return [*cells, f"{result.seconds:.1f}", str(result.pick)]


def _two_digits(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _recommendation(found: Findings) -> str:
    choice = found.choice
    chosen = f"choose by {choice.criterion.title}, {choice.seconds:.1f} s a checkpoint; {_losses('its pick', choice)}."
    if found.proven:
        return (
            f"{chosen} It is the cheapest criterion whose pick is within one standard error of the best checkpoint and "
            "whose interval overlaps that of the best criterion, with every schedule."
        )
    return (
        f"{chosen} It loses least, but no criterion has a pick within one standard error of the best checkpoint and an "
        "interval that overlaps that of the best criterion, with every schedule."
    )


def _without(found: Findings) -> str:
    losses = zip(found.last.lost.values(), found.choice.lost.values(), strict=True)
    compared = "no more than" if all(last <= chosen for last, chosen in losses) else "more than"
    return f"{_losses('the last checkpoint', found.last)}, {compared} the recommended criterion"


def _losses(what: str, result: CriterionResult) -> str:
    losses = " and ".join(f"{lost:.4f} {name}" for name, lost in result.lost.items())
    return f"{what} (epoch {result.pick}) loses {losses} accuracy"
