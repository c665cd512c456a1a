"""A dataset as a terminal, a figure and JSON show it: what it is of, images of each class, and some of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from icbench.kinds.dataset import Dataset, Split
from icbench.report.class_names import call_by_number, call_class
from icbench.report.film import cut
from icbench.report.half_blocks import half_blocks
from icbench.report.table import Column, Grid, Section, printable, terminal_table

WIDE = 16
"""How many columns of a terminal an image takes at most."""
SHOWN = 20
"""Of how many classes a terminal shows an image."""
PER_CLASS = 10
"""How many images of a class a figure shows."""
CELL, GAP, MARGIN, LETTER = 56, 6, 14, 8
"""The side of an image, the space between two, that around all, and a letter's width, in hundredths of an inch."""


def dataset_report(
    label: str, summary: str, dataset: Dataset, folder: Path, splits: Mapping[str, Split], console: Console
) -> RenderableType:
    """What is known of a dataset, the images of each class and split, and one image of each class.

    Args:
        label, summary: of the dataset.
        dataset: it.
        folder: where fetched data is kept.
        splits: all of them, by name.
        console: what it is shown on.
    """
    coloured = bool(console.color_system) and not console.no_color
    return Group(
        Text(printable(f"{label}  {summary}"), style="bold"),
        _facts(dataset, folder, splits),
        "",
        terminal_table(counts_grid(dataset, splits), console.width),
        "",
        _samples(dataset, splits["train"], console.width, coloured),
    )


def _facts(dataset: Dataset, folder: Path, splits: Mapping[str, Split]) -> RenderableType:
    channels, height, width = splits["train"].images.shape[1:]
    facts = {
        "where": dataset.status(folder),
        "images": f"{width} x {height}, {'grey' if channels == 1 else f'{channels} channels'}, "
        f"{dataset.num_classes} classes",
        "licence": dataset.licence,
        "source": dataset.source,
        "to cite": dataset.citation,
        **{f"SHA-256 of {name}": split.digest for name, split in splits.items()},
    }
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value:
            table.add_row(name, Text(printable(value)))
    return Group("", table)


def counts_grid(dataset: Dataset, splits: Mapping[str, Split]) -> Grid:
    """How many images each class has in each split."""
    counts = {name: class_counts(split, dataset.num_classes) for name, split in splits.items()}
    rows = [
        [call_by_number(label, dataset.class_names), *(f"{counts[name][label]:,}" for name in splits)]
        for label in range(dataset.num_classes)
    ]
    rows.append(["all", *(f"{len(split):,}" for split in splits.values())])
    return Grid("", [Column("class", 0, words=30), *(Column(name, 0) for name in splits)], [Section(rows)])


def class_counts(split: Split, num_classes: int) -> NDArray[np.int64]:
    """How many images of each class there are, (K,)."""
    return np.bincount(split.labels, minlength=num_classes)


def _samples(dataset: Dataset, split: Split, width: int, coloured: bool) -> RenderableType:
    """The first image of each of the first classes, as many beside each other as fit."""
    wide = min(WIDE, max(8, split.images.shape[3]))
    columns = max(1, (width + 2) // (wide + 2))
    tiles = [
        Group(half_blocks(_levels(split, rows[0]), wide, coloured), Text(cut(name, wide), style="dim"), "")
        for label in range(min(SHOWN, dataset.num_classes))
        if len(rows := np.flatnonzero(split.labels == label)) and (name := call_class(label, dataset.class_names))
    ]
    table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    for _ in range(columns):
        table.add_column(width=wide)
    for begin in range(0, len(tiles), columns):
        table.add_row(*tiles[begin : begin + columns])
    return table


def _levels(split: Split, row: int) -> NDArray[np.float32]:
    levels: NDArray[np.float32] = split.images[row].astype(np.float32) / np.float32(255)
    return levels


def draw_samples(dataset: Dataset, split: Split, file: Path) -> None:
    """The first images of each class, a row each with its name.

    Args:
        dataset: whose they are.
        split: some of its images.
        file: to write, in the format that its suffix says.

    Raises:
        OutputError: the file cannot be written.
    """
    from icbench.report.charts import INK, drawing, save_figure
    from icbench.report.sheet import Sheet

    names = [call_class(label, dataset.class_names) for label in range(dataset.num_classes)]
    beside = MARGIN + LETTER * max(map(len, names)) + GAP
    with drawing():
        sheet = Sheet(beside + PER_CLASS * (CELL + GAP) + MARGIN, 2 * MARGIN + len(names) * (CELL + GAP))
        for label, name in enumerate(names):
            top = MARGIN + label * (CELL + GAP)
            sheet.write(MARGIN, top + CELL / 2 - LETTER, name, INK)
            for column, row in enumerate(np.flatnonzero(split.labels == label)[:PER_CLASS]):
                sheet.draw(_levels(split, row), beside + column * (CELL + GAP), top, CELL, dataset.light_on_dark)
        save_figure(sheet.finish(MARGIN), file)


def dataset_data(
    label: str, summary: str, dataset: Dataset, folder: Path, splits: Mapping[str, Split]
) -> dict[str, Any]:
    """The same for JSON."""
    return {
        "name": label,
        "summary": summary,
        "status": dataset.status(folder),
        "licence": dataset.licence,
        "source": dataset.source,
        "citation": dataset.citation,
        "image_shape": list(splits["train"].images.shape[1:]),
        "num_classes": dataset.num_classes,
        "class_names": list(dataset.class_names),
        "splits": described_splits(splits, dataset.num_classes),
        "sha256": dataset.digests(),
    }


def described_splits(splits: Mapping[str, Split], num_classes: int) -> dict[str, Any]:
    """How many images each split has, of all and of each class, and its digest."""
    return {
        name: {
            "images": len(split),
            "by_class": class_counts(split, num_classes).tolist(),
            "digest": split.digest,
        }
        for name, split in splits.items()
    }
