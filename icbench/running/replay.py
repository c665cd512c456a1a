"""Going back from a record to what made it: its components and its images, checked to be the same."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icbench.compute.devices import chosen_device
from icbench.errors import IntegrityError, OutputError, UsageError
from icbench.kinds.dataset import Split
from icbench.kinds.names import PARTS
from icbench.plugins.isolation import isolated
from icbench.plugins.manager import PluginManager
from icbench.ranking.rows import Track
from icbench.records import Record
from icbench.records.schema import canonical, is_edited, signed
from icbench.running.datasets import Source, data_folder
from icbench.running.entry import Entry
from icbench.running.local_files import find_file
from icbench.running.runners import InversionRunner, named_settings
from icbench.running.source_closure import engine_digest
from icbench.storage import write_output

if TYPE_CHECKING:
    import torch

    from icbench.engine.settings import Settings
    from icbench.plugins.component import Selection

DIAGNOSIS_FILE = "diagnosis.json"


def split_of(host: PluginManager, track: Track, data_dir: Path | None = None) -> Split:
    """The images of a track.

    Raises:
        UsageError: no installed dataset has the name.
        IntegrityError: the dataset here has other images.
    """
    source = Source(host.select("dataset", track.dataset).build(), data_folder(data_dir), track.dataset)
    split = source.split(track.split)
    if split.digest != track.digest:
        raise IntegrityError(
            f"{track.dataset} {track.split} here has the digest {split.digest[:12]}…, the record's is "
            f"{track.digest[:12]}…",
            "Install the dataset that the record was made with.",
        )
    return split


def entry_of(host: PluginManager, record: Record, weights: Path | None = None) -> Entry:
    """The entry of a record, from the components installed here.

    Args:
        weights: the local file that the run was made with, if it is not where trainings leave theirs.

    Raises:
        UsageError: a component is not here, or its code has changed, or a local file that was a parameter is not found.
    """
    facts = record.facts["entry"]
    parts = {kind: _selection(host, record, kind, weights) for kind in (*PARTS, "classifier") if kind in facts}
    entry = Entry(parts, host.select("dataset", record.facts["dataset"]["name"]))
    if not record.facts["engine"]:
        raise UsageError(
            f"{record.path} is of an older icbench, which kept no digest of all code",
            "Run the entry again to have a record of what is here.",
        )
    changed = [kind for kind, known in entry.facts().items() if known["source"] != facts[kind]["source"]]
    changed += ["engine"] if record.facts["engine"] != engine_digest() else []
    if changed:
        raise _changed(f"code of the {' and the '.join(changed)} has", record)
    return entry


def settings_of(record: Record, device: "torch.device") -> "Settings":
    """What a record was made with, on this device."""
    facts = record.facts
    entry = facts["entry"]
    return named_settings(entry["steps"], facts["seed"], device, facts["precision"], entry.get("stop_when"))


@isolated()
def diagnose_record(
    host: PluginManager,
    record: Record,
    data_dir: Path | None = None,
    device: str = "auto",
    on_step: Callable[[float], None] = lambda share: None,
    on_lost: Callable[[str], None] = lambda reason: None,
    weights: Path | None = None,
) -> dict[str, Any]:
    """Diagnose a run's errors, and keep the result beside its record.

    Args:
        weights: as for `entry_of`.
        on_step: told of the share of the work done with each step.
        on_lost: told why, if the result cannot be kept.

    Returns:
        the fields of `icbench.engine.diagnosis.Diagnosis`.

    Raises:
        UsageError: it is a direct classifier's, is not finished or was edited, or what made it is not here any more.
    """
    from icbench.engine.diagnosis import diagnose

    _check_can_be_diagnosed(record)
    entry = entry_of(host, record, weights)
    split = split_of(host, Track.of(record), data_dir)
    on = chosen_device(device)
    runner = InversionRunner(entry, on)
    _check_generator(runner, record)
    predictions = record.images(["prediction"])["prediction"]
    settings = settings_of(record, on)
    rows = record.facts.get("batch_size") or runner.batch_size(split.images, len(predictions), settings)
    found = diagnose(runner.parts, split, predictions, settings, rows, on_step=on_step).as_data()
    _keep_diagnosis(found, record, on_lost)
    return found


def _check_generator(runner: InversionRunner, record: Record) -> None:
    """Raises:
    UsageError: the weights are other ones than the record's, or the generator is of a kind that is not diagnosed.
    """
    if runner.details()["generator"]["weights"] != record.facts["entry"]["generator"].get("weights"):
        raise _changed("weights have", record)
    if runner.parts.generator.group > 1:
        raise UsageError(
            f"{record.label} cannot be diagnosed: its images depend on their batch mates",
            "Choose the run of a generator whose images do not.",
        )
    if runner.parts.generator.types > 1:
        raise UsageError(
            f"{record.label} cannot be diagnosed: its class vectors have several entries for each class",
            "Choose the run of a generator whose class vectors have one.",
        )


def _keep_diagnosis(found: dict[str, Any], record: Record, on_lost: Callable[[str], None]) -> None:
    try:
        content = canonical(signed({"key": record.facts["key"], "diagnosis": found}))
        write_output(record.path / DIAGNOSIS_FILE, content)
    except OutputError as error:
        on_lost(f"the diagnosis is not kept: {error.message}")


def kept_diagnosis(record: Record) -> dict[str, Any] | None:
    """The diagnosis that was kept beside a record, or None if there is none of this run, as icbench wrote it."""
    try:
        document = json.loads((record.path / DIAGNOSIS_FILE).read_bytes())
        ours = document["key"] == record.facts["key"] and not is_edited(document)
        found: dict[str, Any] | None = document["diagnosis"] if ours else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found


def _check_can_be_diagnosed(record: Record) -> None:
    if "classifier" in record.facts["entry"]:
        raise UsageError(f"{record.label} inverts nothing that could be diagnosed", "Choose the run of an inversion.")
    if record.status != "ok":
        raise UsageError(f"the run {record.path} is not finished", "Give its command again, and diagnose it then.")
    if record.edited:
        raise UsageError(f"the record {record.path} was edited by hand", "Run the entry again to have one of its own.")


def _changed(what: str, record: Record) -> UsageError:
    return UsageError(
        f"the {what} changed since {record.path} was made", "Run the entry again to have a record of what is here."
    )


def _selection(host: PluginManager, record: Record, kind: str, weights: Path | None) -> "Selection":
    facts = record.facts["entry"][kind]
    selection = host.select(kind, f"{facts['dist']}/{facts['name']}")
    for name, value in facts["params"].items():
        if value and selection.registered.component.param(name).path:
            value = str(find_file(record, value, f"{name} of the {kind}", weights))
        selection = host.with_param(selection, name, value)
    return selection
