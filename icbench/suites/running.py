"""Running a suite's cells, each configuration once however many tables it is in."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from icbench.errors import UsageError, suggestion
from icbench.kinds.suite import Cell, Claim, Experiment, Suite
from icbench.plugins.manager import PluginManager
from icbench.records import Record
from icbench.running.entry import Entry
from icbench.running.execute import entries_from_specs, execute_each
from icbench.running.observer import Observer
from icbench.running.options import Options

SHARED = ("steps", "limit", "batch_size", "precision")
"""The options that cells must have in common for their runs to be the same."""


@dataclass(frozen=True)
class SelectedExperiments:
    """The part of a suite that is run.

    Args:
        suite: the whole.
        experiments, claims: what was asked for of it.
    """

    suite: Suite
    experiments: tuple[Experiment, ...]
    claims: tuple[Claim, ...]

    def cells(self) -> Iterator[Cell]:
        """Every cell to run; some may be of one configuration."""
        for experiment in self.experiments:
            yield from experiment.cells
        for claim in self.claims:
            yield claim.cell
            if claim.than:
                yield claim.than


@dataclass
class Job:
    """One entry to run, and the seeds that each cell has of it."""

    entry: Entry
    options: Options
    cells: dict[Cell, tuple[int, ...]]


def select_experiments(suite: Suite, names: Sequence[str] = ()) -> SelectedExperiments:
    """The experiments called `names`, or without names all that are not optional, and the claims.

    Raises:
        UsageError: there is no experiment of such a name.
    """
    if not names:
        return SelectedExperiments(suite, tuple(part for part in suite.experiments if not part.optional), suite.claims)
    known = [experiment.name for experiment in suite.experiments]
    for name in names:
        if name not in known:
            raise UsageError(f"the suite has no experiment '{name}'", suggestion(name, known, "experiments"))
    return SelectedExperiments(suite, tuple(part for part in suite.experiments if part.name in names), ())


def plan_jobs(
    manager: PluginManager, suite: Suite, cells: Iterable[Cell], options: Options, most_seeds: int | None = None
) -> list[Job]:
    """What has to be run for cells, each configuration once.

    Args:
        manager: where components are found.
        suite: what the cells are of; its dataset and split are taken, and its number of images if it has one.
        cells: which.
        options: whatever a cell does not say itself; `limit` is the most images of any cell.
        most_seeds: run no cell for more seeds.

    Raises:
        UsageError: a spec does not fit what is registered.
        PluginError: it is in a plugin that cannot be used.
    """
    jobs: dict[tuple[object, ...], Job] = {}
    for cell in cells:
        entry, seeds = entry_of(manager, suite, cell), _seeds(cell, most_seeds)
        own = _options(suite, cell, options, seeds)
        key = (_identity(entry), *(getattr(own, name) for name in SHARED))
        job = jobs.setdefault(key, Job(entry, own, {}))
        job.cells[cell] = seeds
        job.options = replace(job.options, seeds=max(job.options.seeds, seeds, key=len))
    return list(jobs.values())


class CellRun(NamedTuple):
    """A record and the cells that it counts for."""

    cells: list[Cell]
    record: Record


def run_jobs(jobs: Sequence[Job], watcher: Observer) -> Iterator[CellRun]:
    """Run what was planned; yields each record once it is written.

    Raises:
        IcbenchError: as `icbench.running.execute.execute`.
    """
    for job, seed, record in execute_each(jobs, watcher):
        yield CellRun([cell for cell, seeds in job.cells.items() if seed in seeds], record)


def entry_of(manager: PluginManager, suite: Suite, cell: Cell) -> Entry:
    """The entry that a cell names.

    Raises:
        UsageError: a spec does not fit what is registered.
        PluginError: it is in a plugin that cannot be used.
    """
    specs: Mapping[str, Sequence[str]] = {
        "dataset": [suite.dataset],
        **{kind: [spec] for kind, spec in cell.specs.items()},
    }
    return entries_from_specs(manager, specs)[0]


def _identity(entry: Entry) -> tuple[object, ...]:
    """What makes two entries the same: their label would not tell files of one name in two folders apart."""
    selections = entry.selections.values()
    return tuple((one.registered.kind, one.registered.dist, one.name, tuple(one.params.items())) for one in selections)


def _options(suite: Suite, cell: Cell, options: Options, seeds: tuple[int, ...]) -> Options:
    limits = [images for images in (suite.images, cell.images, options.limit) if images]
    return replace(
        options,
        split=suite.split,
        steps=options.steps if cell.steps < 0 else cell.steps,
        limit=min(limits, default=None),
        seeds=seeds,
        batch_size=cell.batch_size or options.batch_size,
        precision=options.precision if cell.precision == "auto" else cell.precision,
    )


def _seeds(cell: Cell, most: int | None) -> tuple[int, ...]:
    return tuple(range(cell.seeds if most is None else min(cell.seeds, most)))
