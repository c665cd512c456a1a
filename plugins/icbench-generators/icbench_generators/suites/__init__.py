"""Suites of these generators: one TOML file each."""

from pathlib import Path

from icbench.kinds.suite import Suite, read_suite


def hobbhahn2019() -> Suite:
    """The figures of Modular Inverse Classification (Hobbhahn 2019)."""
    return read_suite(Path(__file__).with_name("hobbhahn2019.toml"))


def gap() -> Suite:
    """From the post's accuracy to the best, and what each step costs; needs icbench-classifiers as well."""
    return read_suite(Path(__file__).with_name("gap.toml"))


def gap_fashion() -> Suite:
    """The same on Fashion-MNIST; needs icbench-classifiers as well."""
    return read_suite(Path(__file__).with_name("gap-fashion.toml"))


def distances() -> Suite:
    """Every distance in an inversion and in a neighbour; needs icbench-classifiers and icbench-distances as well."""
    return read_suite(Path(__file__).with_name("distances.toml"))
