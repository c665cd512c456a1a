"""Running entries: from specs to a record, with everything the user can get wrong found before anything is computed."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from icbench.entry import DEFAULTS, PARTS, Entry, Plan, grid, run_key
from icbench.environment import environment, has_fast_bfloat16, peak_memory_bytes
from icbench.errors import IntegrityError, UsageError
from icbench.kinds.dataset import SPLITS, Dataset, Split, data_folder
from icbench.plugins import Host
from icbench.records import (
    DEFAULT_FOLDER,
    SCHEMA,
    Arrays,
    Record,
    check_writable,
    find_interrupted,
    remove_record,
    result_metrics,
    write_record,
)

if TYPE_CHECKING:
    import torch

    from icbench.engine import Inverted, Parts, Settings

LATENTS = ("class_vector", "noise")


@dataclass(frozen=True)
class Options:
    """How entries are run; the defaults are the command line's.

    Args:
        steps: per hypothesis; None takes the schedule's own.
        limit: the first images of the split; None takes all.
        split: "train", "validation" or "test".
        seeds: one run each.
        batch_size: hypotheses inverted together; None measures.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "float32" or "bfloat16".
        results: the folder records are written to.
        data_dir: where fetched data is kept; None takes `ICBENCH_DATA` or the platform's cache folder.
        save_latents: keep the final class vectors and noises in the record.
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


@dataclass(frozen=True)
class Reconstructions:
    """The first images of a run and what the inversion made of them.

    Args:
        label: the entry.
        targets, images: (N, C, H, W) in [0, 1].
        truth, prediction: (N,).
    """

    label: str
    targets: NDArray[np.float32]
    images: NDArray[np.float32]
    truth: NDArray[np.int64]
    prediction: NDArray[np.int64]


class Watcher:
    """Receives what happens while runs go on; the default ignores it."""

    def warn(self, message: str) -> None:
        """Something the user should know."""

    def begin(self, label: str, images: int, done: int) -> None:
        """A run starts: so many images, of which some were done before."""

    def on_step(self, images: float) -> None:
        """Progress within a batch, in images; whole batches add up to their size."""

    def on_batch(self, correct: int, images: int) -> None:
        """A batch is done: how many of its images were classified correctly."""

    def end(self, record: Record) -> None:
        """A run is over and its record written."""


def invert_images(
    images: NDArray[np.uint8],
    specs: Mapping[str, Sequence[str]],
    seed: int = 0,
    steps: int | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> "Inverted":
    """Invert images (N, C, H, W) uint8 that need not be of any dataset; see `icbench.invert`."""
    from icbench.engine import concatenate, invert

    options = Options(steps=steps, seeds=(seed,), device=device, precision=precision)
    _checked_options(options)
    entry = entries_from_specs(Host(), specs)[0]
    session = _Session(entry, Split(images, np.zeros(len(images), np.int64)), options, Watcher())
    parts, settings = session.prepared(seed)
    return concatenate(list(invert(parts, images, np.arange(len(images)), settings)))


@dataclass
class _Collected:
    """The per-image results so far."""

    batches: list[Arrays] = field(default_factory=list)
    forward: int = 0
    backward: int = 0
    seconds: float = 0.0

    def add(self, result: "Inverted", labels: NDArray[np.int64]) -> None:
        names = ("index", "prediction", "class_scores", "distance", "resets", *LATENTS)
        self.batches.append({"label": labels, **{name: getattr(result, name) for name in names}})
        self.forward, self.backward = result.forward, result.backward

    def arrays(self) -> Arrays:
        """All images in the order of their index."""
        if not self.batches:
            return {"index": np.zeros(0, np.int64)}
        joined = {name: np.concatenate([batch[name] for batch in self.batches]) for name in self.batches[0]}
        order = np.argsort(joined["index"])
        return {name: values[order] for name, values in joined.items()}


def entries_from_specs(host: Host, specs: Mapping[str, Sequence[str]], lr: float | None = None) -> list[Entry]:
    """The grid of entries that specs ask for; a kind without specs takes its default.

    Raises:
        UsageError: a spec that does not fit what is registered.
    """
    chosen = {kind: [host.select(kind, spec) for spec in specs.get(kind) or [DEFAULTS[kind]]] for kind in DEFAULTS}
    if lr is not None:
        chosen["optimizer"] = [host.with_param(selection, "lr", lr) for selection in chosen["optimizer"]]
    return list(grid(**chosen))


def execute(entries: Sequence[Entry], options: Options, watcher: Watcher) -> Iterator[Record]:
    """Run every entry for every seed; yields each record once it is written.

    A run that is interrupted from the keyboard is kept as a record with status "interrupted", and is the last.

    Raises:
        UsageError: anything wrong with the options or a component, before the first run starts.
        ResultsError: the results folder cannot be written.
    """
    check_writable(options.results)
    _checked_options(options)
    splits = _load_splits(entries, options)
    sessions = [_Session(entry, splits[entry.dataset.label], options, watcher) for entry in entries]
    for session in sessions:
        session.check()
    for session in sessions:
        for seed in options.seeds:
            record = session.run(seed)
            yield record
            if record.status == "interrupted":
                return


class _Session:
    """One entry, ready to run for any seed."""

    def __init__(self, entry: Entry, split: Split, options: Options, watcher: Watcher) -> None:
        self.entry, self.split, self.options, self.watcher = entry, split, options, watcher
        self.device = chosen_device(options.device)
        self.precision = chosen_precision(options.precision, self.device)

    def prepared(self, seed: int) -> "tuple[Parts, Settings]":
        """The components, built and tried once on the first images, and how to invert with them."""
        parts, settings = self._checked_parts(seed)
        return parts, self._with_batch_size(parts, settings, len(self.split))

    def check(self) -> None:
        """Everything that can be found wrong before a run; keeps nothing."""
        if self.options.limit is not None and self.options.limit > len(self.split):
            self.watcher.warn(
                f"--limit {self.options.limit}: {self.entry.dataset.name} has {len(self.split)} "
                f"{self.options.split} images; all of them are used"
            )
        self._checked_parts(self.options.seeds[0])

    def _checked_parts(self, seed: int) -> "tuple[Parts, Settings]":
        from icbench.engine import check_parts

        parts = self._build()
        settings = self._settings(self._plan(seed, parts.schedule.default_steps))
        check_parts(parts, self.split.images, settings, {part: getattr(self.entry, part).label for part in PARTS})
        return parts, settings

    def run(self, seed: int) -> Record:
        parts = self._build()
        plan = self._plan(seed, parts.schedule.default_steps)
        facts = self._facts(plan, parts)
        key = run_key(facts)
        previous = find_interrupted(self.options.results, key)
        collected = _Collected()
        if previous:
            self._take_over(previous, collected)
        settings = self._with_batch_size(parts, self._settings(plan), plan.images)
        complete = self._invert(parts, plan, settings, collected)
        record = self._write(facts, key, settings, collected, complete)
        if previous:
            remove_record(previous)
        self.watcher.end(record)
        return record

    def generate(self, class_vector: NDArray[np.float32], noise: NDArray[np.float32]) -> NDArray[np.float32]:
        """The generator's images for latents (N, K) and (N, Z), in float32."""
        import torch

        from icbench.engine import generate

        first, second = (torch.from_numpy(values).to(self.device) for values in (class_vector, noise))
        with torch.no_grad():
            images = generate(self._build().generator, first, second, torch.float32)
        return images.cpu().numpy()

    def _build(self) -> "Parts":
        from icbench.engine import Parts

        built = {part: getattr(self.entry, part).build() for part in PARTS}
        built["generator"] = built["generator"].frozen(self.device)
        return Parts(**built)

    def _plan(self, seed: int, default_steps: int) -> Plan:
        limit = self.options.limit
        return Plan(
            entry=self.entry,
            split=self.options.split,
            images=len(self.split) if limit is None else min(limit, len(self.split)),
            steps=default_steps if self.options.steps is None else self.options.steps,
            seed=seed,
            precision=self.precision,
            device_kind=self.device.type,
        )

    def _settings(self, plan: Plan) -> "Settings":
        import torch

        from icbench.engine import Settings

        return Settings(
            steps=plan.steps,
            seed=plan.seed,
            batch_size=self.options.batch_size or 1,
            device=self.device,
            precision=getattr(torch, plan.precision),
        )

    def _with_batch_size(self, parts: "Parts", settings: "Settings", images: int) -> "Settings":
        from icbench.batching import measured_batch_size

        if self.options.batch_size:
            return settings
        return replace(settings, batch_size=measured_batch_size(parts, self.split.images, images, settings))

    def _facts(self, plan: Plan, parts: "Parts") -> dict[str, Any]:
        """All that decides the numbers; the run key is its digest."""
        entry = self.entry.facts()
        entry["generator"]["weights"] = parts.generator.weights_digest
        return {
            "schema": SCHEMA,
            "entry": {**entry, "steps": plan.steps},
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

    def _take_over(self, previous: Record, collected: _Collected) -> None:
        """Start from the images that an interrupted run of the same key has finished."""
        try:
            arrays = previous.images()
        except IntegrityError as error:
            self.watcher.warn(f"an interrupted run cannot be continued: {error}")
            return
        metrics = previous.metrics
        collected.batches.append(arrays)
        collected.forward, collected.backward = metrics["nfe_forward"], metrics["nfe_backward"]
        collected.seconds = metrics["seconds"]

    def _invert(self, parts: "Parts", plan: Plan, settings: "Settings", collected: _Collected) -> bool:
        """Invert the images that are not done yet; False if the user stopped it."""
        from icbench.engine import invert

        index = np.setdiff1d(np.arange(plan.images), collected.arrays()["index"])
        seed_label = f" · seed {plan.seed}" if len(self.options.seeds) > 1 else ""
        self.watcher.begin(self.entry.label + seed_label, plan.images, plan.images - len(index))
        self._report(collected)
        started, before = time.perf_counter(), collected.seconds
        try:
            for result in invert(
                parts, self.split.images, index, settings, lambda images: self.watcher.on_step(images / plan.steps)
            ):
                collected.add(result, self.split.labels[result.index])
                collected.seconds = before + time.perf_counter() - started
                self._report(collected, last=1)
        except KeyboardInterrupt:
            return False
        return True

    def _report(self, collected: _Collected, last: int = 0) -> None:
        for batch in collected.batches[-last:]:
            self.watcher.on_batch(int(np.sum(batch["prediction"] == batch["label"])), len(batch["label"]))

    def _write(
        self, facts: dict[str, Any], key: str, settings: "Settings", collected: _Collected, complete: bool
    ) -> Record:
        arrays = collected.arrays()
        if not collected.batches:
            raise KeyboardInterrupt
        kept = {name: values for name, values in arrays.items() if self.options.save_latents or name not in LATENTS}
        names = [getattr(self.entry, part).name for part in PARTS] + [self.entry.dataset.name]
        whole = {
            **facts,
            "id": "-".join([*names, f"s{facts['seed']}", key[:8]]),
            "label": self.entry.label,
            "key": key,
            "status": "ok" if complete else "interrupted",
            "metrics": result_metrics(
                arrays, collected.forward, collected.backward, collected.seconds, peak_memory(self.device)
            ),
            "batch_size": settings.batch_size,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": environment(),
        }
        return write_record(self.options.results, whole, kept)


def reconstructions(entry: Entry, record: Record, options: Options, count: int) -> Reconstructions:
    """Generate again from the latents that a record kept, for its first `count` images."""
    session = _Session(entry, _load_splits([entry], options)[entry.dataset.label], options, Watcher())
    arrays = {name: values[:count] for name, values in record.images().items()}
    return Reconstructions(
        label=entry.label,
        targets=session.split.images[arrays["index"]].astype(np.float32) / np.float32(255),
        images=session.generate(arrays["class_vector"], arrays["noise"]),
        truth=arrays["label"],
        prediction=arrays["prediction"],
    )


def chosen_device(name: str) -> "torch.device":
    """The device called `name`; "auto" is the first CUDA device, or else the CPU.

    Raises:
        UsageError: there is no such device here.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()) or (kind == "cpu" and number):
        raise UsageError(f"there is no device '{name}'", "Say auto, cpu, cuda or cuda:N.")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "cuda" and int(number or 0) >= count:
        found = f"{count} CUDA devices" if count else "no CUDA device"
        raise UsageError(f"device '{name}' is not here: torch sees {found}", "Use --device auto or --device cpu.")
    return torch.device(name)


def chosen_precision(name: str, device: "torch.device") -> str:
    """The precision called `name`; "auto" is bfloat16 on a CPU that multiplies it natively, else float32."""
    if name != "auto":
        return name
    return "bfloat16" if device.type == "cpu" and has_fast_bfloat16() else "float32"


def peak_memory(device: "torch.device") -> int:
    """The most bytes used so far: of the device on CUDA, of the process on the CPU."""
    import torch

    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_memory_bytes()


def _checked_options(options: Options) -> None:
    positive: list[tuple[str, int | None]] = [("limit", options.limit), ("steps", options.steps)]
    for name, value in [*positive, ("batch-size", options.batch_size)]:
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value} is not a number of 1 or more", f"Leave --{name} out for its default.")
    if options.split not in SPLITS:
        raise UsageError(f"there is no split '{options.split}'", f"The splits are: {', '.join(SPLITS)}.")
    if any(seed < 0 or seed >= 2**63 for seed in options.seeds):
        raise UsageError("a seed is an integer from 0 to 2^63 - 1", "The default is --seed 0.")


def _load_splits(entries: Sequence[Entry], options: Options) -> dict[str, Split]:
    """The split of every dataset among the entries, each loaded once."""
    datasets: dict[str, Dataset] = {entry.dataset.label: entry.dataset.build() for entry in entries}
    folder = data_folder(options.data_dir)
    return {label: dataset.split(options.split, folder) for label, dataset in datasets.items()}
