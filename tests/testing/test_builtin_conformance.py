"""Every built-in component passes the kit, through the classes that third parties subclass."""

import pytest

from icbench.plugins.manager import PluginManager
from icbench.testing import (
    ClassifierTests,
    DatasetTests,
    DistanceTests,
    ExecutorTests,
    GeneratorTests,
    OptimizerTests,
    ProductTests,
    ScheduleTests,
)


def builtins(kind, *more):
    """A fixture of the built-in components of a kind, and of more specs."""
    names = [registered.name for registered in PluginManager().components(kind)]

    @pytest.fixture(params=[*names, *more])
    def component(self, request):
        return f"icbench/{request.param}"

    return component


class TestGenerators(GeneratorTests):
    component = builtins("generator", "cgan:noise_dim=50")


class TestDistances(DistanceTests):
    component = builtins("distance")


class TestOptimizers(OptimizerTests):
    component = builtins("optimizer", "sgd:momentum=0", "adam:bias_correction=false,epsilon=0")


class TestSchedules(ScheduleTests):
    component = builtins("schedule", "joint:noise_rate=0.5,noise_start=2", "exhaustive:restarts=3")


class TestDatasets(DatasetTests):
    component = builtins("dataset")


class TestClassifiers(ClassifierTests):
    component = builtins("classifier")


class TestProducts(ProductTests):
    component = builtins("product")


class TestExecutors(ExecutorTests):
    @pytest.fixture(params=["local", "processes:workers=1"])
    def component(self, request):
        """Without dask: a cluster for each of many checks takes minutes, and it has tests of its own."""
        return f"icbench/{request.param}"
