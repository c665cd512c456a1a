"""What a run is: all that decides its numbers, and what else its record says from the start."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from icbench.compute.environment import environment
from icbench.records import SCHEMA
from icbench.records.metadata import (
    ComponentMetadata,
    DatasetMetadata,
    EntryMetadata,
    Environment,
    KnownMetrics,
    RunIdentity,
    RunMetadata,
    run_key,
    series_key,
)
from icbench.running.entry import Entry
from icbench.running.options import Options
from icbench.running.source_closure import engine_digest

if TYPE_CHECKING:
    from icbench.engine.settings import Settings


def run_identity(
    entry: Entry,
    components: Mapping[str, ComponentMetadata],
    settings: "Settings",
    split: str,
    digest: str,
    images: int,
) -> RunIdentity:
    """All that decides a run's numbers; the run key is the digest of it.

    Args:
        entry: what is run.
        components: as built, by kind.
        settings: how it is run.
        split: the name of the split.
        digest: of the split's images and labels.
        images: how many of the first are classified.
    """
    parts: dict[str, Any] = dict(components)
    return RunIdentity(
        schema=SCHEMA,
        engine=engine_digest(),
        # Named only where it is given, so that records from before there was one are of the same entry.
        entry=EntryMetadata(**parts, steps=settings.steps, stop_when=settings.stop_when or None),
        # Not the code of the dataset: what it gave is known by its digest.
        dataset=DatasetMetadata(name=entry.dataset.label, split=split, digest=digest, images=images),
        seed=settings.seed,
        precision=settings.precision_name,
        device=settings.device.type,
    )


def run_metadata(
    identity: RunIdentity,
    entry: Entry,
    options: Options,
    tier: str,
    flags: Sequence[str],
    parameters: int | None,
    class_names: Sequence[str] = (),
) -> RunMetadata:
    """What the record of a run says besides results.

    Args:
        identity: of the run.
        entry, options: what is run, and how.
        tier: what is known besides pixels.
        flags: what a reader has to know.
        parameters: how many numbers the generator keeps, if that is known.
        class_names: what the dataset calls its classes, if it has names for them.
    """
    product = identity.entry.product
    return RunMetadata(
        **vars(identity),
        id=run_name(entry, identity),
        label=entry.label,
        key=run_key(identity),
        series=series_key(identity),
        tier=tier,
        suite=options.suite,
        flags=tuple(flags),
        metrics=KnownMetrics(generator_parameters=parameters),
        batch_size=options.batch_size,
        class_names=tuple(class_names) or None,
        # The record has its keys in alphabetical order, and so the members themselves.
        members=tuple(product.components or ()) if product else None,
        environment=Environment(**environment()),
    )


def run_name(entry: Entry, identity: RunIdentity) -> str:
    """What a run is called: its components, its seed and the beginning of its key."""
    return f"{entry.name}-s{identity.seed}-{run_key(identity)[:8]}"
