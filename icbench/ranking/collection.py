"""The records in many folders, each run counted once."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from icbench.errors import IntegrityError, UsageError
from icbench.records import RECORD_FILE, SHARDS_FILE, Record, read_record


@dataclass(frozen=True)
class Collection:
    """Records that count, and what was left out.

    Args:
        records: one per run key: the newest finished one, or what there is of an unfinished one.
        problems: a line for each record that could not be read, with file and reason.
        notes: a line for each thing that was seen and does not hinder.
    """

    records: list[Record]
    problems: list[str]
    notes: list[str]


def collect(folders: Sequence[Path]) -> Collection:
    """Read the records in `folders`, each a results folder or the folder of one record.

    Raises:
        UsageError: a folder does not exist.
    """
    problems: list[str] = []
    notes: list[str] = []
    by_key: dict[str, list[Record]] = defaultdict(list)
    for path in _record_folders(folders):
        try:
            record = read_record(path)
        except IntegrityError as error:
            problems.append(f"left out: {error.message}")
        else:
            by_key[record.facts["key"]].append(record)
    counted = [_counted(records, notes) for _, records in sorted(by_key.items())]
    return Collection(counted, problems, notes)


def _record_folders(folders: Sequence[Path]) -> Iterator[Path]:
    seen = set()
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}", "Name folders that `icbench run --results` has written.")
        inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        for path in (folder, *inside):
            if path.resolve() not in seen and any((path / file).exists() for file in (RECORD_FILE, SHARDS_FILE)):
                seen.add(path.resolve())
                yield path


def _counted(records: list[Record], notes: list[str]) -> Record:
    """The one of several records of a key that counts."""
    finished = [record for record in records if record.status == "ok"]
    if not finished:
        return max(records, key=lambda record: int(record.metrics["images"]))
    order = sorted(finished, key=lambda record: (not record.edited, str(record.facts.get("finished", ""))))
    newest, older = order[-1], order[:-1]
    for record in older:
        notes.append(f"{record.path} is an older run of {newest.path}{_difference(record, newest)}; counted once")
    return newest


def _difference(older: Record, newer: Record) -> str:
    """Whether two runs of one key came out alike, which they should."""
    try:
        first, second = (record.images(["prediction"])["prediction"] for record in (older, newer))
    except IntegrityError:
        return " and cannot be read"
    differing = int(np.sum(first != second))
    return f" and differs from it in {differing} of {len(first)} predictions" if differing else ""
