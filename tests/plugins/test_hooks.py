"""Each hook is offered to plugins, and the example in its documentation is one that icbench accepts."""

import inspect
import sys
import textwrap
import types

import pytest

from icbench import Component, Param, hookimpl
from icbench.plugins import hookspecs
from icbench.plugins.manager import plugin_manager


@pytest.fixture
def offered_by_example(monkeypatch, use_plugins):
    """A function of a hook: the component of a plugin whose hook is the example in the hook's documentation."""

    def offer(hook):
        example = inspect.getdoc(getattr(hookspecs, hook)).partition("\n\n")[2]
        scope = {"Component": Component, "Param": Param}
        exec(f"def {hook}():\n{textwrap.indent(example, '    ')}", scope)
        module = types.ModuleType("example_plugin")
        setattr(module, hook, hookimpl(scope[hook]))
        monkeypatch.setitem(sys.modules, "example_plugin", module)
        use_plugins("example_plugin")
        manager = plugin_manager()
        assert manager.statuses[1].state == "active"
        kind = hook.removeprefix("icbench_").removesuffix("s")
        return next(
            registered for registered in manager.components(kind) if registered.dist == "icbench-example_plugin"
        )

    return offer


def test_icbench_generators(offered_by_example):
    generator = offered_by_example("icbench_generators")
    assert generator.component.param("noise_dim").low == 1
    assert generator.component.trainer


def test_icbench_distances(offered_by_example):
    assert offered_by_example("icbench_distances").name == "l1"


def test_icbench_optimizers(offered_by_example):
    assert offered_by_example("icbench_optimizers").component.param("lr")


def test_icbench_schedules(offered_by_example):
    assert offered_by_example("icbench_schedules").name == "noise-only"


def test_icbench_datasets(offered_by_example):
    assert "bundled" in offered_by_example("icbench_datasets").component.traits


def test_icbench_classifiers(offered_by_example):
    assert offered_by_example("icbench_classifiers").name == "linear"


def test_icbench_products(offered_by_example):
    assert offered_by_example("icbench_products").name == "mypair"


def test_icbench_suites(offered_by_example):
    assert offered_by_example("icbench_suites").name == "mypaper"


def test_icbench_executors(offered_by_example):
    assert offered_by_example("icbench_executors").component.param("workers").low == 1
