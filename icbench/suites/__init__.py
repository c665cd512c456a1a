"""Suites: their entries run, and what comes out held against what was published."""

from icbench.suites.matching import records_of_cells
from icbench.suites.outcomes import CellOutcome, ClaimOutcome, ExperimentOutcome, SuiteOutcome, evaluate_suite
from icbench.suites.running import Job, SelectedExperiments, plan_jobs, run_jobs, select_experiments
from icbench.suites.shown import ShownEntry, shown_entry

__all__ = [
    "CellOutcome",
    "ClaimOutcome",
    "ExperimentOutcome",
    "Job",
    "SelectedExperiments",
    "ShownEntry",
    "SuiteOutcome",
    "evaluate_suite",
    "plan_jobs",
    "records_of_cells",
    "run_jobs",
    "select_experiments",
    "shown_entry",
]
