"""Suites: their entries run, and what comes out held against what was published."""

from icbench.suites.outcomes import CellOutcome, ClaimOutcome, ExperimentOutcome, SuiteOutcome, judged
from icbench.suites.running import Chosen, Job, chosen, planned, run_jobs
from icbench.suites.shown import ShownEntry, shown_entry

__all__ = [
    "CellOutcome",
    "Chosen",
    "ClaimOutcome",
    "ExperimentOutcome",
    "Job",
    "ShownEntry",
    "SuiteOutcome",
    "chosen",
    "judged",
    "planned",
    "run_jobs",
    "shown_entry",
]
