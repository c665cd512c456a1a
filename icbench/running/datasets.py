"""Splits as runs, diagnoses, pictures and trainings get them: loaded from a dataset, and checked."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from icbench.engine.blame import blame
from icbench.errors import FAULT_HINT, ComponentError, IcbenchError
from icbench.kinds.dataset import Dataset, DataShape, Split, split_fault
from icbench.plugins.component import TRAINED_ON, Selection
from icbench.plugins.isolation import isolate
from icbench.plugins.manager import PluginManager, plugin_manager
from icbench.storage import cache_folder

DATA_VARIABLE = "ICBENCH_DATA"
HERE = "icbench-data"
TRAIT = "trained-on:"

_chosen: ContextVar[Path | None] = ContextVar("the folder that fetched data is kept in", default=None)


@dataclass(frozen=True)
class Source:
    """A dataset, the folder that what it fetches is kept in, and its label; each split is loaded once."""

    dataset: Dataset
    folder: Path
    label: str

    def split(self, name: str) -> Split:
        """A split, "train", "validation" or "test"; raises what `load_split` does."""
        if name not in self._splits:
            self._splits[name] = load_split(self.dataset, self.label, name, self.folder)
        return self._splits[name]

    @cached_property
    def _splits(self) -> dict[str, Split]:
        return {}


def load_split(dataset: Dataset, label: str, name: str, folder: Path) -> Split:
    """A split of a dataset: uint8 images (N, C, H, W) and int64 labels (N,) in [0, K).

    Args:
        dataset: whose.
        label: the dataset's name and parameters, for messages.
        name: "train", "validation" or "test".
        folder: where fetched data is kept.

    Raises:
        ComponentError: the dataset fails, or returns anything else.
        IntegrityError: a file of it is missing, unreadable or not the expected one.
    """
    with isolate(), blame(f"dataset {label}, asked for its split {name},"):
        split = dataset.split(name, folder)
        fault = split_fault(split, getattr(dataset, "num_classes", None))
    if fault:
        raise ComponentError(f"dataset {label}, split {name}: {fault}", FAULT_HINT)
    # Exact, as all labels are below K; a copy, as torch warns of arrays that are read-only.
    fit = split.labels.dtype == np.int64 and split.labels.flags.writeable
    return split if fit else replace(split, labels=split.labels.astype(np.int64))


def data_folder(chosen: Path | None = None) -> Path:
    """Where fetched data is kept: the folder chosen, or `ICBENCH_DATA`, or the platform's cache folder.

    A folder chosen is this one or, for what is built within `data_kept_in`, that one. Without any of them it is a
    folder beside where one works.
    """
    variable = os.environ.get(DATA_VARIABLE)
    return chosen or _chosen.get() or (Path(variable) if variable else cache_folder()) or Path(HERE)


@contextmanager
def data_kept_in(folder: Path | None) -> Iterator[None]:
    """Within it, components that load data when they are built find it in a folder; None leaves that as it is."""
    token = _chosen.set(folder or _chosen.get())
    try:
        yield
    finally:
        _chosen.reset(token)


@dataclass(frozen=True)
class TrainingImages:
    """What a component that is made of a dataset's training images has to know of them.

    Args:
        split: the images and their labels.
        shape: of the images, and how many classes they are of.
        seen: what a component made of them has seen, as `icbench.kinds.generator.Generator.seen`.
    """

    split: Split
    shape: DataShape
    seen: tuple[str, ...]


def training_images(dataset: str = "") -> TrainingImages:
    """The training images of a dataset, for the factory of a generator with the trait `made-of-data`.

    Args:
        dataset: its spec, such as a run gives in the parameter `trained_on`; empty for the default one.

    Raises:
        UsageError: there is no such dataset.
        ComponentError: it fails, or returns anything else than a split.
        IntegrityError: a file of it is missing, unreadable or not the expected one.
    """
    from icbench.running.entry import DEFAULTS, dataset_key  # which loads scipy, and verbs that list datasets need not

    selection = plugin_manager(warn=False).select("dataset", dataset or DEFAULTS["dataset"])
    source = Source(selection.build(), data_folder(), selection.label)
    split = source.split("train")
    seen = (f"{TRAIT}{dataset_key(selection.spec)}/train",)
    return TrainingImages(split, DataShape.of(split, source.dataset.num_classes), seen)


def learned_dataset(manager: PluginManager, generator: Selection) -> Selection | None:
    """The dataset that a generator's spec or record says it was trained on, or None where neither does."""
    traits = generator.registered.component.traits
    names = [trait.removeprefix(TRAIT).partition("/")[0] for trait in traits if trait.startswith(TRAIT)]
    names = [str(generator.params[TRAINED_ON])] if generator.params.get(TRAINED_ON) else names
    try:
        return manager.select("dataset", names[0]) if names else None
    except IcbenchError:
        return None


def learned_class_names(manager: PluginManager, generator: Selection, num_classes: int) -> tuple[str, ...]:
    """What a generator's classes are called; empty where that is not known, or they have no names."""
    learned = learned_dataset(manager, generator)
    try:
        names: tuple[str, ...] = learned.build().class_names if learned else ()
    except IcbenchError:
        return ()
    return names if len(names) == num_classes else ()
