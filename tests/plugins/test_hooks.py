"""Each hook is offered to plugins, and the example in its documentation is one that icbench accepts."""

import inspect
import sys
import textwrap
import types

from icbench import Component, Param, hookimpl
from icbench.plugins import hookspecs
from icbench.plugins.discovery import PluginSource
from icbench.plugins.manager import plugin_manager


def offered_by_example(hook, monkeypatch):
    """The component that a plugin brings whose hook is the example in the documentation of `hook`."""
    example = inspect.getdoc(getattr(hookspecs, hook)).partition("\n\n")[2]
    scope = {"Component": Component, "Param": Param}
    exec(f"def {hook}():\n{textwrap.indent(example, '    ')}", scope)
    module = types.ModuleType("example_plugin")
    setattr(module, hook, hookimpl(scope[hook]))
    monkeypatch.setitem(sys.modules, "example_plugin", module)
    source = PluginSource("example", "icbench-example", "1", "example_plugin")
    monkeypatch.setattr("icbench.plugins.manager.plugin_sources", lambda: [source])
    manager = plugin_manager()
    assert manager.statuses[1].state == "active"
    kind = hook.removeprefix("icbench_").removesuffix("s")
    return next(registered for registered in manager.components(kind) if registered.dist == "icbench-example")


def test_icbench_generators(monkeypatch):
    generator = offered_by_example("icbench_generators", monkeypatch)
    assert generator.component.param("noise_dim").low == 1
    assert generator.component.trainer


def test_icbench_distances(monkeypatch):
    assert offered_by_example("icbench_distances", monkeypatch).name == "l1"


def test_icbench_optimizers(monkeypatch):
    assert offered_by_example("icbench_optimizers", monkeypatch).component.param("lr")


def test_icbench_schedules(monkeypatch):
    assert offered_by_example("icbench_schedules", monkeypatch).name == "noise-only"


def test_icbench_datasets(monkeypatch):
    assert "bundled" in offered_by_example("icbench_datasets", monkeypatch).component.traits


def test_icbench_classifiers(monkeypatch):
    assert offered_by_example("icbench_classifiers", monkeypatch).name == "linear"


def test_icbench_suites(monkeypatch):
    assert offered_by_example("icbench_suites", monkeypatch).name == "mypaper"
