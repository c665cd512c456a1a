"""A process loads its plugins once."""

import pytest
from command_line import icbench

from icbench.errors import PluginWarning
from icbench.plugins.discovery import PluginSource
from icbench.plugins.manager import PluginManager, builtin_components, plugin_manager
from icbench.plugins.preferences import set_disabled


def test_the_manager_is_made_once(toy_plugin):
    assert plugin_manager() is plugin_manager(warn=False)
    assert [one.name for one in plugin_manager().components("dataset") if one.dist == "icbench-toy"][:1] == ["toy"]


def test_other_plugins_than_before_are_seen(toy_plugin, use_plugins):
    before = plugin_manager()
    set_disabled("icbench-toy", True)
    disabled = plugin_manager()
    assert before.find("dataset", "toy").dist == "icbench-toy"
    assert [status.state for status in disabled.statuses] == ["active", "disabled"]
    use_plugins()
    assert [status.source.dist for status in plugin_manager().statuses] == ["icbench"]


def test_what_is_broken_is_said_whenever_it_is_asked_for(use_plugins):
    use_plugins(PluginSource("gone", "icbench-gone", "1.0", "no_such_module"))
    for _ in range(2):
        with pytest.warns(PluginWarning, match="icbench-gone is broken"):
            plugin_manager()
    plugin_manager(warn=False)


def test_the_builtin_components_are_those_without_plugins(toy_plugin):
    assert {one.dist for one in builtin_components().components("dataset")} == {"icbench"}
    assert builtin_components() is builtin_components()


def test_a_command_loads_plugins_once(toy_plugin, monkeypatch, capsys):
    made, original = [], PluginManager.__init__

    def counted(self, sources=(), disabled=()):
        made.append(len(sources))
        original(self, sources, disabled)

    monkeypatch.setattr(PluginManager, "__init__", counted)
    options = ["--dataset", "toy", "--limit", "4", "--steps", "1", "--device", "cpu", "--quiet"]
    assert icbench(capsys, "run", "--generator", "linear", *options)[0] == 0
    assert icbench(capsys, "plugins")[0] == 0
    assert made == [1]
