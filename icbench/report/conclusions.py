"""What a suite's figures come to, in sentences: every one is derived from what was run."""

from collections.abc import Iterator, Sequence

from icbench.report.estimates import difference, interval, lead
from icbench.report.table import printable
from icbench.suites import ClaimOutcome, ExperimentOutcome, SuiteOutcome
from icbench.suites.outcomes import Best, Peak

SAID = {"holds": "Holds", "does not hold": "Does not hold", "undecided": "Undecided"}


def conclusions(outcome: SuiteOutcome) -> list[str]:
    """Sentences, a paragraph each: of every table, and of every statement that was checked."""
    tables = [" ".join(sentences) for each in outcome.experiments if (sentences := list(_table(each)))]
    return tables + [_statement(claim) for claim in outcome.claims if claim.verdict in SAID]


def _table(outcome: ExperimentOutcome) -> Iterator[str]:
    rows = [cell for cell in outcome.cells if cell.row]
    if not rows:
        return
    title = printable(outcome.experiment.title)
    yield f"{title[0].upper()}{title[1:]}."
    if not outcome.complete:
        yield f"{_share(len(rows), len(outcome.cells))} complete."
    yield from _against_published([cell.difference for cell in rows if cell.difference is not None])
    if outcome.best:
        yield _best(outcome.best)
    elif len(rows) > 1:
        best = max(rows, key=lambda cell: cell.row.accuracy.value if cell.row else 0.0)
        assert best.row
        yield f"{printable(best.cell.label)} has the highest accuracy, {best.row.accuracy.value:.4f}"
        yield f"({interval(best.row.accuracy)})."
    if outcome.peak:
        yield _peak(outcome.peak)


def _against_published(differences: Sequence[float]) -> Iterator[str]:
    above, below = ([each for each in differences if sign * each > 0] for sign in (1, -1))
    for some, word in ((above, "more"), (below, "less")):
        if some:
            yield f"{_share(len(some), len(differences))} {word} accurate than published, {_range(some)}."


def _share(some: int, whole: int) -> str:
    return f"{some} of {whole} settings {'is' if some == 1 else 'are'}"


def _range(differences: Sequence[float]) -> str:
    """In points, from the smallest to the largest."""
    sizes = sorted(f"{100 * abs(each):.1f}" for each in sorted(differences, key=abs))
    least, most = min(sizes, key=float), max(sizes, key=float)
    return f"by {least} points" if least == most else f"by {least} to {most} points"


def _best(best: Best) -> str:
    if best.lead is None:
        return f"The best setting is the published one, {printable(best.published)}."
    measured, published = printable(best.measured), printable(best.published)
    by = lead(best.lead)
    if best.verdict == "undecided":
        return f"The best setting here, {measured}, and the published one, {published}, cannot be told apart: {by}."
    return f"The best setting is {measured} and not {published}, as published: {by}."


def _peak(peak: Peak) -> str:
    said = {"holds": "There is a maximum inside", "does not hold": "There is no maximum inside"}
    start = said.get(peak.verdict, "Whether there is a maximum inside is undecided")
    return f"{start}: {printable(peak.inside)} against {printable(peak.end)}, {lead(peak.lead)}."


def _statement(outcome: ClaimOutcome) -> str:
    measured = ""
    if outcome.difference:
        measured = " ({}, 95 % interval {})".format(*difference(outcome.difference))
    elif outcome.median_distance is not None:
        measured = f" (median distance {outcome.median_distance:.5f})"
    return f"{SAID[outcome.verdict]}: {printable(outcome.claim.text)}{measured}."
