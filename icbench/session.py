"""One entry made ready and run: components built and tried, images inverted, the result kept as a record."""

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from icbench.devices import chosen_device, chosen_precision, peak_memory
from icbench.entry import PARTS, Entry, Plan, run_key
from icbench.environment import environment
from icbench.errors import IntegrityError
from icbench.kinds.dataset import Split
from icbench.records import (
    DEFAULT_FOLDER,
    SCHEMA,
    Arrays,
    Record,
    find_unfinished,
    result_metrics,
    supersede,
    write_record,
)

if TYPE_CHECKING:
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


PER_IMAGE = ("index", "prediction", "class_scores", "distance", "resets", *LATENTS)


@dataclass
class _Collected:
    """The per-image results so far, and how the inversion ended."""

    batches: list[Arrays] = field(default_factory=list)
    forward: int = 0
    backward: int = 0
    seconds: float = 0.0
    status: str = "ok"
    error: str = ""

    def add(self, result: "Inverted", labels: NDArray[np.int64]) -> None:
        self.batches.append({"label": labels, **{name: getattr(result, name) for name in PER_IMAGE}})
        self.forward, self.backward = result.forward, result.backward

    def arrays(self) -> Arrays:
        """All images in the order of their index."""
        if not self.batches:
            return {name: np.zeros(0, np.int64) for name in ("label", *PER_IMAGE)}
        joined = {name: np.concatenate([batch[name] for batch in self.batches]) for name in self.batches[0]}
        order = np.argsort(joined["index"])
        return {name: values[order] for name, values in joined.items()}


class Session:
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
        """Run for one seed, from where an unfinished run of the same key has stopped; returns the written record.

        Raises:
            KeyboardInterrupt: it was interrupted before any image was finished.
        """
        parts = self._build()
        plan = self._plan(seed, parts.schedule.default_steps)
        facts = self._facts(plan, parts)
        key = run_key(facts)
        collected = _Collected()
        previous = self._take_over(key, collected)
        settings = self._with_batch_size(parts, self._settings(plan), plan.images)
        self._invert(parts, plan, settings, collected)
        if collected.status == "interrupted" and not collected.batches:
            raise KeyboardInterrupt
        record = self._write(facts, key, settings, collected)
        if previous:
            record = supersede(previous, record)
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

    def _take_over(self, key: str, collected: _Collected) -> Record | None:
        """Start from the images that an unfinished run of this key has finished; returns its record if it had any."""
        previous = find_unfinished(self.options.results, key)
        if previous is None:
            return None
        try:
            arrays = previous.images()
        except IntegrityError as error:
            self.watcher.warn(f"an unfinished run cannot be continued: {error}")
            return None
        if not len(arrays["index"]):
            return previous
        metrics = previous.metrics
        collected.batches.append(arrays)
        collected.forward, collected.backward = metrics["nfe_forward"], metrics["nfe_backward"]
        collected.seconds = metrics["seconds"]
        return previous

    def _invert(self, parts: "Parts", plan: Plan, settings: "Settings", collected: _Collected) -> None:
        """Invert the images that are not done yet; what stops that is noted, and what is finished is kept."""
        index = np.setdiff1d(np.arange(plan.images), collected.arrays()["index"])
        seed_label = f" · seed {plan.seed}" if len(self.options.seeds) > 1 else ""
        self.watcher.begin(self.entry.label + seed_label, plan.images, plan.images - len(index))
        for batch in collected.batches:
            self._report(batch)
        try:
            self._invert_batches(parts, index, settings, collected)
        except KeyboardInterrupt:
            collected.status = "interrupted"
        except Exception as error:
            collected.status, collected.error = "failed", f"{type(error).__name__}: {error}"
            self.watcher.warn(f"{self.entry.label} failed after {len(collected.arrays()['index'])} images: {error}")

    def _invert_batches(
        self, parts: "Parts", index: NDArray[np.int64], settings: "Settings", collected: _Collected
    ) -> None:
        from icbench.engine import invert

        def on_step(images: int) -> None:
            self.watcher.on_step(images / settings.steps)

        started, before = time.perf_counter(), collected.seconds
        for result in invert(parts, self.split.images, index, settings, on_step):
            collected.add(result, self.split.labels[result.index])
            collected.seconds = before + time.perf_counter() - started
            self._report(collected.batches[-1])

    def _report(self, batch: Arrays) -> None:
        self.watcher.on_batch(int(np.sum(batch["prediction"] == batch["label"])), len(batch["label"]))

    def _write(self, facts: dict[str, Any], key: str, settings: "Settings", collected: _Collected) -> Record:
        arrays = collected.arrays()
        # An interrupted run keeps its latents: the one that continues it may be asked for them.
        keep_latents = self.options.save_latents or collected.status != "ok"
        kept = {name: values for name, values in arrays.items() if keep_latents or name not in LATENTS}
        names = [getattr(self.entry, part).name for part in PARTS] + [self.entry.dataset.name]
        memory = peak_memory(self.device)
        whole = {
            **facts,
            "id": "-".join([*names, f"s{facts['seed']}", key[:8]]),
            "label": self.entry.label,
            "key": key,
            "status": collected.status,
            "error": collected.error,
            "metrics": result_metrics(arrays, collected.forward, collected.backward, collected.seconds, memory),
            "batch_size": settings.batch_size,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": environment(),
        }
        return write_record(self.options.results, whole, kept)
