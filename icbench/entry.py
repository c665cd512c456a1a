"""What can be run: an entry is one choice of every component, a plan is an entry with all that decides its numbers."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

from icbench.component import Selection
from icbench.errors import IntegrityError

DEFAULTS = {"generator": "cgan", "distance": "mse", "optimizer": "adam", "schedule": "joint", "dataset": "mnist"}
"""The specs of `icbench run` without options: the source post's setting."""

PARTS = ("generator", "distance", "optimizer", "schedule")


@dataclass(frozen=True)
class Entry:
    """One configuration: generator, distance, optimizer, schedule and dataset."""

    generator: Selection
    distance: Selection
    optimizer: Selection
    schedule: Selection
    dataset: Selection

    @property
    def label(self) -> str:
        """The entry in one phrase, parameters at their defaults left out."""
        return " · ".join(getattr(self, part).label for part in PARTS)

    def facts(self) -> dict[str, Any]:
        """The four parts as a record keeps them."""
        return {part: selection_facts(getattr(self, part)) for part in PARTS}


@dataclass(frozen=True)
class Plan:
    """An entry and everything else that decides a run's numbers.

    Args:
        entry: the components.
        split: the dataset's split that is classified.
        images: how many of its first images.
        steps: steps per hypothesis.
        seed: the seed of the starts.
        precision: "float32" or "bfloat16".
        device_kind: "cpu" or "cuda".
    """

    entry: Entry
    split: str
    images: int
    steps: int
    seed: int
    precision: str
    device_kind: str


def grid(**choices: Sequence[Selection]) -> Iterator[Entry]:
    """Every combination of the selections given for each kind, in the order they were given."""
    kinds = list(choices)
    for combination in product(*choices.values()):
        yield Entry(**dict(zip(kinds, combination, strict=True)))


def selection_facts(selection: Selection) -> dict[str, Any]:
    """A component as a record keeps it: a file parameter by its content's digest, the code by its source's."""
    component = selection.registered.component
    params = {
        name: file_digest(str(value)) if value and component.param(name).path else value
        for name, value in selection.params.items()
    }
    return {
        "name": selection.name,
        "dist": selection.registered.dist,
        "version": selection.registered.version,
        "params": params,
        "source": source_digest(component.factory),
    }


def run_key(facts: dict[str, Any]) -> str:
    """The digest of all that decides a run's numbers."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@cache
def source_digest(factory: str) -> str:
    """SHA-256 of the file that the factory `"package.module:name"` is in."""
    spec = find_spec(factory.partition(":")[0])
    return file_digest(spec.origin) if spec and spec.origin else ""


def file_digest(file: str) -> str:
    """SHA-256 of a file's content, as `sha256:...`.

    Raises:
        IntegrityError: the file cannot be read.
    """
    try:
        return "sha256:" + hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError as error:
        raise IntegrityError(f"{file} cannot be read: {error.strerror}", "Check the path.") from error
