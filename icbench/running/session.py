"""One entry made ready and run: components built and tried, images classified, the result kept as a record."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from icbench.compute.devices import (
    begin_peak_memory,
    choose_device,
    is_out_of_memory,
    peak_memory,
    torch_dtype,
)
from icbench.compute.environment import without_folders
from icbench.errors import ResultsError, UsageError
from icbench.plugins.isolation import isolate, isolate_each
from icbench.records import Arrays, Record, ResultsFolder
from icbench.records.buffer import SHARD_IMAGES, ShardBuffer
from icbench.records.metadata import RunIdentity, RunMetadata
from icbench.records.record import check_known
from icbench.records.results_folder import GrowingRun
from icbench.running.batch_size import BatchSize
from icbench.running.datasets import Source
from icbench.running.deadline import STOPPED, TimeIsUpError
from icbench.running.earlier_runs import EarlierRuns
from icbench.running.entry import Entry
from icbench.running.identity import run_identity, run_metadata
from icbench.running.observer import Observer
from icbench.running.options import Options
from icbench.running.product_runner import ProductRunner
from icbench.running.runners import ClassifierRunner, InversionRunner, Result, Runner

if TYPE_CHECKING:
    import torch

    from icbench.engine.settings import Settings

LOG = logging.getLogger(__name__)


class RunTakenError(Exception):
    """Another process works on a run."""


class Session:
    """One entry, ready to run for its seeds. Its components are built once, for the check and all runs."""

    def __init__(self, entry: Entry, source: Source, options: Options, watcher: Observer) -> None:
        self.entry, self.source, self.options, self.watcher = entry, source, options, watcher
        self.split = source.split(options.split)
        self.device = choose_device(options.device)
        self.images = len(self.split) if options.limit is None else min(options.limit, len(self.split))
        self.results = ResultsFolder(options.results)
        self.earlier = EarlierRuns(self.results, entry, options, watcher)
        self.keeps_latents = options.save_latents and entry.inverts_once

    @cached_property
    def runner(self) -> Runner:
        """What runs it, with its components built."""
        return build_runner(self.entry, self.device, self.source)

    @cached_property
    def batch_size(self) -> BatchSize:
        """How many rows are computed together, measured when first asked."""
        return BatchSize(self.runner, self.split.images, self.watcher, self.options.batch_size)

    @isolate()
    def check(self) -> None:
        """Everything that can be found wrong before a run."""
        _warn_of_limit(self.options, len(self.split), self.entry.dataset.name, self.watcher)
        with _name_full_memory(self.device, self.entry.label):
            settings = [self.runner.settings(self.options, seed) for seed in self.options.seeds]
            identities = [self.identity(one) for one in settings]
            if not all(map(self.earlier.has_folder, identities)):
                self.runner.check(self.split.images, settings[0])
            check_known(self._metadata(identities[0]))

    def runs(self) -> Iterator[tuple[int, Record]]:
        """Each seed with the record of its run: found finished, gone on with where it stopped, or made.

        Raises:
            KeyboardInterrupt: a run was interrupted before any image was finished.
            ResultsError: the results folder cannot be written; what was written before is kept.
        """
        for seed in self.options.seeds:
            yield seed, self._run(self.settings(seed))

    def settings(self, seed: int) -> "Settings":
        """How the run of a seed is made, or goes on as it was begun."""
        settings = self.runner.settings(self.options, seed)
        begun_in = self.earlier.precision(self.identity(settings))
        return settings if begun_in is None else replace(settings, precision=torch_dtype(begun_in))

    @contextmanager
    def take(self, settings: "Settings", may_wait: bool = True) -> Iterator[Record | GrowingRun]:
        """A run's record if it is finished, or else the run as far as it got; no other process works on it meanwhile.

        Raises:
            RunTakenError: another process does, and one may not wait for it.
        """
        metadata = self.metadata(settings)
        LOG.info("%s on %s in %s", metadata.id, self.device, metadata.precision)
        with self.results.lock(metadata.id, partial(self._wait, metadata.id, may_wait)):
            record = self.earlier.find_finished(metadata.key, self.keeps_latents)
            latents, warn, rerun = self.keeps_latents, self.watcher.warn, self.options.rerun
            yield record or self.results.grow(metadata, self.images, latents, warn, rerun)

    def _wait(self, run: str, may_wait: bool) -> None:
        if not may_wait:
            raise RunTakenError
        self.watcher.warn(f"another process is at {run}; waiting for it (Ctrl-C to give up)")

    def _run(self, settings: "Settings") -> Record:
        with self.take(settings) as found:
            record = found if isinstance(found, Record) else self._grow(found, settings)
        self.options.deadline.note(record)
        self.watcher.end(record)
        return record

    def _grow(self, run: GrowingRun, settings: "Settings") -> Record:
        """Classify the images that are not done yet; what stops that is noted, and what is finished is kept.

        Components may raise what is no `Exception`, as Rust's panics or pytest's `Skipped`: only the user stops all.
        """
        left, buffer = self.begin(run, settings), ShardBuffer(run, partial(peak_memory, self.device))
        try:
            self._classify(run, settings, left, buffer)
            run.set_parameters(self.runner.parameters())
            return run.finish(self.keeps_latents)
        except ResultsError:
            raise
        except KeyboardInterrupt:
            if run.is_finished or not run.shards:
                raise
            return run.stop("interrupted", "")
        except BaseException as error:
            self.tell_failure(len(run.arrays()["index"]) + buffer.images, error)
            return run.stop("failed", describe_failure(error))

    def begin(self, run: GrowingRun, settings: "Settings") -> NDArray[np.int64]:
        """Tell that a run begins or goes on; returns the images that are not done yet."""
        done = run.arrays()
        seed_label = f" · seed {settings.seed}" if len(self.options.seeds) > 1 else ""
        LOG.info("run folder %s: %d of %d images done before", run.path, len(done["index"]), self.images)
        self.watcher.begin(self.entry.label + seed_label, self.images, len(done["index"]))
        self.report(done)
        return np.setdiff1d(np.arange(self.images), done["index"])

    def _classify(self, run: GrowingRun, settings: "Settings", left: NDArray[np.int64], buffer: ShardBuffer) -> None:
        """Classify the images that are left, in smaller batches once the memory is full."""
        if not len(left):
            return
        self._check_time(self.first_shard_seconds(run.metadata, settings, len(left)))
        self.batch_size.begin(settings, self.images, run.metadata.batch_size or None)
        begin_peak_memory(self.device)
        with buffer:
            while len(left):
                begun = self.options.deadline.clock()
                run.set_batch(self.batch_size.rows, self.batch_size.bytes)
                try:
                    for result in self._results(settings, left):
                        arrays = {"label": self.split.labels[result.arrays["index"]], **result.arrays}
                        buffer.add(arrays, result.forward, result.backward)
                        left = np.setdiff1d(left, arrays["index"])
                        self.report(arrays)
                        if len(left):
                            self._check_time(self.options.deadline.clock() - begun)
                        begun = self.options.deadline.clock()
                except Exception as error:
                    self.batch_size.halve(error)

    def _check_time(self, seconds: float) -> None:
        """See whether what comes next, which takes so long, ends in time.

        Raises:
            TimeIsUpError: it does not.
        """
        if not self.options.deadline.allows(seconds):
            self.watcher.warn(STOPPED)
            raise TimeIsUpError

    def first_shard_seconds(self, run: RunMetadata, settings: "Settings", left: int) -> float:
        """What the first images of a run take as far as earlier runs tell, or 0; only where time is short it counts."""
        if not self.options.deadline.is_set:
            return 0.0
        evaluations = self.runner.expected_evaluations(settings.steps)
        cost = self.options.deadline.earlier(self.results).find(run, evaluations)
        return (cost.seconds or 0.0) * min(left, SHARD_IMAGES)

    def _results(self, settings: "Settings", index: NDArray[np.int64]) -> Iterator[Result]:
        with self.watcher.working(f"fitting {self.entry.label}"):
            self.runner.prepare(settings)
        rows, on_step = self.batch_size.rows, self.watcher.on_step
        return isolate_each(self.runner.results(self.split.images, index, settings, rows, on_step))

    def tell_failure(self, done: int, error: BaseException) -> None:
        """Say that a run failed, and after how many images."""
        reason = str(error) if isinstance(error, Exception) and str(error) else f"{type(error).__name__} {error}"
        self.watcher.warn(f"{self.entry.label} failed after {done} images: {reason}")

    def report(self, arrays: Arrays) -> None:
        """Tell of images that are classified."""
        self.watcher.on_batch(len(arrays["label"]), int(np.sum(arrays["prediction"] == arrays["label"])))

    def identity(self, settings: "Settings") -> RunIdentity:
        """All that decides a run's numbers."""
        split, digest = self.options.split, self.split.digest
        return run_identity(self.entry, self.runner.describe_components(), settings, split, digest, self.images)

    def metadata(self, settings: "Settings") -> RunMetadata:
        """What the record of a run says from the start."""
        return self._metadata(self.identity(settings))

    def _metadata(self, identity: RunIdentity) -> RunMetadata:
        flags, names = self.runner.flags(self.options.split), self.source.dataset.class_names
        tier, parameters = self.runner.tier, self.runner.parameters()
        return run_metadata(identity, self.entry, self.options, tier, flags, parameters, names)


def describe_failure(error: BaseException) -> str:
    """What a run failed with, fit to be published."""
    return without_folders(f"{type(error).__name__}: {error}")


def _warn_of_limit(options: Options, available: int, dataset: str, watcher: Observer) -> None:
    if options.limit is not None and options.limit > available:
        watcher.warn(f"--limit {options.limit}: {dataset} has {available} {options.split} images; all of them are used")


def build_runner(entry: Entry, device: "torch.device", source: Source) -> Runner:
    """An entry's components, built on a device; a direct classifier learns from the training images of `source`."""
    if entry.direct:
        return ClassifierRunner(entry, device, source.dataset.num_classes, lambda: source.split("train"))
    if "product" in entry.selections:
        return ProductRunner(entry, device, source.dataset.num_classes, source.folder)
    return InversionRunner(entry, device, source.dataset.num_classes, source.folder)


@contextmanager
def _name_full_memory(device: "torch.device", label: str) -> Iterator[None]:
    """Within it, a device without memory is an error of the user's.

    Raises:
        UsageError: its memory is full before anything is computed.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise UsageError(f"{device} has no memory left for {label}", "Free some, or say --device cpu.") from error
