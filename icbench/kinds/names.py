"""What the kinds of components are called, and the classes of images."""

from collections.abc import Sequence

KINDS = ("generator", "distance", "optimizer", "schedule", "dataset", "classifier")
"""What entries are made of."""

CODED_KINDS = (*KINDS, "product", "executor")
"""What is code: the conformance kit checks it, and a new distribution can begin with it. A suite is a file."""

ALL_KINDS = (*KINDS, "product", "suite", "executor")
"""What there are hooks for: products and suites are declared in terms of the others, and executors run entries of any.
"""

INVERSION_KINDS = ("generator", "distance", "optimizer", "schedule")
"""The components of an inversion."""

WHOLE_KINDS = ("product", "classifier")
"""The components that are an entry of their own: inversions whose energies are added up, or a direct classifier."""

TIERS = ("pixels", "features", "label features")
"""What an inversion knows besides pixels; a component declares `tier:features` (learned without labels) or
`tier:label features` (learned to tell classes apart) as a trait, and an entry is in the highest tier of its parts."""


def class_name(number: int, names: Sequence[str]) -> str:
    """What a class is called, or its number where classes have no names."""
    return names[number] if 0 <= number < len(names) else str(number)


def numbered_name(number: int, names: Sequence[str]) -> str:
    """The number of a class, and its name where it has one."""
    return f"{number} {names[number]}" if 0 <= number < len(names) else str(number)
