"""Intervals, tests and scores for accuracies. Needs numpy and nothing else of icbench."""

from icbench.statistics.bootstrap import bootstrap_difference, bootstrap_order
from icbench.statistics.calibration import Calibration, ReliabilityBin, calibration, fit_temperature, reliability
from icbench.statistics.correlation import Correlation, kendall_tau, spearman
from icbench.statistics.estimates import Estimate, accuracy_estimate, difference_estimate
from icbench.statistics.experts import Combination, fit_combination
from icbench.statistics.paired import (
    PairCounts,
    bonett_price_interval,
    corrected_mcnemar,
    exact_mcnemar,
    images_to_tell_apart,
)
from icbench.statistics.pairwise import Pairwise, pairwise_tests
from icbench.statistics.proportions import Z95, wilson_interval
from icbench.statistics.ranks import holm, rank_ranges

__all__ = [
    "Z95",
    "Calibration",
    "Combination",
    "Correlation",
    "Estimate",
    "PairCounts",
    "Pairwise",
    "ReliabilityBin",
    "accuracy_estimate",
    "bonett_price_interval",
    "bootstrap_difference",
    "bootstrap_order",
    "calibration",
    "corrected_mcnemar",
    "difference_estimate",
    "exact_mcnemar",
    "fit_combination",
    "fit_temperature",
    "holm",
    "images_to_tell_apart",
    "kendall_tau",
    "pairwise_tests",
    "rank_ranges",
    "reliability",
    "spearman",
    "wilson_interval",
]
