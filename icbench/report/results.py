"""The table of finished runs."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from icbench.records import Record
from icbench.report.table import Column, Grid, Section, printable, terminal_table

FIGURES = (
    Column("accuracy", 0),
    Column("95 % interval", 1),
    Column("distance", 4),
    Column("NFE", 2),
    Column("seconds", 3),
    Column("images/s", 5),
    Column("memory", 6),
)
NARROW = 110
"""Below so many columns the entries are listed above the table, and the table has their numbers."""


def results_table(records: Sequence[Record], width: int) -> RenderableType:
    """One row per run; the title says what was classified, and where.

    Args:
        records: at least one.
        width: the columns there are to print in; 80 are enough for all figures, and with fewer the accuracy goes last.
    """
    labels = [record_label(record) for record in records]
    if width >= NARROW:
        grid = Grid(_title(records), [Column("entry", 0, words=26), *FIGURES], [Section(_rows(records, labels))])
        return Group(terminal_table(grid, width), "")
    numbers = [str(number) for number in range(1, len(records) + 1)]
    legend = [f"{number}  {label}" for number, label in zip(numbers, labels, strict=True)]
    grid = Grid("", [Column("", 0), *FIGURES], [Section(_rows(records, numbers))])
    return Group(Text(_title(records), style="bold"), *map(Text, legend), terminal_table(grid, width), "")


def _rows(records: Sequence[Record], names: Sequence[str]) -> list[list[str]]:
    return [[name, *_figures(record)] for name, record in zip(names, records, strict=True)]


def memory(used: int) -> str:
    """Some bytes as people read them; a dash where the system did not tell."""
    return f"{used / 2**20:,.0f} MiB" if used else "–"


def _title(records: Sequence[Record]) -> str:
    metadata = records[0].metadata
    dataset = metadata.dataset
    return f"{dataset.name} {dataset.split}, {dataset.images:,} images · {metadata.device} {metadata.precision}"


def record_label(record: Record) -> str:
    """The entry, its seed if that is not 0, how far it came if unfinished, and what else a reader has to know."""
    seed = f" · seed {record.metadata.seed}" if record.metadata.seed else ""
    notes = [*([] if record.status == "ok" else [describe_stop(record)]), *record.flags]
    noted = f" ({', '.join(notes)})" if notes else ""
    return printable(f"{record.label}{seed}{noted}")


def describe_stop(record: Record) -> str:
    """How a run ended that is not finished, and of how many images its figures are."""
    return f"{record.status} after {record.metrics.images:,} of {record.metadata.dataset.images:,} images"


def _figures(record: Record) -> list[str]:
    metrics = record.metrics
    distance, rate = metrics.mean_distance, metrics.images_per_second
    return [
        "–" if metrics.accuracy is None else f"{metrics.accuracy:.4f}",
        f"{metrics.accuracy_low:.4f}–{metrics.accuracy_high:.4f}",
        "–" if distance is None else f"{distance:.5f}",
        f"{metrics.nfe:,}",
        f"{metrics.seconds:.1f}",
        "–" if rate is None else f"{rate:,.0f}",
        memory(metrics.peak_memory_bytes),
    ]
