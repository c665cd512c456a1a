"""The table of finished runs."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from icbench.records import Record
from icbench.report.grid import printable

FIGURES = ("accuracy", "95 % interval", "distance", "NFE", "seconds", "images/s", "memory")
NARROW = 110
"""Below so many columns the entries are listed above the table, and the table has their numbers."""


def results_table(records: Sequence[Record], width: int) -> RenderableType:
    """One row per run; the title says what was classified, and where.

    Args:
        records: at least one.
        width: the columns there are to print in; 80 are enough.
    """
    labels = [record_label(record) for record in records]
    if width >= NARROW:
        return _table(records, "entry", labels, _title(records))
    numbers = [str(number) for number in range(1, len(records) + 1)]
    legend = [f"{number}  {label}" for number, label in zip(numbers, labels, strict=True)]
    return Group(Text(_title(records), style="bold"), *map(Text, legend), _table(records, "", numbers, None))


def _table(records: Sequence[Record], heading: str, labels: Sequence[str], title: str | None) -> Table:
    shown = Text(title, style="bold") if title else None
    table = Table(box=SIMPLE_HEAD, title=shown, title_justify="left", pad_edge=False)
    table.add_column(heading, overflow="fold")
    for figure in FIGURES:
        table.add_column(figure, justify="right", no_wrap=True)
    for label, record in zip(labels, records, strict=True):
        table.add_row(Text(label), *_figures(record))
    return table


def _title(records: Sequence[Record]) -> str:
    facts = records[0].facts
    dataset = facts["dataset"]
    return (
        f"{dataset['name']} {dataset['split']}, {dataset['images']:,} images · {facts['device']} {facts['precision']}"
    )


def record_label(record: Record) -> str:
    """The entry, its seed if that is not 0, how far it came if unfinished, and what else a reader has to know."""
    seed = f" · seed {record.facts['seed']}" if record.facts["seed"] else ""
    notes = [*([] if record.status == "ok" else [stopped(record)]), *record.flags]
    noted = f" ({', '.join(notes)})" if notes else ""
    return printable(f"{record.facts['label']}{seed}{noted}")


def stopped(record: Record) -> str:
    """How a run ended that is not finished, and of how many images its figures are."""
    return f"{record.status} after {record.metrics['images']:,} of {record.facts['dataset']['images']:,} images"


def _figures(record: Record) -> list[str]:
    metrics = record.metrics
    distance, rate = metrics["mean_distance"], metrics["images_per_second"]
    return [
        "–" if metrics["accuracy"] is None else f"{metrics['accuracy']:.4f}",
        f"{metrics['accuracy_low']:.4f}–{metrics['accuracy_high']:.4f}",
        "–" if distance is None else f"{distance:.5f}",
        f"{metrics['nfe']:,}",
        f"{metrics['seconds']:.1f}",
        "–" if rate is None else f"{rate:,.0f}",
        f"{metrics['peak_memory_bytes'] / 2**20:,.0f} MiB",
    ]
