"""The records in many folders, each run counted once."""

import errno
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from icbench.errors import IntegrityError, UsageError, suggestion
from icbench.ranking.rows import Track, omission_line
from icbench.records import RECORD_FILE, SHARDS_FILE, Record, read_record

State = dict[Path, tuple[int, int]]
"""The time and size of each file that a record may grow by."""


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
    for path in _record_folders(folders, problems):
        try:
            records.append(read_record(path))
        except IntegrityError as error:
            problems.append(omission_line(error))
    # A key edited by hand, or of another schema, makes no second run of the same entry and seed.
    for identity in (_run_key, _seed_of_entry):
        records = [_choose_counted(alike, notes) for alike in _groups(records, identity)]
    return Collection(records, problems, notes)


NO_SUITE = "none"


def of_suite(collection: Collection, name: str) -> Collection:
    """The records that were made for suite `name`, or for none at all if it is `"none"`.

    Raises:
        UsageError: there are none.
    """
    known = {record.metadata.suite or NO_SUITE for record in collection.records}
    records = [record for record in collection.records if (record.metadata.suite or NO_SUITE) == name]
    if not records and collection.records:
        raise UsageError(f"there is no run of suite '{name}' here", suggestion(name, known, "suites with runs here"))
    return replace(collection, records=records)


def is_record(path: Path) -> bool:
    """Whether `path` is the folder of one record, readable or not; what one may not look into counts as one."""
    try:
        return any((path / file).is_symlink() or (path / file).exists() for file in (RECORD_FILE, SHARDS_FILE))
    except PermissionError:
        return True


def state_of(folders: Sequence[Path]) -> State:
    """What changes once a record in `folders` is there, has grown or has gone: the time and size of each one's file.

    Raises:
        UsageError: a folder does not exist.
    """
    found = {}
    for path in _record_folders(folders, []):
        for file in (path / RECORD_FILE, path / SHARDS_FILE):
            with suppress(OSError):
                state = file.stat()
                found[file] = (state.st_mtime_ns, state.st_size)
    return found


def _record_folders(folders: Sequence[Path], problems: list[str]) -> Iterator[Path]:
    seen = set()
    for path in (path for folder in sorted(folders) for path in (folder, *_inside(folder))):
        try:
            if path.is_symlink() and not path.exists():
                raise FileNotFoundError(errno.ENOENT, "it is a link to what is not there")
            if path.is_dir() and path.resolve() not in seen and is_record(path):
                seen.add(path.resolve())
                yield path
        except OSError as error:
            problems.append(omission_line(IntegrityError(f"{path} cannot be read: {error.strerror}")))


def _inside(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", "Name folders that `icbench run --results` has written.")
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be read: {error.strerror}", "Ask its owner for access.") from None


def _run_key(record: Record) -> Any:
    return record.metadata.key


def _seed_of_entry(record: Record) -> Any:
    return Track.of(record), record.entry_key, record.metadata.seed


def _groups(records: Sequence[Record], identity: Callable[[Record], Any]) -> list[list[Record]]:
    groups: dict[Any, list[Record]] = defaultdict(list)
    for record in records:
        groups[identity(record)].append(record)
    return [group for _, group in sorted(groups.items())]


def _choose_counted(records: list[Record], notes: list[str]) -> Record:
    """The one of several records of a run that counts."""
    finished = [record for record in records if record.status == "ok"]
    if not finished:
        return max(records, key=lambda record: (record.metrics.images, str(record.path)))
    *older, newest = sorted(finished, key=lambda record: record.standing)
    notes += [f"{record.path} {_relation(record, newest)}; counted once" for record in older]
    return newest


def _relation(older: Record, newer: Record) -> str:
    """What an older record is to a newer one, and whether the two came out alike, which they should."""
    if older.metadata == newer.metadata:
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
