"""A folder of runs: what was done before, the lock on what is being done, and how a run grows into a record."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import filelock
import numpy as np

from icbench.errors import IntegrityError, ResultsError
from icbench.records.files import Arrays, remove_leftovers
from icbench.records.record import (
    LATENTS,
    RECORD_FILE,
    Costs,
    Record,
    as_part,
    joined,
    read_record,
    result_metrics,
    write_record,
)
from icbench.records.schema import Facts
from icbench.records.shards import SHARDS_FILE, ShardFile, read_shards

DEFAULT_FOLDER = "icbench-results"


def check_writable(folder: Path) -> None:
    """Raises:
    ResultsError: no record can be written into `folder`. A folder that this had to make is removed again.
    """
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        if made:
            folder.rmdir()
    except OSError as error:
        raise ResultsError(
            f"the results folder {folder} cannot be written: {error.strerror}", "Choose another with --results."
        ) from None


class GrowingRun:
    """A run that is not finished: its shards so far, and where the next ones go.

    Args:
        path: its folder, which is made with the first shard.
        facts: what its record will say besides results.
        parts: the shards that are there.
    """

    def __init__(self, path: Path, facts: Facts, parts: list[Arrays], started: bool) -> None:
        self.path, self.facts, self.parts, self.started = path, facts, parts, started
        self._file = ShardFile(path / SHARDS_FILE)

    def arrays(self) -> Arrays:
        """All images so far, in their order."""
        return joined(self.parts)[0]

    def add(self, arrays: Arrays, costs: Costs) -> None:
        """Append the results of some images; they are on disk when this returns.

        Raises:
            ResultsError: they are not, for example because the disk is full. What was there before still is.
        """
        part = as_part(arrays, costs)
        with _named_errors(self.path.parent):
            self._start()
            self._file.append(part)
        self.parts.append(part)

    def stop(self, status: str, error: str) -> Record:
        """Note how the run stopped, and return the record of what is done."""
        with _named_errors(self.path.parent):
            self._start()
            self._file.stop(status, error)
        return read_record(self.path)

    def finish(self, keep_latents: bool) -> Record:
        """Write the record, which takes the shards' place."""
        arrays, costs = joined(self.parts)
        kept = {name: values for name, values in arrays.items() if keep_latents or name not in LATENTS}
        facts = {
            **self.facts,
            "status": "ok",
            "error": "",
            "metrics": {**self.facts["metrics"], **result_metrics(arrays, costs)},
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with _named_errors(self.path.parent):
            record = write_record(self.path, facts, kept)
            self._file.remove()
        return record

    def _start(self) -> None:
        if not self.started:
            self._file.start(self.facts)
            self.started = True


class ResultsFolder:
    """A folder of runs, one folder each."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self, identity: str, on_wait: Callable[[], None]) -> Iterator[None]:
        """Hold the run called `identity`, so that no other process works on it.

        The lock is the operating system's: it ends with the process that holds it, however that ends.

        Args:
            on_wait: called once if another process holds it; this one then waits.

        Raises:
            ResultsError: the lock file cannot be made.
        """
        with _named_errors(self.path):
            made = not self.path.exists()
            self.path.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.path / f".{identity}.lock")
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                on_wait()
                lock.acquire()
        try:
            yield
        finally:
            Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()
            if made and not any(self.path.iterdir()):
                self.path.rmdir()

    def finished(self, key: str, latents: bool = False) -> Record | None:
        """The newest finished run of this key, if wanted of those that kept their latents, or None."""
        found = [record for record in self._records() if record.facts["key"] == key and record.status == "ok"]
        fit = [record for record in found if not latents or record.has(LATENTS)]
        newest = max(fit, key=lambda record: str(record.facts.get("finished", "")), default=None)
        if newest:
            # A process that was killed between its two last steps leaves the shards beside the record made of them.
            ShardFile(newest.path / SHARDS_FILE).remove()
        return newest

    def is_begun(self, key: str) -> bool:
        """Whether there is an unfinished run of this key."""
        return any(self._is_begun(path, key) for path in self._folders(SHARDS_FILE))

    def grow(
        self, facts: Facts, images: int, latents: bool, on_torn: Callable[[str], None], rerun: bool = False
    ) -> GrowingRun:
        """The run of these facts as far as it got before, or a new one.

        A new one begins with what other runs of its series, which differ in their number of images alone, have done.

        Args:
            facts: the record's content besides results; `key` and `series` say what it can go on from.
            images: how many the run is about.
            latents: whether the record has to keep them; what was done without them is done again then.
            on_torn: told of bytes that had to be set aside.
            rerun: take nothing from other runs.
        """
        for path in self._folders(SHARDS_FILE):
            run = self._continued(path, facts["key"], latents, on_torn)
            if run:
                return run
        run = GrowingRun(self._free_path(facts["id"]), facts, [], started=False)
        for arrays, costs in self._done_in_series(facts["series"], images, latents) if not rerun else ():
            run.add(arrays, costs)
        return run

    def _is_begun(self, path: Path, key: str) -> bool:
        try:
            return not (path / RECORD_FILE).exists() and bool(read_shards(path / SHARDS_FILE).facts["key"] == key)
        except IntegrityError:
            return False

    def _continued(self, path: Path, key: str, latents: bool, on_torn: Callable[[str], None]) -> GrowingRun | None:
        try:
            shards = read_shards(path / SHARDS_FILE)
        except IntegrityError:
            return None
        if shards.facts["key"] != key or (path / RECORD_FILE).exists():
            return None
        if latents and not all(name in part for part in shards.parts for name in LATENTS):
            return None
        remove_leftovers(path)
        if shards.torn:
            torn = ShardFile(path / SHARDS_FILE).set_torn_aside()
            on_torn(f"{path / SHARDS_FILE} had {torn} torn bytes; they are set aside and their images done again")
        return GrowingRun(path, shards.facts, shards.parts, started=True)

    def _done_in_series(self, series: str, images: int, latents: bool) -> Iterator[tuple[Arrays, Costs]]:
        """What the run of this series with the most images has of the first `images`, if it has any."""
        alike = [record for record in self._records() if record.facts.get("series") == series]
        fit = [record for record in alike if record.metrics["images"] and (not latents or record.has(LATENTS))]
        most = max(fit, key=lambda record: int(record.metrics["images"]), default=None)
        if most is None:
            return
        try:
            arrays = most.images()
        except IntegrityError:
            return
        wanted, metrics = arrays["index"] < images, most.metrics
        if wanted.any():
            seconds = metrics["seconds"] * float(np.mean(wanted))
            costs = Costs(metrics["nfe_forward"], metrics["nfe_backward"], seconds, metrics["peak_memory_bytes"])
            yield {name: values[wanted] for name, values in arrays.items()}, costs

    def _records(self) -> Iterator[Record]:
        for path in sorted({*self._folders(RECORD_FILE), *self._folders(SHARDS_FILE)}):
            try:
                yield read_record(path)
            except IntegrityError:
                continue

    def _folders(self, file: str) -> list[Path]:
        return sorted(found.parent for found in self.path.glob(f"[!.]*/{file}"))

    def _free_path(self, identity: str) -> Path:
        """A folder of this name, or with the first free number: an older record is never overwritten."""
        path, number = self.path / identity, 1
        while _in_use(path):
            number += 1
            path = self.path / f"{identity}-{number}"
        return path


def _in_use(path: Path) -> bool:
    """Whether there is more in `path` than what a process that was killed was about to write."""
    if path.is_dir():
        remove_leftovers(path)
    return path.exists() and (not path.is_dir() or any(path.iterdir()))


@contextmanager
def _named_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResultsError(
            f"the run could not be written into {folder}: {error.strerror or error}",
            "Free some space or choose another folder with --results, and run the same command again.",
        ) from error
