"""The checks as pytest classes: subclass one, give the fixture `component`, inherit a test for every check.

    class TestL1(DistanceTests):
        @pytest.fixture
        def component(self):
            return "l1"

The fixture returns a spec (`"l1"`, `"mydist:width=3"`), a `Component` or a `Selection`; with `params=[...]` one class
covers several. pytest is imported when a test is skipped, and not before.
"""

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from icbench.plugins.component import Component, Selection
from icbench.testing.assertions import Skipped, reason
from icbench.testing.registry import KITS, run
from icbench.testing.subject import Check, claim, subject_of

Given: TypeAlias = str | Component | Selection
Cases = TypeVar("Cases", bound=type)


def _tests_of(kind: str) -> Callable[[Cases], Cases]:
    """Give a class a method `test_<name>` for every check of a kind."""

    def add(cases: Cases) -> Cases:
        for check in KITS[kind].all:
            setattr(cases, f"test_{check.__name__}", _test(kind, check))
        return cases

    return add


def _test(kind: str, check: Check) -> Callable[[object, Given], None]:
    def test(self: object, component: Given) -> None:
        __tracebackhide__ = True
        try:
            run(subject_of(kind, component), check)
        except Skipped as skipped:
            import pytest

            pytest.skip(reason(skipped))

    test.__name__ = f"test_{check.__name__}"
    test.__doc__ = claim(check)
    return test


@_tests_of("generator")
class GeneratorTests:
    """Tests of a generator."""


@_tests_of("distance")
class DistanceTests:
    """Tests of a distance."""


@_tests_of("optimizer")
class OptimizerTests:
    """Tests of an optimizer."""


@_tests_of("schedule")
class ScheduleTests:
    """Tests of a schedule."""


@_tests_of("dataset")
class DatasetTests:
    """Tests of a dataset."""


@_tests_of("classifier")
class ClassifierTests:
    """Tests of a direct classifier."""


@_tests_of("product")
class ProductTests:
    """Tests of a product of experts."""


@_tests_of("executor")
class ExecutorTests:
    """Tests of an executor."""
