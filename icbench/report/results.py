"""The table of finished runs."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from icbench.records import Record


def results_table(records: Sequence[Record]) -> Table:
    """One row per run; the title says what was classified, and where."""
    first = records[0].facts
    dataset = first["dataset"]
    title = (
        f"{dataset['name']} {dataset['split']}, {dataset['images']:,} images · {first['device']} {first['precision']}"
    )
    table = Table(box=SIMPLE_HEAD, title=escape(title), title_justify="left", title_style="bold", pad_edge=False)
    table.add_column("entry", ratio=1)
    for heading in ("accuracy", "95 % interval", "distance", "NFE", "seconds", "images/s", "memory"):
        table.add_column(heading, justify="right", no_wrap=True)
    for record in records:
        table.add_row(escape(record_label(record)), *_figures(record))
    return table


def record_label(record: Record) -> str:
    """The entry, its seed if that is not 0, and whether it was interrupted."""
    seed = f" · seed {record.facts['seed']}" if record.facts["seed"] else ""
    stopped = "" if record.status == "ok" else f" ({record.status})"
    return f"{record.facts['label']}{seed}{stopped}"


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
