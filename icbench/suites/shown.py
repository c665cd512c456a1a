"""What a suite's page shows of one of its entries."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from icbench.kinds.suite import Cell
from icbench.plugins.manager import PluginManager
from icbench.records import Record
from icbench.running.options import Options
from icbench.running.reconstructions import (
    ClassPaths,
    Reconstructions,
    class_vector_paths,
    reconstructions,
    samples,
)
from icbench.suites.outcomes import SuiteOutcome
from icbench.suites.running import entry_of

SAMPLES, RECONSTRUCTIONS, PATHS = 12, 16, 6


@dataclass(frozen=True)
class ShownEntry:
    """One entry in pictures.

    Args:
        label: the entry.
        generator: as the suite names it.
        light_on_dark: as the dataset's.
        samples: (K, N, C, H, W) in [0, 1], for each of K classes and N noises.
        reconstructions: of the first images.
        paths: of some class vectors, or None if the schedule holds them.
    """

    label: str
    generator: str
    light_on_dark: bool
    samples: NDArray[np.float32]
    reconstructions: Reconstructions
    paths: ClassPaths | None


def shown_entry(manager: PluginManager, outcome: SuiteOutcome, options: Options) -> ShownEntry | None:
    """Make what is shown of the entry that a suite declares for it, or else of the first that inverts.

    Args:
        manager: where its components are found.
        outcome: what was run.
        options: where records and data are, and on which device it is made.

    Returns:
        None if no entry that was run inverts.
    """
    shown = _shown_cell(outcome)
    if not shown:
        return None
    cell, record = shown
    entry = entry_of(manager, outcome.suite, cell)
    return ShownEntry(
        label=entry.label,
        generator=cell.generator,
        light_on_dark=entry.dataset.build().light_on_dark,
        samples=samples(entry, SAMPLES, options.device),
        reconstructions=reconstructions(entry, record, options, RECONSTRUCTIONS),
        paths=class_vector_paths(entry, record, options, PATHS),
    )


def _shown_cell(outcome: SuiteOutcome) -> tuple[Cell, Record] | None:
    """The cell that is shown, with its first record."""
    rows = [cell for experiment in outcome.experiments for cell in experiment.cells if cell.row]
    wanted = outcome.suite.show
    for cell in sorted(rows, key=lambda cell: wanted is None or cell.cell.specs != wanted.specs):
        if cell.row and not cell.cell.classifier:
            return cell.cell, cell.row.records[0]
    return None
