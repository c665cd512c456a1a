"""Which runs a name on the command line means: the folder of a record, a run's id, or the beginning of ids."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from icbench.errors import UsageError
from icbench.ranking.collection import Collection, collect, is_record
from icbench.ranking.rows import Row, Track, distinct_labels, rows_of, tracks
from icbench.records import Record, read_record

SHOWN = 10
LATEST = "latest"
"""The name of the run that was written last."""


class Lookup:
    """Finds runs by name in a results folder.

    Args:
        folder: where runs are looked for; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unreadable: list[str] = []

    @property
    def problems(self) -> list[str]:
        """A line for each record that was met and could not be read."""
        return [*self._collection.problems, *self._unreadable]

    def record(self, name: str) -> Record:
        """The one record that `name` means.

        Raises:
            UsageError: it means none, or several.
            IntegrityError: its record cannot be read.
        """
        if name and is_record(Path(name)):
            return read_record(Path(name))
        found = self._find_by_name(name)
        if len(found) > 1:
            raise UsageError(f"'{name}' means {len(found)} runs", f"Say one of:\n{describe_runs(found)}")
        return found[0]

    def place(self, name: str) -> Path:
        """The folder of the one record that `name` means, which need not be readable where the name is its own.

        Raises:
            UsageError, IntegrityError: as for `record`.
        """
        own = [path for path in (Path(name), self.folder / name) if name and is_record(path)]
        return own[0] if own else self.record(name).path

    def rows(self, names: Sequence[str]) -> tuple[Track, list[Row]]:
        """The rows that `names` mean, all of one track: of those where each has a finished run, the one of most images.

        A name is the folder of one record, or the beginning of run ids: all seeds of that entry then count.

        Raises:
            UsageError: a name means nothing or several entries, or the entries have no track in common.
            IntegrityError: a record cannot be read.
        """
        by_track = [tracks(self._resolve(name)) for name in names]
        common = [track for track in by_track[0] if all(track in found for found in by_track)]
        if not common:
            what = "; ".join(f"{name}: {_describe_tracks(found)}" for name, found in zip(names, by_track, strict=True))
            raise UsageError(f"the runs are not about the same images ({what})", "Run both on the same images.")
        finished = [track for track in common if all(rows_of(track, found[track])[0] for found in by_track)]
        track = (finished or common)[0]
        return track, [self._only_row(name, track, found[track]) for name, found in zip(names, by_track, strict=True)]

    def beside(self, record: Record) -> Collection:
        """All runs in the folder, and those in the folder that `record` is in."""
        if record.path.parent.resolve() == self.folder.resolve():
            return self._collection
        return collect([folder for folder in (self.folder, record.path.parent) if folder.is_dir()])

    @cached_property
    def _collection(self) -> Collection:
        return collect([self.folder]) if self.folder.is_dir() else Collection([], [], [])

    def _only_row(self, name: str, track: Track, records: Sequence[Record]) -> Row:
        rows, partial, problems = rows_of(track, records)
        if not rows and problems:
            raise UsageError(f"'{name}' cannot be compared; {problems[0]}")
        if not rows:
            done = f"{partial[0].done} of {track.images} images"
            raise UsageError(f"'{name}' is not finished: {done}", "Give its command again to finish it.")
        if len(rows) > 1:
            listed = describe_runs([row.records[0] for row in rows])
            raise UsageError(f"'{name}' means several entries", f"Say one of:\n{listed}")
        self._unreadable += problems
        return rows[0]

    def _resolve(self, name: str) -> list[Record]:
        """The records that a name means, with those of the other seeds of their entries."""
        if name and is_record(Path(name)):
            return [read_record(Path(name))]
        keys = {(record.entry_key, Track.of(record)) for record in self._find_by_name(name)}
        return [record for record in self._collection.records if (record.entry_key, Track.of(record)) in keys]

    def _find_by_name(self, name: str) -> list[Record]:
        records = self._collection.records
        if not name:
            raise UsageError("an empty text names no run", f"Say `{LATEST}`, or the beginning of a run's id.")
        meant = [record for record in records if name in (record.metadata.id, record.path.name)]
        if name == LATEST and not meant and records:
            meant = [max(records, key=last_change)]
        meant = meant or [record for record in records if record.metadata.id.startswith(name)]
        meant = meant or [record for record in records if record.metadata.key.startswith(name)]
        if meant:
            return meant
        others = self._folders_called(name)
        if others:
            # What is not in the collection cannot be read, or is another run of what is.
            return [read_record(others[0])]
        known = sorted(record.path.name for record in records)
        shown = ", ".join(known[:SHOWN]) + (", …" if len(known) > SHOWN else "")
        hint = f"The runs here are: {shown}." if known else "There are no runs here; name a folder with --results."
        raise UsageError(f"there is no run '{name}'", hint)

    def _folders_called(self, name: str) -> list[Path]:
        """The record folders whose names begin so, that of just this name first."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted(path for path in found if path.name.startswith(name) and is_record(path))


def last_change(record: Record) -> str:
    """When a run was finished, or an unfinished one was last written to, as sortable text."""
    return record.metadata.finished or _modification_time(record.path)


def _modification_time(path: Path) -> str:
    times = [file.stat().st_mtime for file in path.iterdir()]
    return datetime.fromtimestamp(max(times, default=0.0), UTC).isoformat(timespec="seconds")


def describe_runs(records: Sequence[Record]) -> str:
    """A line for each of a few runs, the newest first: id, date, images, seed and what tells them apart."""
    labels = distinct_labels(records)
    newest = sorted(records, key=last_change, reverse=True)
    rows = [
        (
            record.path.name,
            last_change(record)[:16].replace("T", " "),
            f"{record.metrics.images} of {record.metadata.dataset.images} images",
            f"seed {record.metadata.seed}",
            labels[record.entry_key],
        )
        for record in newest[:SHOWN]
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    more = len(records) - len(rows)
    return "\n".join(lines + ([f"and {more} more"] if more else []))


def _describe_tracks(found: dict[Track, list[Record]]) -> str:
    return ", ".join(
        f"{track.dataset} {track.split}, {track.images} images, digest {track.digest[:8]}…" for track in found
    )
