"""What a suite's runs come to: each cell against its published value, each table's verdict, each claim's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from icbench.kinds.suite import Cell, Claim, Experiment, Suite
from icbench.ranking.rows import Row, Track, correct_images
from icbench.records import Record
from icbench.statistics import Correlation, Estimate, bootstrap_order, difference_estimate, kendall_tau
from icbench.suites.running import SelectedExperiments

ROUNDING = 1e-9

Verdict = Literal["holds", "does not hold", "undecided", "not run"]


@dataclass(frozen=True)
class CellOutcome:
    """One cell: what was published and what was measured.

    Args:
        cell: it.
        row: its runs, or None where they are not complete.
        to_baseline: accuracy minus that of the experiment's baseline on the images both have; None without one.
    """

    cell: Cell
    row: Row | None
    to_baseline: Estimate | None = None

    @property
    def published(self) -> tuple[float, float] | None:
        """The mean and the population standard deviation of the published repeats."""
        return _mean_and_deviation(self.cell.published) if self.cell.published else None

    @cached_property
    def measured(self) -> tuple[float, float] | None:
        """The mean and the population standard deviation over seeds."""
        return _mean_and_deviation(self.row.correct.mean(axis=1)) if self.row else None

    @property
    def difference(self) -> float | None:
        """Measured less published mean."""
        if self.published is None or self.measured is None:
            return None
        return self.measured[0] - self.published[0]

    def is_below(self, tolerance: float) -> bool:
        """Whether the measured mean is below the published one by more, and below every published repeat."""
        if self.difference is None or self.measured is None:
            return False
        return self.difference < -tolerance - ROUNDING and self.measured[0] < min(self.cell.published)


@dataclass(frozen=True)
class Best:
    """Which cell is best, here and as published.

    Args:
        published, measured: labels of the cells of highest mean.
        lead: how much more accurate the best cell here is than the one published as best; None if they are the same.
    """

    published: str
    measured: str
    lead: Estimate | None

    @property
    def verdict(self) -> Verdict:
        """Whether the cell published as best is the best one here, or none is proven better."""
        if self.lead is None:
            return "holds"
        return "does not hold" if self.lead.low > 0 else "undecided"


@dataclass(frozen=True)
class Peak:
    """Whether the maximum lies inside.

    Args:
        inside, end: labels of the best cell strictly between the ends, and of the better end.
        lead: how much more accurate the one inside is.
    """

    inside: str
    end: str
    lead: Estimate

    @property
    def verdict(self) -> Verdict:
        """Whether the best cell inside is proven better than both ends, or proven worse than one."""
        return _verdict(self.lead, 0.0)


@dataclass(frozen=True)
class ExperimentOutcome:
    """One table.

    Args:
        experiment: what it is of.
        cells: in the experiment's order.
        tolerance: the suite's.
        best, peak: None where that cannot be said.
        order: Kendall's tau between the published and the measured order, its interval that of a bootstrap over images
            and repeats; None where there are too few cells.
    """

    experiment: Experiment
    cells: list[CellOutcome]
    tolerance: float
    best: Best | None
    order: Correlation | None
    peak: Peak | None

    @property
    def below(self) -> list[str]:
        """The labels of cells that are below the published mean by more than the tolerance, and below every repeat."""
        return [outcome.cell.label for outcome in self.cells if outcome.is_below(self.tolerance)]

    @property
    def complete(self) -> bool:
        """Whether every cell was run."""
        return all(outcome.row for outcome in self.cells)


@dataclass(frozen=True)
class ClaimOutcome:
    """One claim.

    Args:
        claim: it.
        verdict: what became of it.
        difference: the difference of accuracies that it is about, if it is about accuracy.
        median_distance: of the reconstructions, if it is about those.
    """

    claim: Claim
    verdict: Verdict
    difference: Estimate | None = None
    median_distance: float | None = None


@dataclass(frozen=True)
class SuiteOutcome:
    """All tables and claims of what was run of a suite.

    Args:
        suite: the whole.
        experiments, claims: what was run.
        track: what was classified, or None if nothing was finished.
        records: every record that counts, each once.
    """

    suite: Suite
    experiments: list[ExperimentOutcome]
    claims: list[ClaimOutcome]
    track: Track | None
    records: list[Record]

    @property
    def tiers(self) -> set[str]:
        """The tiers of all entries that are complete."""
        return {cell.row.tier for outcome in self.experiments for cell in outcome.cells if cell.row}

    @property
    def failures(self) -> list[str]:
        """A line for each cell below its tolerance, and for each run that is not complete."""
        below = [
            f"{outcome.experiment.name}: {label} is more than {outcome.tolerance:g} below the published mean"
            for outcome in self.experiments
            for label in outcome.below
        ]
        return below + [
            f"{record.metadata.id}: {record.metadata.error or record.status}"
            for record in self.records
            if record.status != "ok"
        ]


def evaluate_suite(
    part: SelectedExperiments, records: Mapping[Cell, Sequence[Record]], seeds: Mapping[Cell, int] | None = None
) -> SuiteOutcome:
    """The outcome of the records that were made for each cell.

    Args:
        part: what was run.
        records: by cell, one for each seed.
        seeds: how many seeds a cell needs to be complete; those it has, where nothing is said.

    Raises:
        IntegrityError: a record's images cannot be read.
    """
    expected = seeds or {}
    rows = {cell: _row(cell, runs, expected.get(cell, len(runs))) for cell, runs in records.items()}
    every = list({id(record): record for runs in records.values() for record in runs}.values())
    finished = [Track.of(record) for record in every if record.status == "ok"]
    return SuiteOutcome(
        suite=part.suite,
        experiments=[_experiment(experiment, rows, part.suite.tolerance) for experiment in part.experiments],
        claims=[_claim(claim, rows) for claim in part.claims],
        track=max(finished, key=lambda track: track.images, default=None),
        records=every,
    )


def _row(cell: Cell, records: Sequence[Record], seeds: int) -> Row | None:
    correct = [correct_images(record, Track.of(record).images) for record in records]
    complete = [runs for runs in correct if runs is not None]
    if not complete or len(complete) < seeds:
        return None
    return Row(cell.label, tuple(records), np.stack(complete))


def _experiment(experiment: Experiment, rows: Mapping[Cell, Row | None], tolerance: float) -> ExperimentOutcome:
    base = next((rows.get(cell) for cell in experiment.cells if cell.label == experiment.baseline), None)
    cells = [CellOutcome(cell, row := rows.get(cell), _to_baseline(row, base)) for cell in experiment.cells]
    complete = all(outcome.row for outcome in cells)
    compared = complete and len(cells) > 1 and all(outcome.published for outcome in cells)
    return ExperimentOutcome(
        experiment=experiment,
        cells=cells,
        tolerance=tolerance,
        best=_best(cells) if compared else None,
        order=_order(cells) if compared and len(cells) > 2 else None,
        peak=_peak(cells) if complete and experiment.peak_inside and len(cells) > 2 else None,
    )


def _to_baseline(row: Row | None, base: Row | None) -> Estimate | None:
    if row is None or base is None or row is base:
        return None
    return _lead(row, base)


def _lead(row: Row, other: Row) -> Estimate:
    """Accuracy of one minus that of the other, on the first images, which both have."""
    images = min(row.correct.shape[1], other.correct.shape[1])
    return difference_estimate(row.correct[:, :images], other.correct[:, :images])


def _best(cells: Sequence[CellOutcome]) -> Best:
    known = max(cells, key=lambda outcome: outcome.published or (0.0, 0.0))
    found = _most_accurate(cells)
    lead = None if found is known else _lead(_known_row(found), _known_row(known))
    return Best(known.cell.label, found.cell.label, lead)


def _peak(cells: Sequence[CellOutcome]) -> Peak:
    inside, end = _most_accurate(cells[1:-1]), _most_accurate([cells[0], cells[-1]])
    return Peak(inside.cell.label, end.cell.label, _lead(_known_row(inside), _known_row(end)))


def _order(cells: Sequence[CellOutcome]) -> Correlation:
    known = [np.array(outcome.cell.published) for outcome in cells]
    correct = [_known_row(outcome).correct for outcome in cells]
    tau = kendall_tau([repeats.mean() for repeats in known], [runs.mean() for runs in correct])
    low, high = bootstrap_order(known, correct)
    return Correlation(tau.value, low, high, tau.p)


def _claim(claim: Claim, rows: Mapping[Cell, Row | None]) -> ClaimOutcome:
    row = rows.get(claim.cell)
    other = rows.get(claim.than) if claim.than else None
    if row is None or (claim.than and other is None):
        return ClaimOutcome(claim, "not run")
    if other is not None:
        lead = _lead(row, other)
        return ClaimOutcome(claim, _verdict(lead, claim.by), difference=lead)
    distances = np.concatenate([record.images(["distance"])["distance"] for record in row.records], dtype=np.float64)
    median = float(np.nanmedian(distances))
    return ClaimOutcome(claim, "holds" if median <= claim.median_distance else "does not hold", median_distance=median)


def _verdict(lead: Estimate, by: float) -> Verdict:
    """Whether a lead is of at least a size, as far as its interval tells."""
    if lead.low >= by and lead.low > 0:
        return "holds"
    return "does not hold" if lead.high < by else "undecided"


def _most_accurate(cells: Sequence[CellOutcome]) -> CellOutcome:
    return max(cells, key=lambda outcome: outcome.measured or (0.0, 0.0))


def _known_row(outcome: CellOutcome) -> Row:
    assert outcome.row is not None
    return outcome.row


def _mean_and_deviation(values: "Sequence[float] | NDArray[np.float64]") -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values))
