"""A page of records with chosen results, entries of odd names among them."""

from pathlib import Path

import numpy as np
from record_factory import CLASSES, arrays_of, finished, first, right, seeds, unfinished

from icbench.kinds.dataset import Split
from icbench.ranking import collect, rank
from icbench.ranking.leaderboard import Leaderboard
from icbench.records import Record
from icbench.report.overview import overview
from icbench.report.views import Overview
from icbench.running.exhibits import EntryExhibit, TrackExhibit
from icbench.running.reconstructions import ClassPaths, Explanations

IMAGES = 200
HOSTILE = "<script>alert(1)</script>"
LONG = "x" * 200
ARABIC = "مولد الصور"
PLAIN = "cgan · mse · adam · exhaustive"
FEATURES = "cgan · l1 · sgd · joint"


def write_records(results: Path) -> None:
    """Runs of one track that differ in all that one can sort or filter by, one not finished, and one on validation."""
    count = {"images": IMAGES}
    dropped = np.where(np.arange(IMAGES)[:, None] % 50 == 0, 5, -1).repeat(CLASSES, axis=1).astype(np.int16)
    finished(right(IMAGES, 1, 2, 3), results, label=PLAIN, nfe=1210, **count)
    finished(right(IMAGES, *range(1, 12)), results, label=FEATURES, nfe=401, tier="features", **count)
    finished(first(150, IMAGES), results, label=f"{HOSTILE} · mse · adam · joint", nfe=201, **count)
    halving = f"{LONG} · mse · adam · halving"
    finished(first(190, IMAGES), results, label=halving, nfe=301, arrays={"class_dropped_at": dropped}, **count)
    seeds([first(100, IMAGES), first(120, IMAGES)], results, label=f"{ARABIC} · mse · adam · joint", nfe=101, **count)
    finished(first(196, IMAGES), results, label="nearest-neighbour", direct=True, **count)
    finished(right(100, 5), results, label=PLAIN, nfe=1210, images=100, split="validation", digest="e" * 64)
    unfinished(right(20), results, label="cgan · mse · adam · class-only", images=IMAGES)


def board_of(results: Path) -> tuple[Leaderboard, list[Record]]:
    found = collect([results])
    return rank(found), found.records


def some_overview(results: Path) -> Overview:
    """What a page shows of such records, with pictures of the best entry."""
    board, records = board_of(results)
    test = next(table for table in board.tracks if table.track.split == "test")
    exhibit = TrackExhibit(_split(), True, "", {test.standings[0].row.key: _exhibit()})
    return overview(board, records, {test.track: exhibit}, [results])


def _split() -> Split:
    labels = arrays_of(right(IMAGES))["label"].astype(np.int64)
    images = np.zeros((IMAGES, 1, 8, 8), np.uint8)
    images[np.arange(IMAGES), 0, labels % 8] = 255
    return Split(images, labels)


def _exhibit() -> EntryExhibit:
    split, index = _split(), np.array([0, 1])
    images = split.images[index].astype(np.float32) / 255
    truth, prediction = split.labels[index], np.array([0, 2])
    energy = np.array([0.01, 0.02], np.float32)
    found = Explanations(index, images, images, 1 - images, truth, prediction, energy, 2 * energy)
    path = np.linspace(np.full((2, CLASSES), 0.1), np.eye(CLASSES)[prediction], 5).astype(np.float32)
    return EntryExhibit(found, ClassPaths(images, truth, path, True))
