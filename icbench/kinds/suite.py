"""What a suite is: entries that belong together, read from a declarative file, with the values published for them."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from icbench.errors import ComponentError, suggestion
from icbench.kinds.names import INVERSION_KINDS, WHOLE_KINDS

FORMS = ("cells", "nfe")
"""What a table's chart may be of: accuracies cell by cell, or against the generator evaluations per image."""

MOST_SEEDS = 10_000

CELLS = ("cells", "cell", "than", "show")
"""The keys of a file that cells are at; all but the first are also the label of a cell that has none."""


class Cell(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of a suite.

    Args:
        label: what it is called in a table, such as the parameter's value; on paper that may be `0.5`.
        generator, distance, optimizer, schedule: specs.
        product: the spec of a product of experts, which then is the whole entry.
        classifier: the same of a direct classifier.
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
    product: str = ""
    classifier: str = ""
    steps: int = -1
    seeds: Annotated[int, Meta(ge=1, le=MOST_SEEDS)] = 1
    images: int = 0
    batch_size: int = 0
    precision: str = "auto"
    published: tuple[float, ...] = ()

    @property
    def specs(self) -> dict[str, str]:
        """The specs by kind: of an inversion's components, or of what is an entry of its own."""
        whole = {kind: spec for kind in WHOLE_KINDS if (spec := getattr(self, kind))}
        return whole or {kind: spec for kind in INVERSION_KINDS if (spec := getattr(self, kind))}


class Experiment(Struct, frozen=True, forbid_unknown_fields=True):
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

    def __post_init__(self) -> None:
        labels = [cell.label for cell in self.cells]
        if not labels:
            raise ValueError(f"experiment {self.name} has no cells")
        _check_unique(labels, f"in experiment {self.name} cell")
        if self.chart not in FORMS:
            raise ValueError(f"experiment {self.name} has chart='{self.chart}', which is not {' or '.join(FORMS)}")
        if self.baseline and self.baseline not in labels:
            raise ValueError(f"the baseline '{self.baseline}' of experiment {self.name} is none of its cells")


class Mark(Struct, frozen=True, forbid_unknown_fields=True):
    """A published accuracy to see the own ones beside; nothing is held against it.

    Args:
        name: of the method, with its source.
        accuracy: in [0, 1].
        note: how sure it is, or of which images; empty for nothing.
    """

    name: str
    accuracy: float
    note: str = ""


class Claim(Struct, frozen=True, forbid_unknown_fields=True):
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

    def __post_init__(self) -> None:
        if (self.than is None) == (not self.median_distance):
            raise ValueError(f"claim '{self.text}' needs either 'than' or 'median_distance'")


class Suite(Struct, frozen=True, forbid_unknown_fields=True):
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
    experiments: tuple[Experiment, ...] = msgspec.field(default=(), name="experiment")
    claims: tuple[Claim, ...] = msgspec.field(default=(), name="claim")
    marks: tuple[Mark, ...] = msgspec.field(default=(), name="mark")
    images: int = 0
    author: str = ""
    year: int = 0
    url: str = ""
    tolerance: float = 0.0
    show: Cell | None = None
    conclusion: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_unique([experiment.name for experiment in self.experiments], "experiment")

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
    try:
        written = _with_setting(written, {})
        return msgspec.convert(written, Suite)
    except msgspec.ValidationError as error:
        reason, hint = _fault(str(error), written)
        raise ComponentError(f"the suite {file.name} is not sound: {reason}", hint) from None


TABLES: dict[str, type[Struct]] = {"": Suite, "experiment": Experiment, "claim": Claim, "mark": Mark}
TABLES |= dict.fromkeys(CELLS, Cell)


def _with_setting(written: Any, setting: dict[str, Any], key: str = "") -> Any:
    """What stands at a key of a file, with the setting in each of its cells."""
    if isinstance(written, list):
        return [_with_setting(each, setting, key) for each in written]
    if not isinstance(written, dict):
        return written
    if key in CELLS:
        return ({} if key == CELLS[0] else {"label": key}) | setting | written
    own = written.pop("setting", {}) if key in ("", "experiment") else {}
    if not isinstance(own, dict):
        raise msgspec.ValidationError(f"setting={own!r} is no table")
    return {name: _with_setting(value, setting | own, name) for name, value in written.items()}


def _check_unique(names: Sequence[str], what: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} '{twice[0]}' is there more than once")


def _fault(message: str, written: Any) -> tuple[str, str]:
    """What is wrong where in a file, from what msgspec says of it, and a hint."""
    reason, _, path = message.partition(" - at `$")
    places, kind, key = ["the suite"], TABLES[""], ""
    for step in re.findall(r"\w+", path):
        written = written[int(step) if isinstance(written, list) else step]
        key = key if step.isdecimal() else step
        if isinstance(written, dict) and key in TABLES:
            kind = TABLES[key]
            name = next((str(written[name]) for name in ("name", "label", "text") if name in written), "?")
            places.insert(0, f"{key.removesuffix('s')} {name}")
    where = " of ".join(places[:-1] or places)
    if unknown := re.search("unknown field `(.+)`", reason):
        known = [each.encode_name for each in msgspec.structs.fields(kind)]
        return f"{where} has an unknown key '{unknown[1]}'", suggestion(unknown[1], known, "keys")
    if missing := re.search("missing required field `(.+)`", reason):
        return f"{where} lacks {missing[1]}", ""
    expected = reason.replace(" | null", "").replace("object", "table").replace("Expected", "expected")
    return f"{where} has {key}={written!r:.60}: {expected}" if reason.startswith("Expected") else reason, ""
