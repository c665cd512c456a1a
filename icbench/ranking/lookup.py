"""Which runs a name on the command line means: the folder of a record, a run's id, or the beginning of ids."""

from collections.abc import Sequence
from pathlib import Path

from icbench.errors import UsageError
from icbench.ranking.collection import collect
from icbench.ranking.rows import Row, Track, entry_key, rows_of, tracks
from icbench.records import RECORD_FILE, SHARDS_FILE, Record, read_record

SHOWN = 10


def find_record(name: str, folders: Sequence[Path]) -> Record:
    """The one record that `name` means.

    Raises:
        UsageError: it means none, or several.
        IntegrityError: its record cannot be read.
    """
    if _is_record(Path(name)):
        return read_record(Path(name))
    found = _named(name, _all(folders))
    if len(found) > 1:
        names = ", ".join(sorted(record.path.name for record in found)[:SHOWN])
        raise UsageError(f"'{name}' means {len(found)} runs", f"Say one of: {names}.")
    return found[0]


def find_rows(names: Sequence[str], folders: Sequence[Path]) -> tuple[Track, list[Row]]:
    """The rows that `names` mean, all of one track.

    A name is the folder of one record, or the beginning of run ids: all seeds of that entry in `folders` then count.

    Raises:
        UsageError: a name means nothing or several entries, or the entries have no track in common.
        IntegrityError: a record cannot be read.
    """
    groups = [_meant(name, folders) for name in names]
    by_track = [tracks(group) for group in groups]
    common = [track for track in by_track[0] if all(track in found for found in by_track)]
    if not common:
        what = "; ".join(f"{name}: {_described(found)}" for name, found in zip(names, by_track, strict=True))
        raise UsageError(f"the runs are not about the same images ({what})", "Run both on the same images.")
    track = common[0]
    rows = [_only_row(name, track, found[track], common) for name, found in zip(names, by_track, strict=True)]
    return track, rows


def _described(found: dict[Track, list[Record]]) -> str:
    return ", ".join(f"{track.dataset} {track.split}, {track.images} images" for track in found)


def _only_row(name: str, track: Track, records: Sequence[Record], common: Sequence[Track]) -> Row:
    rows, partial, problems = rows_of(track, records)
    if len(rows) == 1:
        return rows[0]
    if problems:
        raise UsageError(f"'{name}' cannot be compared: {problems[0]}")
    if partial and not rows:
        raise UsageError(f"'{name}' is not finished: {partial[0].done} of {track.images} images", "Finish the run.")
    ids = ", ".join(sorted(row.facts["id"] for row in rows))
    raise UsageError(f"'{name}' means several entries", f"Say one of: {ids}.")


def _meant(name: str, folders: Sequence[Path]) -> list[Record]:
    """The records that a name means, with those of the other seeds of their entries."""
    if _is_record(Path(name)):
        return [read_record(Path(name))]
    records = _all(folders)
    meant = _named(name, records)
    keys = {(entry_key(record), Track.of(record)) for record in meant}
    return [record for record in records if (entry_key(record), Track.of(record)) in keys]


def _named(name: str, records: Sequence[Record]) -> list[Record]:
    meant = [record for record in records if name in (record.facts["id"], record.path.name)]
    meant = meant or [record for record in records if record.facts["id"].startswith(name)]
    if not meant:
        known = sorted(record.path.name for record in records)
        shown = ", ".join(known[:SHOWN]) + (", …" if len(known) > SHOWN else "")
        hint = f"The runs here are: {shown}." if known else "There are no runs here; name a folder with --results."
        raise UsageError(f"there is no run '{name}'", hint)
    return meant


def _all(folders: Sequence[Path]) -> list[Record]:
    return collect([folder for folder in folders if folder.is_dir()]).records


def _is_record(path: Path) -> bool:
    return any((path / file).exists() for file in (RECORD_FILE, SHARDS_FILE))
