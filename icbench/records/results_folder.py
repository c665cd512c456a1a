"""A folder of runs: what was done before, the lock on what is being done, and how a run grows into a record."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import filelock
import numpy as np

from icbench.errors import ComponentError, IntegrityError, ResultsError
from icbench.records.arrays import NEEDED, difference_in_form, fault_in
from icbench.records.files import Arrays
from icbench.records.metadata import RunMetadata, with_results
from icbench.records.metrics import Costs, result_metrics
from icbench.records.record import (
    LATENTS,
    RECORD_FILE,
    Record,
    read_metadata,
    read_record,
    read_unverified,
    write_record,
)
from icbench.records.shard_arrays import as_shard, check_shards, join_shards
from icbench.records.shards import SHARDS_FILE, ShardFile, may_be_of, read_shards
from icbench.storage import reason, remove_leftovers, try_folder, way_out

DEFAULT_FOLDER = "icbench-results"
ATTEMPTS = 100
"""How often a folder is made that other processes remove; each time needs one that ends just then."""


def check_writable(folder: Path) -> None:
    """Check that records can be written, and make nothing.

    Raises:
        ResultsError: they cannot be written into `folder`, or into what there is of the way to it.
    """
    try:
        present = next(path for path in (folder, *folder.absolute().parents) if path.exists() or path.is_symlink())
        try_folder(present)
    except OSError as error:
        hint = way_out(error, "Choose another with --results.")
        raise ResultsError(f"the results folder {folder} cannot be written: {reason(error)}", hint) from None


class GrowingRun:
    """A run that is not finished: its shards so far, and where the next ones go.

    Args:
        path: its folder, which is made with the first shard.
        metadata: what its record will say besides results.
        shards: those that are there.
        started: there is a file for them.
    """

    def __init__(self, path: Path, metadata: RunMetadata, shards: list[Arrays], started: bool) -> None:
        self.path, self.metadata, self.shards, self.started = path, metadata, shards, started
        self._file = ShardFile(path / SHARDS_FILE)
        self.form: Arrays = {}
        """The first results that were checked."""

    def set_batch(self, size: int, memory: int | None) -> None:
        """Note how many rows are computed together, and the bytes they take if that is known."""
        self.metadata = replace(self.metadata, batch_size=size, batch_bytes=memory)

    def set_parameters(self, count: int | None) -> None:
        """Note how many numbers the generator keeps."""
        metrics = replace(self.metadata.metrics, generator_parameters=count)
        self.metadata = replace(self.metadata, metrics=metrics)

    def arrays(self) -> Arrays:
        """All images so far, in their order."""
        return join_shards(self.shards)[0]

    @property
    def is_finished(self) -> bool:
        """Whether its record is written."""
        return (self.path / RECORD_FILE).exists()

    def check(self, arrays: Arrays) -> None:
        """Check that results can be added.

        Raises:
            ComponentError: they are not of the form that a record has, or of another form than the first ones.
        """
        fault = fault_in(arrays, self.metadata.dataset.images, NEEDED)
        fault = fault or difference_in_form(arrays, [self.form] if self.form else self.shards[:1])
        if fault:
            raise ComponentError(
                f"the results of {self.metadata.label} are odd: {fault}",
                "This is a fault of a component; `icbench plugins` tells where it comes from.",
            )
        self.form = self.form or arrays

    def add(self, arrays: Arrays, costs: Costs) -> None:
        """Append the results of some images; they are on disk when this returns.

        Raises:
            ResultsError: they are not, for example because the disk is full. What was there before still is.
        """
        shard = as_shard(arrays, costs)
        with _name_errors(self.path.parent):
            self._start()
            self._file.append(shard)
        self.shards.append(shard)

    def stop(self, status: str, error: str) -> Record:
        """Note how the run stopped, and return the record of what is done."""
        with _name_errors(self.path.parent):
            self._start()
            self._file.stop(status, error)
        return read_record(self.path)

    def finish(self, keep_latents: bool) -> Record:
        """Write the record, which takes the shards' place once it can be read.

        Raises:
            IntegrityError: it cannot be read; the shards stay.
            ResultsError: it cannot be written; the shards stay.
        """
        arrays, costs = join_shards(self.shards)
        kept = {name: values for name, values in arrays.items() if keep_latents or name not in LATENTS}
        metrics = result_metrics(arrays, costs, self.metadata.metrics)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        with _name_errors(self.path.parent):
            record = write_record(self.path, with_results(self.metadata, metrics, "ok", "", at), kept)
            self._check_written()
            self._file.remove()
        return record

    def _check_written(self) -> None:
        try:
            if read_record(self.path).edited:
                raise IntegrityError(f"{self.path / RECORD_FILE} is not read as it was written")
        except IntegrityError:
            # Where there is no record, the shards are read.
            (self.path / RECORD_FILE).unlink()
            raise

    def _start(self) -> None:
        if not self.started:
            self._file.start(self.metadata.document())
            self.started = True


class ResultsFolder:
    """A folder of runs, one folder each."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def lock(self, identity: str, on_wait: Callable[[], None]) -> Iterator[None]:
        """Hold a run, so that no other process works on it.

        The lock is the operating system's: it ends with the process that holds it, however that ends.

        Args:
            identity: what the run is called.
            on_wait: called once if another process holds it; this one then waits.

        Raises:
            ResultsError: the lock file cannot be made.
        """
        made = not self.path.exists()
        with _name_errors(self.path):
            lock = _acquire_lock(self.path, identity, on_wait)
        try:
            yield
        finally:
            with suppress(OSError):
                Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()
            if made:
                # It stays where there is anything in it, be it the lock of another process.
                with suppress(OSError):
                    self.path.rmdir()

    def find_finished(
        self, key: str, latents: bool = False, on_unreadable: Callable[[str], None] = lambda reason: None
    ) -> Record | None:
        """The newest finished run of a key, or None.

        Args:
            key: the digest of what decides a run's numbers.
            latents: only of the runs that kept theirs.
            on_unreadable: told why, if there are such runs and none of them can be read.
        """
        fit = [run for run in self._known(key) if run.key == key and run.finished and (run.latents or not latents)]
        reason = ""
        for run in sorted(fit, key=lambda run: run.standing, reverse=True):
            try:
                newest = read_record(run.path)
            except IntegrityError as error:
                reason = error.message
                continue
            # A process that was killed between its two last steps leaves the shards beside the record made of them.
            with suppress(OSError):
                ShardFile(newest.path / SHARDS_FILE).remove()
            return newest
        if reason:
            on_unreadable(reason)
        return None

    def is_begun(self, key: str) -> bool:
        """Whether there is an unfinished run of this key."""
        return any(_is_begun(path, key) for path in self._unfinished(key))

    def grow(
        self, metadata: RunMetadata, images: int, latents: bool, on_torn: Callable[[str], None], rerun: bool = False
    ) -> GrowingRun:
        """A run as far as it got before, or a new one.

        A new one begins with what other runs of its series, which differ in their number of images alone, have done.

        Args:
            metadata: of the run; its `key` and `series` say what it can go on from.
            images: how many the run is about.
            latents: whether the record has to keep them; what was done without them is done again then.
            on_torn: told of bytes that had to be set aside.
            rerun: take nothing from other runs.
        """
        for path in self._unfinished(metadata.key):
            run = _continue_run(path, metadata.key, latents, on_torn)
            if run:
                return run
        run = GrowingRun(_free_path(self.path / metadata.id), metadata, [], started=False)
        for arrays, costs in self._results_in_series(metadata.series, images, latents) if not rerun else ():
            run.add(arrays, costs)
        return run

    def _results_in_series(self, series: str | None, images: int, latents: bool) -> Iterator[tuple[Arrays, Costs]]:
        """What the run of this series with the most images has of the first `images`, if it has any."""
        alike = [run for run in self._known(series) if run.series == series]
        fit = [run for run in alike if run.images and (run.latents or not latents)]
        for run in sorted(fit, key=lambda run: run.images, reverse=True):
            try:
                most = read_record(run.path)
                arrays = most.images()
            except IntegrityError:
                continue
            # Results that were rounded to be published are no beginning of new ones.
            if most.edited or any(values.dtype == np.float16 for values in arrays.values()):
                continue
            wanted = arrays["index"] < images
            if wanted.any():
                costs = Costs.of(most.metrics)
                share = replace(costs, seconds=costs.seconds * float(np.mean(wanted)))
                yield {name: values[wanted] for name, values in arrays.items()}, share
            return

    def records(self) -> Iterator[Record]:
        """What can be read of the folder, without a look at the images of finished runs."""
        for path in sorted({*self._folders(RECORD_FILE), *self._folders(SHARDS_FILE)}):
            try:
                yield read_unverified(path)
            except IntegrityError:
                continue

    def _folders(self, file: str) -> list[Path]:
        try:
            return sorted(path for path in self.path.iterdir() if path.name[0] != "." and (path / file).exists())
        except OSError:
            return []

    def _unfinished(self, digest: str | None) -> list[Path]:
        """The folders with shards that may be of a run of this key or series: of the others one frame is read."""
        return [path for path in self._folders(SHARDS_FILE) if may_be_of(path / SHARDS_FILE, digest)]

    def _known(self, digest: str | None) -> Iterator["KnownRun"]:
        """At least the runs of a key or series, as they are known without a look at the images of finished ones."""
        for path in sorted({*self._folders(RECORD_FILE), *self._unfinished(digest)}):
            try:
                yield _look_at(path)
            except IntegrityError:
                continue


class KnownRun(NamedTuple):
    """A run in short, as one looks for it among others.

    Args:
        path: its folder.
        key, series: what it is.
        finished, latents: whether it is finished, and has its latents.
        images: how many are done.
        standing: which of several of one key counts.
    """

    path: Path
    key: str
    series: str | None
    finished: bool
    latents: bool
    images: int
    standing: tuple[bool, str, str]

    @classmethod
    def of(cls, record: Record) -> "KnownRun":
        """That of a record."""
        metadata, finished, latents = record.metadata, record.status == "ok", record.has(LATENTS)
        images = record.metrics.images
        return cls(record.path, metadata.key, metadata.series, finished, latents, images, record.standing)


def _look_at(path: Path) -> KnownRun:
    """The run in a folder; a finished one is read once, however many runs look for theirs among thousands."""
    try:
        state = (path / RECORD_FILE).stat()
    except OSError:
        return KnownRun.of(read_unverified(path))
    return _read_once(path.absolute(), state.st_mtime_ns, state.st_size)._replace(path=path)


@lru_cache(maxsize=2**16)
def _read_once(path: Path, changed: int, size: int) -> KnownRun:
    return KnownRun.of(read_unverified(path))


def _free_path(path: Path) -> Path:
    """The folder `path`, or with the first free number: an older record is never overwritten."""
    free, number = path, 1
    while _in_use(free):
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def _acquire_lock(folder: Path, identity: str, on_wait: Callable[[], None]) -> filelock.BaseFileLock:
    """The lock on a run. A process that ends may remove the folder while there is no lock in it yet."""
    lock = filelock.FileLock(folder / f".{identity}.lock")
    for attempt in range(ATTEMPTS):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
            break
        except filelock.Timeout:
            on_wait()
            lock.acquire()
            break
        except (FileNotFoundError, FileExistsError):
            if attempt == ATTEMPTS - 1:
                raise
    return lock


def _is_begun(path: Path, key: str) -> bool:
    try:
        return not (path / RECORD_FILE).exists() and read_shards(path / SHARDS_FILE).document.get("key") == key
    except IntegrityError:
        return False


def _continue_run(path: Path, key: str, latents: bool, on_torn: Callable[[str], None]) -> GrowingRun | None:
    """The run in folder `path` if it is of this key and can be gone on with."""
    file = path / SHARDS_FILE
    try:
        found = read_shards(file)
        if found.document.get("key") != key or (path / RECORD_FILE).exists():
            return None
        metadata = read_metadata(found.document, file)
        check_shards(found.shards, metadata.dataset.images, file)
    except IntegrityError:
        return None
    if latents and not all(name in shard for shard in found.shards for name in LATENTS):
        return None
    remove_leftovers(path)
    if found.torn:
        torn = ShardFile(file).set_torn_aside()
        on_torn(f"{file} had {torn} torn bytes; they are set aside and their images done again")
    return GrowingRun(path, metadata, found.shards, started=True)


def _in_use(path: Path) -> bool:
    """Whether there is more in `path` than what a process that was killed was about to write, or one may not look."""
    try:
        if path.is_dir():
            remove_leftovers(path)
        return path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir())))
    except OSError:
        return True


@contextmanager
def _name_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise ResultsError(
            f"the run could not be written into {folder}: {error.strerror or error}",
            f"{'Free some space or choose' if full else 'Choose'} another folder with --results, and run the same "
            "command again.",
        ) from error
