"""Going back from a record to what made it: its components and its images, checked to be the same."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from icbench.compute.devices import choose_device
from icbench.errors import IntegrityError, OutputError, UsageError
from icbench.kinds.dataset import Split
from icbench.plugins.isolation import isolate
from icbench.plugins.manager import PluginManager
from icbench.ranking.rows import Track
from icbench.records import Record
from icbench.records.diagnosis import KeptDiagnosis, keep_diagnosis
from icbench.records.metadata import ComponentMetadata
from icbench.running.datasets import Source, data_folder
from icbench.running.entry import Entry
from icbench.running.local_files import find_file
from icbench.running.runners import InversionRunner, make_settings
from icbench.running.source_closure import engine_digest

if TYPE_CHECKING:
    import torch

    from icbench.engine.settings import Settings
    from icbench.plugins.component import Selection


def split_of(manager: PluginManager, track: Track, data_dir: Path | None = None) -> Split:
    """The images of a track.

    Raises:
        UsageError: no installed dataset has the name.
        IntegrityError: the dataset here has other images.
    """
    source = Source(manager.select("dataset", track.dataset).build(), data_folder(data_dir), track.dataset)
    split = source.split(track.split)
    if split.digest != track.digest:
        raise IntegrityError(
            f"{track.dataset} {track.split} here has the digest {split.digest[:12]}…, the record's is "
            f"{track.digest[:12]}…",
            "Install the dataset that the record was made with.",
        )
    return split


def entry_of(manager: PluginManager, record: Record, weights: Path | None = None) -> Entry:
    """The entry of a record, from the components installed here.

    Args:
        manager: of the components installed.
        record: whose entry it is.
        weights: the local file that the run was made with, if it is not where trainings leave theirs.

    Raises:
        UsageError: a component is not here, or its code has changed, or a local file that was a parameter is not found.
    """
    metadata = record.metadata
    known = metadata.entry.components
    entry = Entry(
        {kind: selection_of(manager, record, kind, component, weights) for kind, component in known.items()},
        manager.select("dataset", metadata.dataset.name),
    )
    if not metadata.engine:
        raise UsageError(
            f"{record.path} is of an older icbench, which kept no digest of all code",
            "Run the entry again to have a record of what is here.",
        )
    changed = [kind for kind, found in entry.describe_components().items() if found.source != known[kind].source]
    changed += ["engine"] if metadata.engine != engine_digest() else []
    if changed:
        raise _change_error(f"code of the {' and the '.join(changed)} has", record)
    return entry


def settings_of(record: Record, device: "torch.device") -> "Settings":
    """What a record was made with, on this device."""
    metadata = record.metadata
    entry = metadata.entry
    return make_settings(entry.steps, metadata.seed, device, metadata.precision, entry.stop_when)


@isolate()
def diagnose_record(
    manager: PluginManager,
    record: Record,
    data_dir: Path | None = None,
    device: str = "auto",
    on_step: Callable[[float], None] = lambda share: None,
    on_lost: Callable[[str], None] = lambda reason: None,
    weights: Path | None = None,
) -> KeptDiagnosis:
    """Diagnose a run's errors, and keep the result beside its record.

    Args:
        manager: of the components installed.
        record: of the run.
        data_dir: where fetched data is kept, or None for the usual place.
        device: "auto", "cpu", "cuda" or "cuda:N".
        weights: as for `entry_of`.
        on_step: told of the share of the work done with each step.
        on_lost: told why, if the result cannot be kept.

    Raises:
        UsageError: it is not of one inversion, is not finished or was edited, or what made it is not here any more.
    """
    from icbench.engine.diagnosis import diagnose

    _check_can_be_diagnosed(record)
    entry = entry_of(manager, record, weights)
    split = split_of(manager, Track.of(record), data_dir)
    on = choose_device(device)
    runner = InversionRunner(entry, on, folder=data_dir)
    _check_generator(runner, record)
    predictions = record.images(["prediction"])["prediction"]
    settings = settings_of(record, on)
    rows = record.metadata.batch_size or runner.batch_size(split.images, len(predictions), settings)
    found = KeptDiagnosis(**diagnose(runner.components, split, predictions, settings, rows, on_step=on_step).as_data())
    _keep_diagnosis(found, record, on_lost)
    return found


def check_weights(runner: InversionRunner, record: Record) -> None:
    """Check that an entry's weights are a record's.

    Raises:
        UsageError: they are other ones.
    """
    if runner.describe_components()["generator"].weights != record.metadata.entry.components["generator"].weights:
        raise _change_error("weights have", record)


def _check_generator(runner: InversionRunner, record: Record) -> None:
    """Check that a generator is the record's, and one whose runs are diagnosed.

    Raises:
        UsageError: its weights are other ones, or it is of another kind.
    """
    check_weights(runner, record)
    if runner.components.generator.batch_group_size > 1:
        raise UsageError(
            f"{record.label} cannot be diagnosed: its images depend on their batch mates",
            "Choose the run of a generator whose images do not.",
        )
    if runner.components.generator.modes_per_class > 1:
        raise UsageError(
            f"{record.label} cannot be diagnosed: its class vectors have several entries for each class",
            "Choose the run of a generator whose class vectors have one.",
        )


def _keep_diagnosis(found: KeptDiagnosis, record: Record, on_lost: Callable[[str], None]) -> None:
    try:
        keep_diagnosis(record, found)
    except OutputError as error:
        on_lost(f"the diagnosis is not kept: {error.message}")


def _check_can_be_diagnosed(record: Record) -> None:
    if not record.metadata.entry.inverts_once:
        raise UsageError(
            f"{record.label} is no inversion of one generator, which could be diagnosed", "Choose the run of one."
        )
    if record.status != "ok":
        raise UsageError(f"the run {record.path} is not finished", "Give its command again, and diagnose it then.")
    if record.edited:
        raise UsageError(f"the record {record.path} was edited by hand", "Run the entry again to have one of its own.")


def _change_error(what: str, record: Record) -> UsageError:
    return UsageError(
        f"the {what} changed since {record.path} was made", "Run the entry again to have a record of what is here."
    )


def selection_of(
    manager: PluginManager, record: Record, kind: str, known: ComponentMetadata, weights: Path | None
) -> "Selection":
    """A component of a record as it is installed here, with the record's parameters.

    Raises:
        UsageError: it is not here, or a local file that was a parameter is not found.
    """
    selection = manager.select(kind, f"{known.dist}/{known.name}")
    for name, value in known.params.items():
        if value and selection.registered.component.param(name).path:
            value = str(find_file(record, value, f"{name} of the {kind}", weights))
        selection = manager.with_param(selection, name, value)
    return selection
