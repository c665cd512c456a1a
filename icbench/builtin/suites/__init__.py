"""The built-in suites: one TOML file each."""

from pathlib import Path

from icbench.kinds.suite import Suite, read_suite


def hobbhahn2020() -> Suite:
    """All figures of Inverse Classification with GANs (Hobbhahn 2020)."""
    return read_suite(Path(__file__).with_name("hobbhahn2020.toml"))
