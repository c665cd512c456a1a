"""One shard of a run as a worker computes it: what it is told, what it answers, and what it checks before."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from icbench.compute.devices import begin_peak_memory, choose_device, give_memory_back, is_out_of_memory, peak_memory
from icbench.compute.environment import environment, library_versions
from icbench.errors import IcbenchError
from icbench.kinds.dataset import Split
from icbench.plugins.component import Selection, Value
from icbench.plugins.isolation import isolate_each
from icbench.plugins.manager import PluginManager, plugin_manager
from icbench.records.metrics import Costs
from icbench.running.datasets import Source, data_folder
from icbench.running.entry import Entry
from icbench.running.identity import run_identity
from icbench.running.options import Options
from icbench.running.runners import Arrays, Index, Runner
from icbench.running.session import build_runner
from icbench.version import __version__

if TYPE_CHECKING:
    from icbench.engine.settings import Settings

KEPT_RUNS = 2
"""For how many runs a worker keeps components, weights and images: shards come in the order of their runs."""
ALIKE = ("torch",)
"""The libraries whose versions a worker has to have as well."""

_one_at_a_time = threading.Lock()
"""Components share the state of the process: where a worker has several threads, one computes."""


@dataclass(frozen=True)
class Chosen:
    """A component by its name, with its parameters: what a worker finds among its own plugins."""

    kind: str
    name: str
    params: tuple[tuple[str, Value], ...]

    @classmethod
    def of(cls, selection: Selection) -> "Chosen":
        """The one that was selected; files by their whole path, as a worker may be in another folder."""
        component = selection.registered.component
        params = {
            name: str(Path(str(value)).absolute()) if value and component.param(name).path else value
            for name, value in selection.params.items()
        }
        return cls(selection.registered.kind, f"{selection.registered.dist}/{selection.name}", tuple(params.items()))

    def find(self, manager: PluginManager) -> Selection:
        """The component as it is here.

        Raises:
            UsageError: it is not.
        """
        registered = manager.find(self.kind, self.name)
        return Selection(registered, registered.component.complete(dict(self.params)))


@dataclass(frozen=True)
class RunTask:
    """What all shards of a run have in common.

    Args:
        selections, dataset: the entry.
        options: as asked for, with the device and the precision that were chosen.
        seed: of the run.
        identity: the run's, as JSON: a worker that comes to another one refuses.
        versions: of icbench and of the libraries that a worker has to have.
    """

    selections: tuple[Chosen, ...]
    dataset: Chosen
    options: Options
    seed: int
    identity: str
    versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ShardTask:
    """A shard to compute: of which run, which images, and how many rows at a time."""

    run: RunTask
    index: Index
    rows: int


@dataclass(frozen=True)
class ShardResult:
    """What a shard came to.

    Args:
        arrays: per image.
        costs: what it took the worker.
        parameters: how many numbers the generator, or the fitted classifier, keeps.
        environment: where it was computed.
    """

    arrays: Arrays
    costs: Costs
    parameters: int | None
    environment: Mapping[str, Any]


@dataclass(frozen=True)
class ShardFailure:
    """Why a shard was not computed.

    Args:
        reason: in one line.
        out_of_memory: the device has no room for so many rows.
        refused: the worker is not like the one that asked.
    """

    reason: str
    out_of_memory: bool = False
    refused: bool = False


class RefusalError(IcbenchError):
    """A worker is not like the one that asked."""


def versions() -> tuple[tuple[str, str], ...]:
    """What has to be the same wherever shards of a run are computed, besides what the run's identity holds."""
    found = library_versions()
    return (("icbench", __version__), *((name, found.get(name, "")) for name in ALIKE))


def compute_shard(task: ShardTask) -> ShardResult | ShardFailure:
    """Compute a shard, whatever its components do; called where the shard is to be computed."""
    try:
        with _one_at_a_time:
            return _compute(task)
    except KeyboardInterrupt:
        raise
    except RefusalError as error:
        return ShardFailure(error.message, refused=True)
    # What components raise may be no `Exception`, and need not be known where the answer goes.
    except BaseException as error:
        full = isinstance(error, Exception) and is_out_of_memory(error)
        if full:
            give_memory_back(choose_device(task.run.options.device))
        return ShardFailure(f"{type(error).__name__}: {error}", out_of_memory=full)


def _compute(task: ShardTask) -> ShardResult:
    bench = _bench(task.run)
    if not _environment.cache_info().currsize:
        bench.warm_up(task.index)
    begin_peak_memory(bench.runner.device)
    started = time.perf_counter()
    bench.prepare()
    found = bench.runner.results(bench.split.images, task.index, bench.settings, task.rows, lambda images: None)
    results = list(isolate_each(found))
    seconds = time.perf_counter() - started
    last = results[-1]
    costs = Costs(round(last.forward), round(last.backward), seconds, peak_memory(bench.runner.device))
    arrays = {name: np.concatenate([result.arrays[name] for result in results]) for name in last.arrays}
    return ShardResult(arrays, costs, bench.runner.parameters(), _environment())


@dataclass
class _Bench:
    """A run's components and images, ready to be worked with."""

    runner: Runner
    split: Split
    settings: "Settings"
    prepared: bool = False

    def warm_up(self, images: Index) -> None:
        """Make one step of one image: what is loaded with the first is no part of what a shard takes."""
        settings = replace(self.settings, steps=min(1, self.settings.steps))
        if not self.runner.entry.direct:
            list(isolate_each(self.runner.results(self.split.images, images[:1], settings, 1, lambda images: None)))

    def prepare(self) -> None:
        """Fit what has to be fitted, before the first shard."""
        if not self.prepared:
            self.runner.prepare(self.settings)
            self.prepared = True


@lru_cache(maxsize=KEPT_RUNS)
def _bench(run: RunTask) -> _Bench:
    """A run's components and images as they are here.

    Raises:
        RefusalError: this is not what the run was planned with.
    """
    _compare(dict(versions()), dict(run.versions))
    try:
        source = _source(run.dataset, run.options.data_dir)
        split = source.split(run.options.split)
        runner = _runner(run.selections, run.dataset, run.options, run.seed)
        settings = runner.settings(run.options, run.seed)
        expected = json.loads(run.identity)
        images = expected["dataset"]["images"]
        found = run_identity(
            runner.entry, runner.describe_components(), settings, run.options.split, split.digest, images
        )
    except IcbenchError as error:
        raise RefusalError(error.message) from error
    _compare(json.loads(json.dumps(found.document())), expected)
    return _Bench(runner, split, settings)


def _runner(selections: tuple[Chosen, ...], dataset: Chosen, options: Options, seed: int) -> Runner:
    """The components of an entry; those of an inversion serve all its seeds."""
    direct = any(chosen.kind == "classifier" for chosen in selections)
    return _built(selections, dataset, options.device, options.data_dir, seed if direct else None)


@lru_cache(maxsize=KEPT_RUNS)
def _built(
    selections: tuple[Chosen, ...], dataset: Chosen, device: str, data_dir: Path | None, seed: int | None
) -> Runner:
    """The components of an entry; `seed` is that of what they are fitted for, so that none serves two."""
    manager = plugin_manager(warn=False)
    entry = Entry({chosen.kind: chosen.find(manager) for chosen in selections}, dataset.find(manager))
    return build_runner(entry, choose_device(device), _source(dataset, data_dir))


@lru_cache(maxsize=KEPT_RUNS)
def _source(dataset: Chosen, data_dir: Path | None) -> Source:
    selection = dataset.find(plugin_manager(warn=False))
    return Source(selection.build(), data_folder(data_dir), selection.label)


@lru_cache(maxsize=1)
def _environment() -> Mapping[str, Any]:
    return environment()


def _compare(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Hold what is found against what is expected.

    Raises:
        RefusalError: the worker has something else.
    """
    here, there = dict(_leaves(found)), dict(_leaves(expected))
    for name in [*there, *here]:
        if here.get(name) != there.get(name):
            raise RefusalError(f"its {name} is {_short(here.get(name))}, and not {_short(there.get(name))}")


def _leaves(document: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """Each value of a document by where it is, such as `entry generator weights`."""
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{within}{name} ")
        else:
            yield f"{within}{name}", value


def _short(value: object) -> str:
    """A value, of a digest so much as tells it from others."""
    text = "missing" if value is None else str(value) or "empty"
    return f"{text[:19]}…" if text.startswith("sha256:") or len(text) == 64 else text
