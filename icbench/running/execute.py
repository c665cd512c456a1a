"""Running entries: from specs to a record, with everything the user can get wrong found before anything is computed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import numpy as np

from icbench.compute.devices import choose_device
from icbench.engine.targets import read_targets, warn_of_polarity
from icbench.errors import only_exceptions
from icbench.kinds.executor import Executor
from icbench.kinds.names import INVERSION_KINDS, WHOLE_KINDS
from icbench.plugins.component import Selection
from icbench.plugins.isolation import isolate
from icbench.plugins.manager import PluginManager, plugin_manager
from icbench.records import Record, check_writable
from icbench.running.datasets import Source, data_folder, learned_class_names
from icbench.running.dispatch import Dispatcher, Planned
from icbench.running.entry import DEFAULTS, Entry, grid
from icbench.running.observer import Observer, PlannedRun
from icbench.running.options import DEFAULT_EXECUTOR, Options, check_options
from icbench.running.runners import InversionRunner
from icbench.running.session import Session

if TYPE_CHECKING:
    from icbench.running.inversion import Inversion


def entries_from_specs(
    manager: PluginManager, specs: Mapping[str, Sequence[str]], lr: float | None = None
) -> list[Entry]:
    """The entries that specs ask for: the grid of inversions, then products and direct classifiers.

    A kind without specs takes its default; but where nothing but these is asked for, there is no grid.

    Raises:
        UsageError: a spec that does not fit what is registered.
    """
    datasets = [manager.select("dataset", spec) for spec in specs.get("dataset") or [DEFAULTS["dataset"]]]
    whole = [
        entry
        for kind in WHOLE_KINDS
        for entry in grid(datasets, **{kind: [manager.select(kind, spec) for spec in specs.get(kind) or []]})
    ]
    if whole and not any(specs.get(kind) for kind in INVERSION_KINDS):
        return whole
    selections = {
        kind: [manager.select(kind, spec) for spec in specs.get(kind) or [DEFAULTS[kind]]] for kind in INVERSION_KINDS
    }
    if lr is not None:
        selections["optimizer"] = [manager.with_param(selection, "lr", lr) for selection in selections["optimizer"]]
    return [*grid(datasets, **selections), *whole]


class Runnable(Protocol):
    """What can be executed: an entry, and how."""

    @property
    def entry(self) -> Entry:
        """What is run."""
        ...

    @property
    def options(self) -> Options:
        """How, and for which seeds."""
        ...


AnyJob = TypeVar("AnyJob", bound=Runnable)


class Run(NamedTuple):
    """An entry that was run for a seed, and its record."""

    entry: Entry
    seed: int
    record: Record


@dataclass(frozen=True)
class Request:
    """An entry to run, and how."""

    entry: Entry
    options: Options


def execute(entries: Sequence[Entry], options: Options, watcher: Observer) -> Iterator[Run]:
    """Run every entry for every seed; yields each run once its record is written.

    A run that is interrupted from the keyboard is kept as a record with status "interrupted", and is the last. One
    whose component fails half way is kept with status "failed", and the others go on.

    Raises:
        KeyboardInterrupt: a run was interrupted before any of its images was finished.
        UsageError: anything wrong with the options or a component, before the first run starts.
        ResultsError: the results folder cannot be written.
    """
    for job, seed, record in execute_each([Request(entry, options) for entry in entries], watcher):
        yield Run(job.entry, seed, record)


def execute_each(jobs: Sequence[AnyJob], watcher: Observer) -> Iterator[tuple[AnyJob, int, Record]]:
    """Run entries that each have options of their own; yields job, seed and record, otherwise as `execute`."""
    for job in jobs:
        check_writable(job.options.results)
        check_options(job.options)
    selection = select_executor(jobs[0].options.executor if jobs else DEFAULT_EXECUTOR)
    if is_in_process(selection):
        yield from _run_here(_check_sessions(jobs, watcher))
        return
    with closing(selection.build()) as executor:
        yield from _run_on(executor, selection.name, _check_sessions(jobs, watcher), watcher)


def select_executor(spec: str) -> Selection:
    """What is to compute shards.

    Raises:
        UsageError: there is none of that name.
    """
    return plugin_manager(warn=False).select("executor", spec)


def is_in_process(executor: Selection) -> bool:
    """Whether runs are made in this process, one after the other."""
    return "in-process" in executor.registered.component.traits


def _check_sessions(jobs: Sequence[AnyJob], watcher: Observer) -> list[tuple[AnyJob, Session]]:
    """Each job made ready, and all that can be found wrong before the first run."""
    sources = find_sources(jobs)
    sessions = []
    for job in jobs:
        dataset = job.entry.dataset.label
        with only_exceptions(job.entry.label), watcher.working(f"loading {dataset}"):
            sessions.append((job, Session(job.entry, sources[dataset], job.options, watcher)))
    for _, session in sessions:
        with only_exceptions(session.entry.label), watcher.working(f"checking {session.entry.label}"):
            session.check()
    watcher.plan([run for _, session in sessions for run in _plan_runs(session)])
    return sessions


def _run_here(sessions: list[tuple[AnyJob, Session]]) -> Iterator[tuple[AnyJob, int, Record]]:
    """One run after the other, in this process."""
    while sessions:
        # Let go of, so that its components are not held while the others run.
        job, session = sessions.pop(0)
        for seed, record in session.runs():
            yield job, seed, record
            if record.status == "interrupted":
                return


def _run_on(
    executor: Executor, name: str, sessions: list[tuple[AnyJob, Session]], watcher: Observer
) -> Iterator[tuple[AnyJob, int, Record]]:
    """Their shards wherever the executor has them computed."""
    told = [(job, seed) for job, session in sessions for seed in session.options.seeds]
    runs = (Planned(session, seed) for _, session in sessions for seed in session.options.seeds)
    dispatcher = Dispatcher(executor, name, runs, watcher)
    # Let go of, so that the components of finished runs are not held.
    sessions.clear()
    for number, record in dispatcher.records():
        yield *told[number], record


@isolate()
def _plan_runs(session: Session) -> list[PlannedRun]:
    """The runs to come, each told by what is not the same in all."""
    parts, seeds = {**session.entry.parts(), **session.options.parts()}, session.options.seeds
    told = {seed: {"seed": f"seed {seed}"} if seed or len(seeds) > 1 else {} for seed in seeds}
    return [PlannedRun({**parts, **told[seed]}, session.images) for seed in seeds]


def invert_images(
    images: Any,
    specs: Mapping[str, Sequence[str]],
    seed: int = 0,
    steps: int | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> "Inversion":
    """Invert images that need not be of any dataset; see `icbench.invert`."""
    from icbench.engine.invert import invert
    from icbench.engine.result import concatenate
    from icbench.running.inversion import Inversion

    options = Options(steps=steps, seeds=(seed,), precision=precision)
    check_options(options)
    manager = plugin_manager()
    entry = entries_from_specs(manager, specs)[0]
    runner = InversionRunner(entry, choose_device(device))
    settings = runner.settings(options, seed)
    targets = read_targets(images, runner.components.generator.image_shape)
    warn_of_polarity(targets, runner.mean_pixel(), entry.selections["generator"].label)
    runner.check(targets, settings)
    rows = runner.batch_size(targets, len(targets), settings)
    batches = list(invert(runner.components, targets, np.arange(len(targets)), settings, rows))
    # As batch by batch they fit into memory.
    reconstructions = np.concatenate([runner.generate(batch.class_vector, batch.noise) for batch in batches])
    levels = targets.astype(np.float32) / np.float32(255 if targets.dtype == np.uint8 else 1)
    result = concatenate(batches)
    generator = entry.selections["generator"]
    return Inversion(
        **vars(result),
        label=entry.label,
        targets=levels,
        reconstructions=reconstructions,
        class_names=learned_class_names(manager, generator, runner.components.generator.num_classes),
    )


def find_sources(jobs: Sequence[Runnable]) -> dict[str, Source]:
    """The dataset of every entry by its label, each built once."""
    found: dict[str, Source] = {}
    for job in jobs:
        dataset = job.entry.dataset
        if dataset.label not in found:
            found[dataset.label] = Source(dataset.build(), data_folder(job.options.data_dir), dataset.label)
    return found
