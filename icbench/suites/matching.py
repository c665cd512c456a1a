"""Which records are of a suite's cells, whatever code they were made with."""

from collections.abc import Iterable, Sequence
from operator import attrgetter

from icbench.kinds.suite import Cell, Suite
from icbench.plugins.component import Selection
from icbench.plugins.manager import PluginManager
from icbench.ranking.rows import Track
from icbench.records import Record
from icbench.records.metadata import ComponentMetadata
from icbench.running.entry import Entry, kept_params
from icbench.suites.running import entry_of


def records_of_cells(
    manager: PluginManager, suite: Suite, cells: Iterable[Cell], records: Sequence[Record]
) -> dict[Cell, list[Record]]:
    """For each cell the finished records of its entry and seeds, on the most images that there are any of.

    Components are known by name, distribution and parameters. Their code, and the engine's, may be another one here.

    Raises:
        UsageError: a cell's spec does not fit what is registered.
        PluginError: it is in a plugin that cannot be used.
    """
    return {cell: _records_of(cell, entry_of(manager, suite, cell), suite, records) for cell in cells}


def _records_of(cell: Cell, entry: Entry, suite: Suite, records: Sequence[Record]) -> list[Record]:
    # What is an entry of its own says itself how it is run.
    own = not entry.inverts_once
    steps = cell.steps if own or cell.steps >= 0 else entry.selections["schedule"].build().default_steps
    most = min(filter(None, (suite.images, cell.images)), default=None)
    found = [
        record
        for record in records
        if record.status == "ok"
        and record.metadata.seed < cell.seeds
        and (record.metadata.dataset.name, record.metadata.dataset.split) == (entry.dataset.label, suite.split)
        and (most is None or record.metadata.dataset.images <= most)
        and cell.precision in ("auto", record.metadata.precision)
        and (own or record.metadata.entry.steps == steps)
        and _is_of(entry, record)
    ]
    track = max(map(Track.of, found), key=lambda track: track.images, default=None)
    # Of several runs for a seed the one that counts comes last.
    ordered = sorted(found, key=attrgetter("standing"))
    by_seed = {record.metadata.seed: record for record in ordered if Track.of(record) == track}
    return [record for _, record in sorted(by_seed.items())]


def _is_of(entry: Entry, record: Record) -> bool:
    known = record.metadata.entry.components
    return (
        record.metadata.entry.stop_when is None
        and known.keys() == entry.selections.keys()
        and all(_is_same(selection, known[kind]) for kind, selection in entry.selections.items())
    )


def _is_same(selection: Selection, known: ComponentMetadata) -> bool:
    """Whether a record's component is one that is selected here; parameters that it did not have count as default."""
    component = selection.registered.component
    here = kept_params(selection)
    said = {name: known.params.get(name, component.param(name).default) for name in here}
    return (
        (known.dist, known.name) == (selection.registered.dist, selection.name)
        and known.params.keys() <= here.keys()
        and said == here
    )
