"""What runs cost, as earlier ones were measured."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from icbench.records import Record
from icbench.records.metadata import ComponentMetadata, EntryMetadata, Environment, RunMetadata


@dataclass(frozen=True)
class Cost:
    """What a run costs.

    Args:
        seconds: of each image, or None where nothing tells.
        source: what tells, in a phrase.
        memory: the most bytes that earlier runs of the entry have used, or None.
    """

    seconds: float | None
    source: str
    memory: int | None = None


UNKNOWN = Cost(None, "unknown")


@dataclass(frozen=True)
class _Measured:
    """One earlier run: the seconds of an image, its generator evaluations, and the most bytes used."""

    seconds: float
    nfe: int
    memory: int


class EarlierCosts:
    """The costs of earlier runs, found by the entry, or by its generator.

    Only runs on the same kind of device tell: the same processor, or the same GPUs.

    Args:
        records: of the runs; nothing is read but what they say.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._of_entry: dict[str, list[_Measured]] = defaultdict(list)
        self._of_generator: dict[str, list[_Measured]] = defaultdict(list)
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Take a run that was measured; one without a time tells nothing."""
        metrics = record.metrics
        if not metrics.images or metrics.seconds <= 0:
            return
        measured = _Measured(metrics.seconds / metrics.images, metrics.nfe, metrics.peak_memory_bytes)
        self._of_entry[_entry_key(record.metadata)].append(measured)
        if measured.nfe:
            self._of_generator[_generator_key(record.metadata)].append(measured)

    def find(self, run: RunMetadata, evaluations: int) -> Cost:
        """What a run costs as far as it is known.

        Args:
            run: what is known of it before.
            evaluations: of the generator for each image, to scale what other entries with this generator took.
        """
        alike = self._of_entry.get(_entry_key(run), [])
        if alike:
            memory = max(each.memory for each in alike)
            return Cost(median(each.seconds for each in alike), f"{_count(alike)} of the entry", memory or None)
        related = self._of_generator.get(_generator_key(run), []) if evaluations else []
        if related:
            scaled = median(each.seconds / each.nfe for each in related) * evaluations
            return Cost(scaled, f"{_count(related)} of the generator, by NFE")
        return UNKNOWN


def _count(measured: list[_Measured]) -> str:
    return f"{len(measured)} earlier run{'s' if len(measured) > 1 else ''}"


def _entry_key(run: RunMetadata) -> str:
    entry: EntryMetadata = run.entry
    components = {kind: _named(component) for kind, component in entry.components.items()}
    return json.dumps([components, entry.steps, entry.stop_when, _place(run), run.precision], sort_keys=True)


def _generator_key(run: RunMetadata) -> str:
    generator = run.entry.generator
    return json.dumps([_named(generator) if generator else None, _place(run)], sort_keys=True)


def _named(component: ComponentMetadata) -> list[object]:
    return [component.name, component.dist, component.params]


def _place(run: RunMetadata) -> list[object]:
    """The kind of device that speeds depend on."""
    environment: Environment = run.environment
    return [run.device, environment.gpus if run.device == "cuda" else environment.cpu]
