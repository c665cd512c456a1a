"""One run in full, for a terminal and as data."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from icbench.kinds.names import class_name
from icbench.ranking.members import AskedMember
from icbench.ranking.per_class import ClassFigures
from icbench.ranking.rows import Track
from icbench.records import Record
from icbench.records.diagnosis import KeptDiagnosis
from icbench.records.metadata import ComponentMetadata, EntryMetadata, RecordMetadata
from icbench.report.class_names import WIDE, call_by_number, call_class
from icbench.report.leaderboard import track_title
from icbench.report.results import memory
from icbench.report.table import Column, Grid, Section, printable, terminal_table
from icbench.statistics import Calibration

RIGHT, WRONG = (90, 190, 130), (225, 110, 110)
"""The colours of a full cell on and off the diagonal of the confusion matrix."""

LEAST_CELL = 4


def run_report(
    record: Record,
    confusion: NDArray[np.int64],
    classes: Sequence[ClassFigures],
    calibrated: Calibration | None,
    diagnosis: KeptDiagnosis | None,
    members: Sequence[AskedMember],
    width: int,
) -> RenderableType:
    """Configuration, figures, members, classes, confusion, calibration and diagnosis of one run, in `width` columns."""
    parts = [
        Text(printable(record.label), style="bold"),
        _pairs(configuration(record)),
        _pairs(run_figures(record)),
    ]
    if members:
        parts += ["", terminal_table(members_grid(members), width)]
    if classes:
        parts += ["", terminal_table(classes_grid(classes, record.class_names), width), ""]
        parts.append(_confusion_table(confusion, record.class_names, width))
        parts.append(_pairs(_calibration(calibrated)))
    return Group(*parts, _pairs(_diagnosis(record, diagnosis)))


def _pairs(pairs: Sequence[tuple[str, str]]) -> RenderableType:
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.add_column(style="cyan", no_wrap=True, min_width=13)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(name, Text(printable(value)))
    return Group("", table)


def configuration(record: Record) -> list[tuple[str, str]]:
    """What was run, how and where, as names and values."""
    metadata, entry, environment = record.metadata, record.metadata.entry, record.metadata.environment
    parts = [(kind, f"{_spec(one)}  from {one.dist} {one.version}") for kind, one in entry.components.items()]
    machine = environment.gpus[0] if metadata.device == "cuda" and environment.gpus else environment.cpu
    torch = environment.libraries.get("torch")
    return [
        *parts,
        ("images", f"{track_title(Track.of(record))}, digest {metadata.dataset.digest[:12]}…"),
        ("status", metadata.status + (f": {metadata.error}" if metadata.error else "")),
        ("seed, steps", f"{metadata.seed}, {entry.steps}" + _stopping(entry)),
        ("computed", f"{metadata.device} {metadata.precision}, {_batches(metadata)}, {machine}"),
        ("with", f"icbench {environment.icbench}, torch {torch}, {environment.os}"),
        ("finished", metadata.finished or "–"),
        ("record", str(record.path)),
        *([("suite", metadata.suite)] if metadata.suite else []),
        *([("flags", ", ".join(record.flags))] if record.flags else []),
    ]


def _batches(metadata: RecordMetadata) -> str:
    memory = f" ({metadata.batch_bytes / 2**20:,.0f} MiB)" if isinstance(metadata.batch_bytes, int) else ""
    return f"batch size {metadata.batch_size or None}{memory}"


def _stopping(entry: EntryMetadata) -> str:
    return "" if entry.stop_when is None else f" or fewer, stopping when {entry.stop_when}"


def _spec(component: ComponentMetadata) -> str:
    params = ",".join(f"{name}={value}" for name, value in component.params.items() if value != "")
    return f"{component.name}:{params}" if params else component.name


def run_figures(record: Record) -> list[tuple[str, str]]:
    """What came out, as names and values."""
    metrics = record.metrics
    if metrics.accuracy is None:
        return [("accuracy", "no image is done")]
    distance, rate = metrics.mean_distance, metrics.images_per_second
    pairs = [
        ("accuracy", f"{metrics.accuracy:.4f} ({metrics.accuracy_low:.4f}–{metrics.accuracy_high:.4f}, 95 %)"),
        ("mean distance", "–" if distance is None else f"{distance:.5f}"),
        ("NFE per image", f"{metrics.nfe:,}"),
        ("time", f"{metrics.seconds:.1f} s" + (f", {rate:,.0f} images/s" if rate else "")),
        ("memory", memory(metrics.peak_memory_bytes)),
    ]
    if metrics.wrongly_dropped is not None:
        share = metrics.wrongly_dropped / max(1, metrics.images)
        pairs.append(("wrongly dropped", f"{metrics.wrongly_dropped:,} images ({share:.2%}) lost their own class"))
    if metrics.not_finite:
        pairs.append(("not finite", f"{metrics.not_finite:,} images, counted as wrong"))
    return pairs


def members_grid(members: Sequence[AskedMember]) -> Grid:
    """How many images each member of a product was asked about."""
    columns = [Column("member", 0, words=WIDE), Column("images asked", 0), Column("share", 0)]
    return Grid("by member", columns, [Section([[_called(one), f"{one.asked:,}", _share(one)] for one in members])])


def asked_about(members: Sequence[AskedMember]) -> list[tuple[str, str]]:
    """The same in a line with its name; none where there is no product."""
    told = [f"{_called(one)} about {one.asked:,} images ({_share(one)})" for one in members]
    return [("members asked", ", ".join(told))] if told else []


def _called(member: AskedMember) -> str:
    return member.name or f"number {member.number}"


def _share(member: AskedMember) -> str:
    return f"{member.share:.1%}"


def classes_grid(classes: Sequence[ClassFigures], names: Sequence[str] = ()) -> Grid:
    """The figures of each class, by number and by name where classes have names."""
    wide = WIDE if names else 0
    columns = [Column("class", 0, words=wide), Column("images", 2), Column("right", 2), Column("accuracy", 0)]
    columns += [Column("95 % interval", 1), Column("taken for", 1, words=wide)]
    rows = [
        [
            call_by_number(figures.number, names),
            f"{figures.images:,}",
            f"{figures.correct:,}",
            "–" if figures.accuracy is None else f"{figures.accuracy:.4f}",
            f"{figures.low:.4f}–{figures.high:.4f}",
            "" if figures.confused_with is None else call_class(figures.confused_with, names),
        ]
        for figures in classes
    ]
    return Grid("by class", columns, [Section(rows)])


def _confusion_table(confusion: NDArray[np.int64], names: Sequence[str], width: int) -> RenderableType:
    """Labels down, predictions across; the share of its row colours a cell."""
    size = len(confusion)
    labels = [call_by_number(label, names) for label in range(size)]
    shown = list(range(size)) + ([size] if confusion[:, size].any() else [])
    cell = max(LEAST_CELL, len(str(confusion.max())) + 2)
    title = Text("label by prediction" + (", ? where not finite" if size in shown else ""), style="bold")
    if max(map(len, labels)) + (cell + 1) * len(shown) > width:
        return Group(title, "", Text("wider than this terminal; --json has it", style="dim"))
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=0)
    table.add_column("", style="bold", justify="left" if names else "right")
    for number in shown:
        table.add_column("?" if number == size else str(number), justify="right", min_width=cell)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    for label, (counts, share) in enumerate(zip(confusion, shares, strict=True)):
        cells = [_cell(int(counts[number]), float(share[number]), label == number, cell) for number in shown]
        table.add_row(Text(labels[label]), *cells)
    return Group(title, "", table)


def _cell(count: int, share: float, right: bool, width: int) -> Text:
    if not count:
        return Text("· ", style="dim")
    # The square root lets the few errors of a good classifier be seen.
    strength = share if right else min(1.0, 2 * share**0.5)
    red, green, blue = (round(255 - strength * (255 - part)) for part in (RIGHT if right else WRONG))
    return Text(f"{count} ".rjust(width), style=f"rgb(0,0,0) on rgb({red},{green},{blue})")


def _calibration(found: Calibration | None) -> list[tuple[str, str]]:
    if found is None:
        return [("calibration", "needs a finished run of the same entry with --split validation in the same folder")]
    return [
        ("calibration", f"temperature {found.temperature:.3g}, fitted on validation images"),
        ("", f"ECE {found.ece:.4f}, Brier score {found.brier:.4f}, NLL {found.nll:.4f} nats"),
    ]


def _diagnosis(record: Record, found: KeptDiagnosis | None) -> list[tuple[str, str]]:
    if not record.metadata.entry.inverts_once:
        return []
    if found is None:
        return [("diagnosis", f"not made yet: icbench show {record.path} --diagnose")]
    wrong, start, end = map(_percent, (found.wrong_class_fits, found.noise_share_start, found.noise_share_end))
    fits = f"For {wrong} of {found.images} images a wrong class fits as well as the true one."
    noise = f"The noise has {start} of the image's Jacobian at the start, {end} at the end; the class vector the rest."
    return [("diagnosis", _errors(found)), ("", fits), ("", noise)]


def _errors(found: KeptDiagnosis) -> str:
    errors, ours = found.errors, found.optimizer_errors
    if not errors:
        return "There is no error."
    return (
        f"Errors looked at: {errors}. The optimizer's: {ours} ({_percent(ours / errors)}); with the true class held, "
        f"it reaches a lower energy than the winner. The model's: {found.model_errors}; the wrong answer fits best."
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def run_data(
    record: Record,
    confusion: NDArray[np.int64],
    classes: Sequence[ClassFigures],
    calibrated: Calibration | None,
    diagnosis: KeptDiagnosis | None,
    members: Sequence[AskedMember],
) -> dict[str, Any]:
    """The run as JSON has it."""
    return {
        **record.summary(),
        "label": record.label,
        "key": record.metadata.key,
        "tier": record.metadata.tier,
        "environment": record.metadata.environment.document(),
        "classes": [
            {**vars(figures), "name": class_name(figures.number, record.class_names), "accuracy": figures.accuracy}
            for figures in classes
        ],
        "confusion": confusion[:, :-1].tolist(),
        "not_finite_by_class": confusion[:, -1].tolist(),
        "calibration": vars(calibrated) if calibrated else None,
        "diagnosis": diagnosis.document() if diagnosis else None,
        "members": [{**vars(member), "share": member.share} for member in members],
    }
