"""The one place that knows icbench's version."""

__version__ = "0.1.0"
