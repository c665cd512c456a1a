"""What a results folder has of an entry's runs already."""

from dataclasses import replace

from icbench.compute.devices import AUTO_PRECISIONS
from icbench.records import Record, ResultsFolder
from icbench.records.metadata import RunIdentity, run_key
from icbench.running.entry import Entry
from icbench.running.identity import run_name
from icbench.running.observer import Observer
from icbench.running.options import Options


class EarlierRuns:
    """The runs of an entry in a results folder; what is taken from them is said.

    Args:
        results: the folder.
        entry, options: of the runs to come.
        watcher: told of it.
    """

    def __init__(self, results: ResultsFolder, entry: Entry, options: Options, watcher: Observer) -> None:
        self._results, self._entry, self._options, self._watcher = results, entry, options, watcher

    def has_folder(self, identity: RunIdentity) -> bool:
        """Whether such a run was begun, and so was checked before."""
        return (self._results.path / run_name(self._entry, identity)).is_dir()

    def precision(self, identity: RunIdentity) -> str | None:
        """Where it is free, that of a run which was begun in another than its own and is not finished."""
        if self._options.precision != "auto" or self._entry.direct:
            return None
        begun = [name for name in AUTO_PRECISIONS if self._results.is_begun(run_key(replace(identity, precision=name)))]
        if (
            not begun
            or identity.precision in begun
            or (self._results.find_finished(run_key(identity)) and not self._options.rerun)
        ):
            return None
        self._watcher.say(f"{self._entry.label}: goes on in {begun[0]}, as it was begun (--precision chooses another)")
        return begun[0]

    def find_finished(self, key: str, latents: bool) -> Record | None:
        """The finished run of a key, if wanted with its latents; None where there is none or it is to run again."""
        if self._options.rerun:
            return None
        record = self._results.find_finished(key, latents, self._say_unreadable)
        if record is None:
            if latents and self._results.find_finished(key):
                self._watcher.say(f"{self._entry.label}: finished before without latents; run again to have them")
            return None
        return replace(record, reused=True)

    def _say_unreadable(self, reason: str) -> None:
        self._watcher.warn(f"{self._entry.label} was finished before and is run again: {reason}")
