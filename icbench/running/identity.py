"""What a run is: the facts that decide its numbers, their digests, and what else its record says from the start."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from icbench.compute.environment import environment
from icbench.records import SCHEMA
from icbench.running.entry import Entry
from icbench.running.options import Options
from icbench.running.source_closure import engine_digest

if TYPE_CHECKING:
    from icbench.engine.settings import Settings


def key_facts(
    entry: Entry, details: Mapping[str, Mapping[str, Any]], settings: "Settings", split: str, digest: str, images: int
) -> dict[str, Any]:
    """All that decides a run's numbers; the run key is the digest of it.

    Args:
        entry: what is run.
        details: what only its built components know, by kind and name.
        settings: how it is run.
        split: the name of the split.
        digest: of the split's images and labels.
        images: how many of the first are classified.
    """
    components = entry.facts()
    for kind, known in details.items():
        components[kind].update(known)
    return {
        "schema": SCHEMA,
        "engine": engine_digest(),
        # Named only where it is given, so that records from before there was one are of the same entry.
        "entry": {**components, "steps": settings.steps}
        | ({"stop_when": settings.stop_when} if settings.stop_when else {}),
        # Not the code of the dataset: what it gave is known by its digest.
        "dataset": {
            "name": entry.dataset.label,
            "split": split,
            "digest": digest,
            "images": images,
        },
        "seed": settings.seed,
        "precision": settings.precision_name,
        "device": settings.device.type,
    }


def record_facts(
    facts: Mapping[str, Any], entry: Entry, options: Options, flags: Sequence[str], parameters: int | None
) -> dict[str, Any]:
    """What the record of a run says besides results.

    Args:
        facts: its key facts.
        entry, options: what is run, and how.
        flags: what a reader has to know besides what the entry itself tells.
        parameters: how many numbers the generator keeps, if that is known.
    """
    return {
        **facts,
        "id": run_name(entry, facts),
        "label": entry.label,
        "key": run_key(facts),
        "series": series_key(facts),
        "tier": entry.tier,
        "suite": options.suite,
        "flags": [*entry.flags(options.split), *flags],
        "metrics": {"generator_parameters": parameters},
        "batch_size": options.batch_size,
        "environment": environment(),
    }


def run_key(facts: Mapping[str, Any]) -> str:
    """The digest of all that decides a run's numbers."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def series_key(facts: Mapping[str, Any]) -> str:
    """The digest of the same without the number of images: the runs that can take over images from each other."""
    dataset = {name: value for name, value in facts["dataset"].items() if name != "images"}
    return run_key({**facts, "dataset": dataset})


def run_name(entry: Entry, facts: Mapping[str, Any]) -> str:
    """What the run of these key facts is called: its components, its seed and the beginning of its key."""
    return f"{entry.name}-s{facts['seed']}-{run_key(facts)[:8]}"
