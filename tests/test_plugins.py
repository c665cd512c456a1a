"""Loading: built-ins go the public road, and a broken plugin takes nothing else with it."""

import sys
import types
import warnings

import pytest

import icbench.builtin
from icbench import Component, hookimpl, hookspecs
from icbench.component import KINDS
from icbench.errors import PluginError, UsageError
from icbench.plugins import Host, PluginWarning


def plugin(monkeypatch, name, **hooks):
    """An importable module with the given hooks."""
    module = types.ModuleType(name)
    for hook, function in hooks.items():
        function.__name__ = hook
        setattr(module, hook, hookimpl(function))
    monkeypatch.setitem(sys.modules, name, module)


def test_every_kind_has_a_hook_and_a_builtin():
    for kind in KINDS:
        assert hasattr(hookspecs, f"icbench_{kind}s")
        assert hasattr(icbench.builtin, f"icbench_{kind}s")
        assert Host(discover=False).components(kind)


def test_every_hook_is_documented_with_an_example():
    for kind in KINDS:
        assert "yield Component(" in getattr(hookspecs, f"icbench_{kind}s").__doc__


def test_every_builtin_can_be_built():
    host = Host(discover=False)
    for kind in KINDS:
        for registered in host.components(kind):
            host.select(kind, registered.name).build()


@pytest.mark.parametrize("failure", [ValueError("half way"), SystemExit(1)])
def test_a_plugin_that_fails_while_it_yields_is_left_out_whole(monkeypatch, failure):
    def distances():
        yield Component("fine", "math:sqrt", "never registered")
        raise failure

    plugin(monkeypatch, "failing_plugin", icbench_distances=distances)
    host = Host(discover=False)
    with pytest.warns(PluginWarning, match="icbench-failing"):
        host._load("failing", "icbench-failing", "1", "failing_plugin")
    assert [registered.name for registered in host.components("distance")] == ["mse"]
    assert host.statuses[-1].state == "broken"
    with pytest.raises(PluginError, match="icbench-failing"):
        host.find("distance", "icbench-failing/fine")


def test_a_plugin_that_cannot_be_imported_is_reported(monkeypatch):
    host = Host(discover=False)
    with pytest.warns(PluginWarning, match="ModuleNotFoundError"):
        host._load("ghost", "icbench-ghost", "1", "no_such_module_anywhere")
    assert host.find("distance", "mse").dist == "icbench"


def test_a_hook_that_yields_something_else_is_broken(monkeypatch):
    plugin(monkeypatch, "odd_plugin", icbench_distances=lambda: ["mse"])
    host = Host(discover=False)
    with pytest.warns(PluginWarning, match="not a Component"):
        host._load("odd", "icbench-odd", "1", "odd_plugin")


def test_a_name_from_two_plugins_needs_its_distribution(monkeypatch):
    plugin(monkeypatch, "second_plugin", icbench_distances=lambda: [Component("mse", "math:sqrt", "another")])
    host = Host(discover=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        host._load("second", "icbench-second", "1", "second_plugin")
    with pytest.raises(UsageError, match="several plugins"):
        host.find("distance", "mse")
    assert host.find("distance", "icbench-second/mse").dist == "icbench-second"
    assert host.find("distance", "icbench/mse").dist == "icbench"
