"""One entry made ready and run: components built and tried, images classified, the result kept as a record."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icbench.compute.devices import (
    AUTO_PRECISIONS,
    begin_peak_memory,
    chosen_device,
    chosen_precision,
    give_memory_back,
    is_out_of_memory,
    peak_memory,
)
from icbench.compute.environment import environment, without_folders
from icbench.errors import ResultsError, UsageError
from icbench.kinds.dataset import Dataset, Split
from icbench.plugins.isolation import isolated, isolated_each
from icbench.records import SCHEMA, Arrays, Record, ResultsFolder
from icbench.records.record import Costs, check_known
from icbench.records.results_folder import DEFAULT_FOLDER, GrowingRun
from icbench.running.datasets import load_split
from icbench.running.entry import Entry, Plan, run_key, series_key
from icbench.running.observer import Onlooker
from icbench.running.runners import Direct, Inversion, Method
from icbench.running.source_closure import engine_digest

SHARD_IMAGES = 256
SHARD_SECONDS = 10.0
"""Results go to disk once there are so many images or so much time has passed: what a kill can cost."""


@dataclass(frozen=True)
class Options:
    """How entries are run; the defaults are the command line's.

    Args:
        steps: per hypothesis; None takes the schedule's own, 0 scores the starts.
        limit: the first images of the split; None takes all.
        split: "train", "validation" or "test".
        seeds: one run each.
        batch_size: hypotheses inverted together; None measures.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "float32", "tf32" (on CUDA) or "bfloat16".
        results: the folder records are written to.
        data_dir: where fetched data is kept; None takes `ICBENCH_DATA` or the platform's cache folder.
        save_latents: keep the final class vectors and noises in the record.
        rerun: run again what is finished already; the older record stays.
        stop_when: stop an image once its last steps gained no more than this share of what all have (0 to 1); None
            makes all steps.
        suite: the name of the suite that the runs are made for; empty for one's own.
    """

    steps: int | None = None
    limit: int | None = None
    split: str = "test"
    seeds: tuple[int, ...] = (0,)
    batch_size: int | None = None
    device: str = "auto"
    precision: str = "auto"
    results: Path = Path(DEFAULT_FOLDER)
    data_dir: Path | None = None
    save_latents: bool = False
    rerun: bool = False
    stop_when: float | None = None
    suite: str = ""


class Watcher(Onlooker):
    """Receives what happens while runs go on; the default ignores it."""

    def warn(self, message: str) -> None:
        """Something the user should know."""

    def say(self, message: str) -> None:
        """Something the user may like to know."""

    def begin(self, label: str, images: int, done: int) -> None:
        """A run starts: so many images, of which some were done before."""

    def on_step(self, images: float) -> None:
        """Progress within a batch, in images; whole batches add up to their size."""

    def on_batch(self, correct: int, images: int) -> None:
        """A batch is done: how many of its images were classified correctly."""

    def end(self, record: Record) -> None:
        """A run is over and its record written."""


@dataclass(frozen=True)
class Source:
    """A dataset, the folder that what it fetches is kept in, and its label; each split is loaded once."""

    dataset: Dataset
    folder: Path
    label: str

    def split(self, name: str) -> Split:
        if name not in self._loaded:
            self._loaded[name] = load_split(self.dataset, self.label, name, self.folder)
        return self._loaded[name]

    @cached_property
    def _loaded(self) -> dict[str, Split]:
        return {}


class Session:
    """One entry, ready to run for its seeds."""

    def __init__(self, entry: Entry, source: Source, options: Options, watcher: Watcher) -> None:
        self.entry, self.source, self.options, self.watcher = entry, source, options, watcher
        self.split = source.split(options.split)
        self.device = chosen_device(options.device)
        self.precision = chosen_precision(options.precision, self.device)
        self._measured: int | None = None

    @isolated()
    def check(self) -> None:
        """Everything that can be found wrong before a run; keeps nothing."""
        if self.options.limit is not None and self.options.limit > len(self.split):
            self.watcher.warn(
                f"--limit {self.options.limit}: {self.entry.dataset.name} has {len(self.split)} "
                f"{self.options.split} images; all of them are used"
            )
        try:
            method = self._method()
            plans = [self._plan(method, seed) for seed in self.options.seeds]
            if not all(self._was_checked(method, plan) for plan in plans):
                method.check(self.split.images, plans[0])
            check_known(self._known_facts(self._keyed_facts(plans[0], method), "", "", method))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise UsageError(
                f"{self.device} has no memory left for {self.entry.label}", "Free some, or say --device cpu."
            ) from error

    def _was_checked(self, method: Method, plan: Plan) -> bool:
        """Whether a run of the same key was begun, and so was checked before."""
        name = self._identity(plan, run_key(self._keyed_facts(plan, method)))
        return (self.options.results / name).is_dir()

    def _identity(self, plan: Plan, key: str) -> str:
        return f"{self.entry.name}-s{plan.seed}-{key[:8]}"

    def runs(self) -> Iterator[Record]:
        """The record of each seed's run: found finished, gone on with where it stopped, or made.

        Raises:
            KeyboardInterrupt: a run was interrupted before any image was finished.
            ResultsError: the results folder cannot be written; what was written before is kept.
        """
        method = self._method()
        for seed in self.options.seeds:
            yield self._run(method, self._as_begun(method, self._plan(method, seed)))

    def _as_begun(self, method: Method, plan: Plan) -> Plan:
        """The plan; where the precision is free, in that of a run which was begun in another and is not finished."""
        if self.options.precision != "auto" or self.entry.direct:
            return plan
        results, keyed = ResultsFolder(self.options.results), self._keyed_facts(plan, method)
        begun = [name for name in AUTO_PRECISIONS if results.is_begun(run_key({**keyed, "precision": name}))]
        if not begun or plan.precision in begun or (results.finished(run_key(keyed)) and not self.options.rerun):
            return plan
        self.watcher.say(f"{self.entry.label}: goes on in {begun[0]}, as it was begun (--precision chooses another)")
        return replace(plan, precision=begun[0])

    def _run(self, method: Method, plan: Plan) -> Record:
        keyed = self._keyed_facts(plan, method)
        key = run_key(keyed)
        identity = self._identity(plan, key)
        results = ResultsFolder(self.options.results)
        with results.locked(identity, lambda: self._say_locked(identity)):
            record = None if self.options.rerun else self._finished(results, key)
            if record is None:
                known = self._known_facts(keyed, key, identity, method)
                run = results.grow(known, plan.images, self._keeps_latents(), self.watcher.warn, self.options.rerun)
                record = self._grow(run, method, plan)
        self.watcher.end(record)
        return record

    def _say_locked(self, identity: str) -> None:
        self.watcher.warn(f"another process is at {identity}; waiting for it (Ctrl-C to give up)")

    def _finished(self, results: ResultsFolder, key: str) -> Record | None:
        latents = self._keeps_latents()
        record = results.finished(key, latents, self._say_unreadable)
        if record is None:
            if latents and results.finished(key):
                self.watcher.say(f"{self.entry.label}: finished before without latents; run again to have them")
            return None
        self.watcher.say(f"{self.entry.label}: finished before, taken from {record.path} (--rerun runs it again)")
        return replace(record, reused=True)

    def _say_unreadable(self, reason: str) -> None:
        self.watcher.warn(f"{self.entry.label} was finished before and is run again: {reason}")

    def _grow(self, run: GrowingRun, method: Method, plan: Plan) -> Record:
        """Classify the images that are not done yet; what stops that is noted, and what is finished is kept.

        Components may raise what is no `Exception`, as Rust's panics or pytest's `Skipped`: only the user stops all.
        """
        done = run.arrays()
        index = np.setdiff1d(np.arange(plan.images), done["index"])
        seed_label = f" · seed {plan.seed}" if len(self.options.seeds) > 1 else ""
        self.watcher.begin(self.entry.label + seed_label, plan.images, plan.images - len(index))
        self._report(done)
        pending = _Pending(run, self.device)
        try:
            for arrays in self._classified(method, plan, index, run, pending):
                self._report(arrays)
            pending.flush()
            run.facts["metrics"]["generator_parameters"] = method.parameters()
            return run.finish(self._keeps_latents())
        except ResultsError:
            raise
        except KeyboardInterrupt:
            pending.flush()
            if run.finished or not run.parts:
                raise
            return run.stop("interrupted", "")
        except BaseException as error:
            return self._fail(run, pending, error)

    def _fail(self, run: GrowingRun, pending: "_Pending", error: BaseException) -> Record:
        done = len(run.arrays()["index"]) + pending.images
        reason = str(error) if isinstance(error, Exception) and str(error) else f"{type(error).__name__} {error}"
        self.watcher.warn(f"{self.entry.label} failed after {done} images: {reason}")
        pending.flush()
        return run.stop("failed", without_folders(f"{type(error).__name__}: {error}"))

    def _keeps_latents(self) -> bool:
        return self.options.save_latents and not self.entry.direct

    def _classified(
        self, method: Method, plan: Plan, index: NDArray[np.int64], run: GrowingRun, pending: "_Pending"
    ) -> Iterator[Arrays]:
        if not len(index):
            return
        batch_size = self.options.batch_size or run.facts["batch_size"] or self._measured or self._measure(method, plan)
        batch_bytes = self._foreseen(method, plan, batch_size)
        begin_peak_memory(self.device)
        pending.start()
        while len(index):
            run.facts.update(batch_size=batch_size, batch_bytes=batch_bytes)
            try:
                with self.watcher.working(f"fitting {self.entry.label}"):
                    method.prepare(plan)
                results = method.results(self.split.images, index, plan, batch_size, self.watcher.on_step)
                for result in isolated_each(results):
                    arrays = {"label": self.split.labels[result.arrays["index"]], **result.arrays}
                    pending.add(arrays, result.forward, result.backward)
                    index = np.setdiff1d(index, result.arrays["index"])
                    yield arrays
            except Exception as error:
                if not is_out_of_memory(error) or batch_size <= 1:
                    raise
                batch_size //= 2
                self.watcher.warn(f"the device's memory is full; going on with batches of {batch_size}")
                give_memory_back(self.device)
                batch_bytes = self._foreseen(method, plan, batch_size)

    def _foreseen(self, method: Method, plan: Plan, batch_size: int) -> int | None:
        """The bytes of a batch, as far as they are known; says so where they are more than is free."""
        from icbench.engine.memory import free_bytes

        needed, free = method.batch_bytes(batch_size, plan), free_bytes(self.device)
        if needed is not None and needed > free:
            self.watcher.warn(
                f"batches of {batch_size} take about {needed / 2**30:,.1f} GiB, and {free / 2**30:,.1f} GiB are free; "
                "--batch-size auto chooses one that fits"
            )
        return needed

    def _measure(self, method: Method, plan: Plan) -> int:
        """A good batch size, the same for all seeds."""
        with self.watcher.working(f"measuring a batch size for {self.entry.label}"):
            self._measured = method.batch_size(self.split.images, plan)
        return self._measured

    def _report(self, arrays: Arrays) -> None:
        self.watcher.on_batch(int(np.sum(arrays["prediction"] == arrays["label"])), len(arrays["label"]))

    def _method(self) -> Method:
        if self.entry.direct:
            num_classes = self.source.dataset.num_classes
            return Direct(self.entry, self.device, num_classes, lambda: self.source.split("train"))
        return Inversion(self.entry, self.device)

    def _plan(self, method: Method, seed: int) -> Plan:
        limit = self.options.limit
        return Plan(
            entry=self.entry,
            split=self.options.split,
            images=len(self.split) if limit is None else min(limit, len(self.split)),
            steps=method.default_steps if self.options.steps is None or self.entry.direct else self.options.steps,
            seed=seed,
            precision="float32" if self.entry.direct else self.precision,
            device_kind=self.device.type,
            stop_when=None if self.entry.direct else self.options.stop_when,
        )

    def _keyed_facts(self, plan: Plan, method: Method) -> dict[str, Any]:
        """All that decides the numbers; the run key is its digest."""
        entry = self.entry.facts()
        for kind, details in method.details().items():
            entry[kind].update(details)
        return {
            "schema": SCHEMA,
            "engine": engine_digest(),
            # Named only where it is given, so that records from before there was one are of the same entry.
            "entry": {**entry, "steps": plan.steps} | ({"stop_when": plan.stop_when} if plan.stop_when else {}),
            # Not the code of the dataset: what it gave is known by its digest.
            "dataset": {
                "name": self.entry.dataset.label,
                "split": plan.split,
                "digest": self.split.digest,
                "images": plan.images,
            },
            "seed": plan.seed,
            "precision": plan.precision,
            "device": plan.device_kind,
        }

    def _known_facts(self, keyed: dict[str, Any], key: str, identity: str, method: Method) -> dict[str, Any]:
        """What the record says besides results."""
        return {
            **keyed,
            "id": identity,
            "label": self.entry.label,
            "key": key,
            "series": series_key(keyed),
            "tier": self.entry.tier,
            "suite": self.options.suite,
            "flags": self.entry.flags(self.options.split) + method.flags(),
            "metrics": {"generator_parameters": method.parameters()},
            "batch_size": self.options.batch_size,
            "environment": environment(),
        }


class _Pending:
    """Batches that are classified and not yet on disk."""

    def __init__(self, run: GrowingRun, device: Any) -> None:
        self.run, self.device = run, device
        self.batches: list[Arrays] = []
        self.start()

    def start(self) -> None:
        self.started = time.perf_counter()

    def add(self, arrays: Arrays, forward: float, backward: float) -> None:
        """Take a batch.

        Raises:
            ComponentError: its results are not of the form that a record has.
        """
        self.run.check(arrays)
        self.forward, self.backward = round(forward), round(backward)
        self.batches.append(arrays)
        if self.images >= SHARD_IMAGES or time.perf_counter() - self.started >= SHARD_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what there is as one shard; what stops that leaves it to be written."""
        if self.batches:
            seconds = time.perf_counter() - self.started
            joined = {name: np.concatenate([batch[name] for batch in self.batches]) for name in self.batches[0]}
            self.run.add(joined, Costs(self.forward, self.backward, seconds, peak_memory(self.device)))
            self.batches = []
        self.start()

    @property
    def images(self) -> int:
        """How many are not on disk yet."""
        return sum(len(batch["index"]) for batch in self.batches)
