"""The conformance kit: whether a component keeps its contract, as tests to inherit and as `icbench plugins check`.

import pytest
from icbench.testing import DistanceTests

class TestL1(DistanceTests):
    @pytest.fixture
    def component(self):
        return "l1"
"""

from icbench.testing.cases import (
    ClassifierTests,
    DatasetTests,
    DistanceTests,
    ExecutorTests,
    GeneratorTests,
    OptimizerTests,
    ProductTests,
    ScheduleTests,
)

__all__ = [
    "ClassifierTests",
    "DatasetTests",
    "DistanceTests",
    "ExecutorTests",
    "GeneratorTests",
    "OptimizerTests",
    "ProductTests",
    "ScheduleTests",
]
