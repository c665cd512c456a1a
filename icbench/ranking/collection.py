"""The records in many folders, each run counted once."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from icbench.errors import IntegrityError, UsageError
from icbench.ranking.rows import Track, entry_key, left_out
from icbench.records import RECORD_FILE, SHARDS_FILE, Record, read_record


@dataclass(frozen=True)
class Collection:
    """Records that count, and what was left out.

    Args:
        records: one per entry, seed and track: the newest finished one, or what there is of an unfinished one.
        problems: a line for each record that could not be read, with file and reason.
        notes: a line for each thing that was seen and does not hinder.
    """

    records: list[Record]
    problems: list[str]
    notes: list[str]


def collect(folders: Sequence[Path]) -> Collection:
    """Read the records in `folders`, each a results folder or the folder of one record; their order does not matter.

    Raises:
        UsageError: a folder does not exist.
    """
    records: list[Record] = []
    problems: list[str] = []
    notes: list[str] = []
    for path in _record_folders(folders):
        try:
            records.append(read_record(path))
        except IntegrityError as error:
            problems.append(left_out(error))
    # A key edited by hand, or of another schema, makes no second run of the same entry and seed.
    for identity in (_run_key, _seed_of_entry):
        records = [_counted(alike, problems, notes) for alike in _groups(records, identity)]
    return Collection(records, problems, notes)


def is_record(path: Path) -> bool:
    """Whether `path` is the folder of one record, readable or not."""
    return any((path / file).exists() for file in (RECORD_FILE, SHARDS_FILE))


def _record_folders(folders: Sequence[Path]) -> Iterator[Path]:
    seen = set()
    for folder in sorted(folders):
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}", "Name folders that `icbench run --results` has written.")
        inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        for path in (folder, *inside):
            if path.resolve() not in seen and is_record(path):
                seen.add(path.resolve())
                yield path


def _run_key(record: Record) -> Any:
    return record.facts["key"]


def _seed_of_entry(record: Record) -> Any:
    return Track.of(record), entry_key(record), record.facts["seed"]


def _groups(records: Sequence[Record], identity: Callable[[Record], Any]) -> list[list[Record]]:
    groups: dict[Any, list[Record]] = defaultdict(list)
    for record in records:
        groups[identity(record)].append(record)
    return [group for _, group in sorted(groups.items())]


def _counted(records: list[Record], problems: list[str], notes: list[str]) -> Record:
    """The one of several records of a run that counts."""
    finished = [record for record in records if record.status == "ok"]
    if not finished:
        return max(records, key=lambda record: (int(record.metrics["images"]), str(record.path)))
    if len(finished) > 1:
        finished = _readable(finished, problems)
    *older, newest = sorted(finished, key=_trust)
    notes += [f"{record.path} {_relation(record, newest)}; counted once" for record in older]
    return newest


def _trust(record: Record) -> tuple[bool, str, str]:
    return not record.edited, str(record.facts.get("finished", "")), str(record.path)


def _readable(records: list[Record], problems: list[str]) -> list[Record]:
    """Those of several records whose images can be read, or all of them where that is none."""
    found, reasons = [], []
    for record in records:
        try:
            record.images(["prediction"])
        except IntegrityError as error:
            reasons.append(left_out(error))
        else:
            found.append(record)
    if not found:
        return records
    problems += reasons
    return found


def _relation(older: Record, newer: Record) -> str:
    """What an older record is to a newer one, and whether the two came out alike, which they should."""
    if older.facts == newer.facts:
        return f"is a copy of {newer.path}"
    try:
        first, second = (record.images(["prediction"])["prediction"] for record in (older, newer))
    except IntegrityError:
        return f"is an older run of {newer.path}"
    if len(first) != len(second):
        return f"is an older run of {newer.path} and has {len(first)} images, not {len(second)}"
    differing = int(np.sum(first != second))
    difference = f" and differs from it in {differing} of {len(first)} predictions" if differing else ""
    return f"is an older run of {newer.path}{difference}"
