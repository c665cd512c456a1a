"""A grid before it runs: what of it is done, what cannot work and why, and what the rest will cost."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from icbench.errors import IcbenchError, only_exceptions
from icbench.plugins.isolation import isolate
from icbench.records import Record, ResultsFolder
from icbench.records.metadata import RunMetadata
from icbench.records.results_folder import KnownRun
from icbench.running.costs import UNKNOWN, Cost, EarlierCosts
from icbench.running.datasets import Source
from icbench.running.entry import Entry
from icbench.running.execute import Runnable, find_sources
from icbench.running.observer import Observer
from icbench.running.options import Options, check_options
from icbench.running.probe import probe
from icbench.running.runners import InversionRunner
from icbench.running.session import Session

if TYPE_CHECKING:
    from icbench.engine.settings import Settings

State: TypeAlias = Literal["done", "begun", "new", "impossible"]

BATCH_ROWS = 512
"""The rows of a batch whose memory is told where nothing else says how many are computed together."""


@dataclass(frozen=True)
class Cell:
    """One run of a grid.

    Args:
        entry, options: what is run, and how.
        seed: its seed.
        state: whether its record is there, some of its images are, none are, or none ever can be.
        images, done: how many it classifies, and how many of these are there; None where its data is not here.
        note: why it cannot work, or what else is to be known.
        cost: of what is left.
        memory: the most bytes it uses, or None where that is not known.
        measured: whether that is what earlier runs used; otherwise it is computed, of a batch.
    """

    entry: Entry
    options: Options
    seed: int
    state: State
    images: int | None = None
    done: int = 0
    note: str = ""
    cost: Cost = UNKNOWN
    memory: int | None = None
    measured: bool = False

    @property
    def left(self) -> int | None:
        """How many images are to be classified."""
        if self.state in ("done", "impossible"):
            return 0
        return None if self.images is None else self.images - self.done

    @property
    def seconds(self) -> float | None:
        """What it will take in one process, or None where that is not known."""
        if self.left == 0:
            return 0.0
        known = self.left is not None and self.cost.seconds is not None
        return self.left * self.cost.seconds if known else None  # type: ignore[operator]


class _Earlier:
    """What a results folder has: its runs by key and by series, and what they have cost."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.runs: dict[str, list[KnownRun]] = defaultdict(list)
        self.costs = EarlierCosts()
        for record in records:
            run = KnownRun.of(record)
            for name in {run.key, run.series or run.key}:
                self.runs[name].append(run)
            self.costs.add(record)

    def standing(self, session: Session, run: RunMetadata) -> tuple[State, int]:
        """How a run stands, and how many of its images are done."""
        alike = [] if session.options.rerun else [*self.runs.get(run.key, []), *self.runs.get(run.series or "", [])]
        fit = [each for each in alike if each.latents or not session.keeps_latents]
        if any(each.finished and each.key == run.key for each in fit):
            return "done", session.images
        done = min(max((each.images for each in fit), default=0), session.images)
        return ("begun", done) if done else ("new", 0)


def plan_grid(jobs: Sequence[Runnable], watcher: Observer) -> Iterator[Cell]:
    """Each run that jobs would make, in their order, without making any: nothing is fetched, trained or written.

    Components are built and tried on a few images, as before a run. What nothing was measured of is probed.

    Raises:
        UsageError: options that no run can have.
    """
    for job in jobs:
        check_options(job.options)
    folders = {job.options.results for job in jobs}
    with watcher.working("looking at earlier runs"):
        earlier = {folder: _Earlier(ResultsFolder(folder).records()) for folder in folders}
    sources = find_sources(jobs)
    for job in jobs:
        with watcher.working(f"planning {job.entry.label}"):
            cells = _plan_job(job, sources[job.entry.dataset.label], earlier[job.options.results], watcher)
        yield from cells


def _plan_job(job: Runnable, source: Source, earlier: _Earlier, watcher: Observer) -> list[Cell]:
    dataset = job.entry.dataset.name
    try:
        with only_exceptions(job.entry.label):
            if not source.dataset.is_here(source.folder):
                return _plan_blindly(job, "new", f"{dataset} is not here; it is fetched at first use")
            return list(_plan_entry(Session(job.entry, source, job.options, watcher), earlier))
    except IcbenchError as error:
        return _plan_blindly(job, "impossible", error.line)


def _plan_blindly(job: Runnable, state: State, note: str) -> list[Cell]:
    """The runs of an entry of which no more can be told."""
    return [Cell(job.entry, job.options, seed, state, job.options.limit, note=note) for seed in job.options.seeds]


@isolate()
def _plan_entry(session: Session, earlier: _Earlier) -> list[Cell]:
    session.check()
    runs = [session.settings(seed) for seed in session.options.seeds]
    metadata = [session.metadata(settings) for settings in runs]
    standings = [earlier.standing(session, run) for run in metadata]
    # All seeds of an entry cost the same.
    todo = next((number for number, (state, _) in enumerate(standings) if state != "done"), None)
    cost = UNKNOWN if todo is None else _cost(session, metadata[todo], runs[todo], earlier.costs)
    measured = cost.memory is not None
    memory = cost.memory if todo is None or measured else _batch_memory(session, runs[todo])
    return [
        Cell(
            session.entry,
            session.options,
            seed,
            state,
            session.images,
            done,
            cost=cost,
            memory=memory,
            measured=measured,
        )
        for seed, (state, done) in zip(session.options.seeds, standings, strict=True)
    ]


def _cost(session: Session, run: RunMetadata, settings: "Settings", earlier: EarlierCosts) -> Cost:
    runner = session.runner
    found = earlier.find(run, runner.expected_evaluations(settings.steps))
    if found.seconds is not None or not isinstance(runner, InversionRunner):
        return found
    return probe(runner, session.split.images, settings)


def _batch_memory(session: Session, settings: "Settings") -> int | None:
    return session.runner.batch_bytes(session.options.batch_size or BATCH_ROWS, session.images, settings)
