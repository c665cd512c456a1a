"""What a suite is: entries that belong together, read from a declarative file, with the values published for them."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from icbench.errors import ComponentError, suggestion
from icbench.kinds.names import PARTS

FORMS = ("cells", "nfe")
"""What a table's chart may be of: accuracies cell by cell, or against the generator evaluations per image."""

MOST_SEEDS = 10_000

LISTS: dict[object, type] = {tuple[float, ...]: float, tuple[str, ...]: str}

T = TypeVar("T")


@dataclass(frozen=True)
class Cell:
    """One entry of a suite.

    Args:
        label: what it is called in a table, such as the parameter's value; on paper that may be `0.5`.
        generator, distance, optimizer, schedule: specs.
        classifier: the spec of a direct classifier, which then is the whole entry.
        steps: per hypothesis; -1 takes the schedule's own.
        seeds: how many runs, for seeds 0 and up.
        images: at most so many of the first images; 0 takes all.
        batch_size: hypotheses inverted together; 0 measures.
        precision: as for `icbench run`.
        published: accuracies published for the entry, one per repeat.
    """

    label: str
    generator: str = ""
    distance: str = ""
    optimizer: str = ""
    schedule: str = ""
    classifier: str = ""
    steps: int = -1
    seeds: int = 1
    images: int = 0
    batch_size: int = 0
    precision: str = "auto"
    published: tuple[float, ...] = ()

    @property
    def specs(self) -> dict[str, str]:
        """The specs by kind: of the four parts, or of the classifier."""
        if self.classifier:
            return {"classifier": self.classifier}
        return {kind: spec for kind in PARTS if (spec := getattr(self, kind))}


@dataclass(frozen=True)
class Experiment:
    """Cells that make one table.

    Args:
        name: to choose it by.
        title: the table's.
        parameter: what the cells' labels are values of.
        cells: at least one.
        peak_inside: the published accuracies are highest strictly between the first and the last cell.
        baseline: the label of the cell that all others are compared with; empty for none.
        optional: run only if it is asked for by name.
        note: one line beneath the table.
        chart: one of `FORMS`.
    """

    name: str
    title: str
    parameter: str
    cells: tuple[Cell, ...]
    peak_inside: bool = False
    baseline: str = ""
    optional: bool = False
    note: str = ""
    chart: str = FORMS[0]


@dataclass(frozen=True)
class Mark:
    """A published accuracy to see the own ones beside; nothing is held against it.

    Args:
        name: of the method, with its source.
        accuracy: in [0, 1].
        note: how sure it is, or of which images; empty for nothing.
    """

    name: str
    accuracy: float
    note: str = ""


@dataclass(frozen=True)
class Claim:
    """A statement to check: that one cell is more accurate than another, or reconstructs well.

    Args:
        text: the statement.
        cell: the one it is about.
        than: the cell that `cell` must be more accurate than, if the claim is about accuracy.
        by: more accurate by at least so much.
        median_distance: the median final distance of `cell` must be at most this, if the claim is about distance.
    """

    text: str
    cell: Cell
    than: Cell | None = None
    by: float = 0.0
    median_distance: float = 0.0


@dataclass(frozen=True)
class Suite:
    """A declared set of entries.

    Args:
        title: of the suite, or of the publication it is taken from.
        dataset: a spec.
        split: "train", "validation" or "test".
        experiments: in the order they are run.
        claims: checked besides.
        marks: drawn as lines in a chart of form "nfe".
        images: the first images of the split that the published values are of; 0 for all.
        author, year, url: of the source, if there is one.
        tolerance: how far below the published mean a cell may lie; one that is within its published repeats may always.
        show: the cell that pictures are made of; None for the first that inverts.
        conclusion: paragraphs of what the source concluded from its own figures; what holds is derived from a run.
    """

    title: str
    dataset: str
    split: str
    experiments: tuple[Experiment, ...]
    claims: tuple[Claim, ...] = ()
    marks: tuple[Mark, ...] = ()
    images: int = 0
    author: str = ""
    year: int = 0
    url: str = ""
    tolerance: float = 0.0
    show: Cell | None = None
    conclusion: tuple[str, ...] = ()

    @property
    def published(self) -> bool:
        """Whether there is anything to reproduce."""
        return any(cell.published for cell in self.cells()) or bool(self.claims)

    def cells(self) -> Iterator[Cell]:
        """Every cell of every experiment."""
        for experiment in self.experiments:
            yield from experiment.cells


def read_suite(file: Path) -> Suite:
    """The suite that a TOML file declares.

    Its keys are the fields of `Suite`; `[[experiment]]`, `[[claim]]` and `[[mark]]` tables have those of the classes.
    What `[setting]` says holds for every cell that does not say otherwise, and `setting` in an experiment for its own.

    Raises:
        ComponentError: the file is unreadable, or a key is unknown, missing or of the wrong type.
    """
    try:
        written = tomllib.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ComponentError(f"the suite {file.name} cannot be read: {error}") from error
    return _Reader(file.name).suite(written)


@dataclass(frozen=True)
class _Reader:
    """Makes records of tables, and says where in the file something is wrong."""

    file: str

    def suite(self, written: Mapping[str, Any]) -> Suite:
        values = dict(written)
        setting = values.pop("setting", {})
        experiments = [self.experiment(table, setting) for table in values.pop("experiment", [])]
        claims = [self.claim(table, setting) for table in values.pop("claim", [])]
        marks = [self.record(Mark, table, f"mark {table.get('name', '?')}") for table in values.pop("mark", [])]
        if "show" in values:
            values["show"] = self.cell({"label": "show", **values["show"]}, setting, "show")
        lists = {"experiments": tuple(experiments), "claims": tuple(claims), "marks": tuple(marks)}
        suite = self.record(Suite, {**values, **lists}, "the suite")
        self._unique([experiment.name for experiment in experiments], "experiment")
        return suite

    def experiment(self, table: Mapping[str, Any], setting: Mapping[str, Any]) -> Experiment:
        values = dict(table)
        where = f"experiment {values.get('name', '?')}"
        own = {**setting, **values.pop("setting", {})}
        cells = tuple(self.cell(cell, own, where) for cell in values.pop("cells", []))
        experiment = self.record(Experiment, {**values, "cells": cells}, where)
        labels = [cell.label for cell in cells]
        self._unique(labels, f"in {where} cell")
        if not cells:
            raise self._wrong(f"{where} has no cells")
        if experiment.chart not in FORMS:
            raise self._wrong(f"{where} has chart='{experiment.chart}'", f"It may be {' or '.join(FORMS)}.")
        if experiment.baseline and experiment.baseline not in labels:
            raise self._wrong(f"the baseline '{experiment.baseline}' of {where} is none of its cells")
        return experiment

    def claim(self, table: Mapping[str, Any], setting: Mapping[str, Any]) -> Claim:
        values = dict(table)
        where = f"claim '{values.get('text', '?')}'"
        for name in ("cell", "than"):
            if name in values:
                values[name] = self.cell({"label": name, **values[name]}, setting, where)
        claim = self.record(Claim, values, where)
        if (claim.than is None) == (not claim.median_distance):
            raise self._wrong(f"{where} needs either 'than' or 'median_distance'")
        return claim

    def cell(self, table: Mapping[str, Any], setting: Mapping[str, Any], where: str) -> Cell:
        values = {**setting, **table}
        cell = self.record(Cell, values, f"cell {table.get('label', '?')} of {where}")
        if not 1 <= cell.seeds <= MOST_SEEDS:
            raise self._wrong(f"cell {cell.label} of {where} has seeds={cell.seeds}, not 1 to {MOST_SEEDS:,}")
        return cell

    def record(self, kind: type[T], values: Mapping[str, Any], where: str) -> T:
        """An instance of a dataclass, its keys and types checked.

        Raises:
            ComponentError: a key is unknown, missing or of the wrong type.
        """
        known = {entry.name: entry for entry in fields(cast(Any, kind))}
        for name, value in values.items():
            if name not in known:
                raise self._wrong(f"{where} has an unknown key '{name}'", suggestion(name, known, "keys"))
            if not _fits(value, known[name].type):
                raise self._wrong(f"{where} has {name}={value!r}, which is no {_described(known[name].type)}")
        missing = [name for name, entry in known.items() if entry.default is MISSING and name not in values]
        if missing:
            raise self._wrong(f"{where} lacks {', '.join(missing)}")
        return kind(**{name: _frozen(value) for name, value in values.items()})

    def _unique(self, names: list[str], what: str) -> None:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise self._wrong(f"{what} '{twice[0]}' is there more than once")

    def _wrong(self, reason: str, hint: str = "") -> ComponentError:
        return ComponentError(f"the suite {self.file} is not sound: {reason}", hint)


def _fits(value: object, kind: object) -> bool:
    """Whether a value read from TOML is of the type that a field is annotated with."""
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind in (str, int, bool):
        return type(value) is kind
    if kind in LISTS:
        return isinstance(value, (list, tuple)) and all(_fits(one, LISTS[kind]) for one in value)
    return not isinstance(value, (str, int, float, bool))


def _frozen(value: object) -> object:
    if not isinstance(value, list):
        return value
    return tuple(float(one) if isinstance(one, int) else one for one in value)


def _described(kind: object) -> str:
    names: dict[object, str] = {str: "text", int: "integer", float: "number", bool: "true or false"}
    names |= {tuple[float, ...]: "list of numbers", tuple[str, ...]: "list of texts"}
    return names.get(kind, "table")
