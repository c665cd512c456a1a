"""Suites of the publications that these generators are taken from: one TOML file each."""

from pathlib import Path

from icbench.kinds.suite import Suite, read_suite


def hobbhahn2019() -> Suite:
    """The figures of Modular Inverse Classification (Hobbhahn 2019)."""
    return read_suite(Path(__file__).with_name("hobbhahn2019.toml"))
