"""Suites: their entries run, and what comes out held against what was published."""

from icbench.suites.outcomes import CellOutcome, ClaimOutcome, ExperimentOutcome, SuiteOutcome, judged
from icbench.suites.running import Chosen, Job, chosen, entry_of, planned, run_jobs

__all__ = [
    "CellOutcome",
    "Chosen",
    "ClaimOutcome",
    "ExperimentOutcome",
    "Job",
    "SuiteOutcome",
    "chosen",
    "entry_of",
    "judged",
    "planned",
    "run_jobs",
]
