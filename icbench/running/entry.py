"""What can be run: an entry is one choice of every component."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from icbench.errors import IntegrityError
from icbench.kinds.names import INVERSION_KINDS, TIERS
from icbench.plugins.component import TRAINED_ON, Selection
from icbench.records.metadata import ComponentMetadata
from icbench.running.source_closure import source_digest

DEFAULTS = {"generator": "cgan", "distance": "mse", "optimizer": "adam", "schedule": "joint", "dataset": "mnist"}
"""The specs of `icbench run` without options: the source post's setting."""

DIRECT = "direct"
"""The tier of direct classifiers."""

UNTOLD = ("trained-on:unknown images/train",)
"""What weights have seen that have no training record."""


@dataclass(frozen=True)
class Entry:
    """One configuration: generator, distance, optimizer and schedule, or what is an entry of its own, and a dataset.

    Args:
        selections: by kind: those of `INVERSION_KINDS`, or one of `WHOLE_KINDS`.
        dataset: whose images are classified.
    """

    selections: Mapping[str, Selection]
    dataset: Selection

    @property
    def label(self) -> str:
        """The entry in one phrase, parameters at their defaults left out."""
        return " · ".join(selection.label for selection in self.selections.values())

    @property
    def name(self) -> str:
        """The entry's components, as they begin a record's folder name."""
        return "-".join(selection.name for selection in (*self.selections.values(), self.dataset))

    @property
    def direct(self) -> bool:
        """Whether it is a direct classifier."""
        return "classifier" in self.selections

    @property
    def inverts_once(self) -> bool:
        """Whether it inverts one generator, whose latents can be kept and drawn."""
        return self.selections.keys() == set(INVERSION_KINDS)

    @property
    def tier(self) -> str:
        """What the entry knows besides pixels; see `icbench.kinds.names.TIERS`."""
        if self.direct:
            return DIRECT
        declared = {trait.partition(":")[2] for trait in self._traits() if trait.startswith("tier:")}
        return max(declared & set(TIERS), key=TIERS.index, default=TIERS[0])

    def flags(self, split: str, seen: Collection[str] | None = None) -> list[str]:
        """What a reader of its result has to know.

        That is whether a component has seen the images it classifies, or was trained on those of another dataset.

        Args:
            split: whose images are classified.
            seen: what the generator's weights say of themselves, as `Generator.seen`.
        """
        own = dataset_key(self.dataset.spec)
        traits = self._seen(seen) | ({f"trained-on:{own}/train"} if self.direct else set())
        on_these = [
            f"{verb} on these images" for verb in ("trained", "selected") if f"{verb}-on:{own}/{split}" in traits
        ]
        others = {trait.removeprefix("trained-on:").rpartition("/")[0] for trait in traits if "trained-on:" in trait}
        return [*on_these, *(f"trained on {other}" for other in sorted(others - {own}))]

    def build(self, kind: str) -> Any:
        """The component of a kind, made for the entry's dataset."""
        return self.selections[kind].for_dataset(self.dataset).build()

    def parts(self) -> dict[str, str]:
        """The labels of components and dataset by kind."""
        return {kind: selection.label for kind, selection in {**self.selections, "dataset": self.dataset}.items()}

    def describe_components(self) -> dict[str, ComponentMetadata]:
        """The components as a record keeps them, by kind."""
        return {kind: component_metadata(selection) for kind, selection in self.selections.items()}

    def _traits(self) -> set[str]:
        return {trait for selection in self.selections.values() for trait in selection.registered.component.traits}

    def _seen(self, weights: Collection[str] | None) -> set[str]:
        """Traits of what components have seen: of a generator whose weights tell of themselves, theirs."""
        if weights is None and self._finds_weights:
            weights = UNTOLD
        silent = {kind: one for kind, one in self.selections.items() if kind != "generator" or weights is None}
        traits = {trait for one in silent.values() for trait in one.registered.component.traits}
        return {trait for trait in (*traits, *(weights or ())) if trait.startswith(("trained-on:", "selected-on:"))}

    @property
    def _finds_weights(self) -> bool:
        """Whether the generator's weights are found by dataset, so that its traits are those of some only."""
        return "generator" in self.selections and TRAINED_ON in self.selections["generator"].params


def dataset_key(spec: str) -> str:
    """A dataset in names of files and in records: its name, and a digest of its parameters where it has any."""
    name, _, params = spec.partition(":")
    return f"{name}-{hashlib.sha256(params.encode()).hexdigest()[:8]}" if params else name


def grid(dataset: Sequence[Selection], **choices: Sequence[Selection]) -> Iterator[Entry]:
    """Every combination of the selections given for each kind, in the order they were given."""
    for *selections, data in product(*choices.values(), dataset):
        yield Entry(dict(zip(choices, selections, strict=True)), data)


def component_metadata(selection: Selection) -> ComponentMetadata:
    """A component as a record keeps it: a file parameter by its content's digest, the code by that of its closure."""
    registered = selection.registered
    return ComponentMetadata(
        name=selection.name,
        dist=registered.dist,
        version=registered.version,
        params=kept_params(selection),
        source=source_digest(registered.component.factory, registered.dist),
    )


def kept_params(selection: Selection) -> dict[str, Any]:
    """A component's parameters as a record keeps them.

    Raises:
        IntegrityError: a file that is one cannot be read.
    """
    component = selection.registered.component
    return {
        name: file_digest(str(value)) if value and component.param(name).path else value
        for name, value in selection.params.items()
    }


def file_digest(file: str) -> str:
    """SHA-256 of a file's content, as `sha256:...`.

    Raises:
        IntegrityError: the file cannot be read.
    """
    try:
        return "sha256:" + hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError as error:
        raise IntegrityError(f"{file} cannot be read: {error.strerror}", "Check the path.") from error
