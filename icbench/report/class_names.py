"""What the classes of images are called in a report."""

from collections.abc import Sequence

from icbench.kinds.names import class_name, numbered_name
from icbench.report.table import printable

WIDE = 24
"""The width that the names of classes are given in a table, if they need as much."""
MOST_LETTERS = 12
"""How much of a name there is room for beside a picture or a bar."""


def call_class(label: int, names: Sequence[str]) -> str:
    """What a class is called, or its number where classes have no names."""
    return printable(class_name(label, names))


def call_by_number(label: int, names: Sequence[str]) -> str:
    """The number of a class, and what it is called where classes have names."""
    return printable(numbered_name(label, names))


def tell_outcome(truth: int, prediction: int, names: Sequence[str]) -> str:
    """Whether an image of a class was found to be of it, or else what it was taken for."""
    own = call_class(truth, names)
    return f"{own}, found" if prediction == truth else f"{own}, taken for {call_class(prediction, names)}"
