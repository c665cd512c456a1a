"""Loading: built-ins go the public road, and a broken plugin takes nothing else with it."""

import json
import os
import sys
import types
import warnings
from importlib.metadata import distributions
from pathlib import Path

import pytest

import icbench.builtin
from icbench import Component, Param, hookimpl
from icbench.errors import PluginError, PluginWarning, UsageError
from icbench.kinds.names import ALL_KINDS
from icbench.plugins import hookspecs
from icbench.plugins.discovery import BUILTIN, PluginSource, declared_names, plugin_sources
from icbench.plugins.manager import PluginManager, plugin_manager
from icbench.plugins.preferences import disabled_plugins, preferences_file, set_disabled

GOOD = Component("good", "math:sqrt", "a good one")
FILE_PLUGIN = """
from icbench import Component, Param, hookimpl
from icbench.kinds.distance import Distance
class L4(Distance):
    def __init__(self, power=4):
        self.power = power
    def compare(self, reconstruction, features): ...
@hookimpl
def icbench_distances():
    yield Component("l4", f"{__name__}:L4", "fourth power", params=(Param("power", 4),))
"""


def distribution(stem, metadata, entry_points):
    """A distribution in the folder "site", whose files say what they are given to say."""
    info = Path("site", f"{stem}.dist-info")
    info.mkdir(parents=True)
    for name, content in (("METADATA", metadata), ("entry_points.txt", entry_points)):
        if content is not None:
            (info / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return info


def named(name, function):
    function.__name__ = name
    return function


@pytest.fixture
def installed(monkeypatch):
    """A function that installs an importable module with hooks as a plugin."""
    sources = []
    monkeypatch.setattr("icbench.plugins.manager.plugin_sources", lambda: list(sources))

    def install(name, requires="", dist="", **hooks):
        module = types.ModuleType(name)
        for hook, function in hooks.items():
            function.__name__ = hook
            setattr(module, hook, hookimpl(function))
        monkeypatch.setitem(sys.modules, name, module)
        sources.append(PluginSource(name, dist or f"icbench-{name}", "1", name, requires=requires))

    return install


def broken_manager():
    """The manager, and the status of the one plugin that is not built in."""
    with pytest.warns(PluginWarning):
        manager = plugin_manager()
    return manager, manager.statuses[1]


def test_every_kind_has_a_hook_and_a_builtin():
    for kind in ALL_KINDS:
        assert hasattr(hookspecs, f"icbench_{kind}s")
        assert hasattr(icbench.builtin, f"icbench_{kind}s")
        assert PluginManager().components(kind)


def test_every_hook_is_documented_with_an_example():
    for kind in ALL_KINDS:
        assert "yield Component(" in getattr(hookspecs, f"icbench_{kind}s").__doc__


def test_every_builtin_with_shipped_weights_can_be_built():
    manager = PluginManager()
    for kind in ALL_KINDS:
        for registered in manager.components(kind):
            if registered.name not in ("cgan-post", "image-folder"):
                built = manager.select(kind, registered.name).build()
                if kind == "executor":
                    built.close()


def test_the_builtin_whose_weights_are_too_large_to_ship_says_how_to_make_them():
    with pytest.raises(UsageError, match="no weights for cgan-post") as caught:
        PluginManager().select("generator", "cgan-post").build()
    assert "icbench train cgan-post" in caught.value.hint


@pytest.mark.parametrize("failure", [ValueError("half way"), SystemExit(1), GeneratorExit(), StopIteration("odd")])
def test_what_a_hook_yields_before_it_fails_stays_usable(installed, failure):
    def distances():
        yield GOOD
        raise failure

    installed("failing", icbench_distances=distances)
    manager, status = broken_manager()
    assert (status.state, status.stage) == ("broken", "iteration")
    assert manager.find("distance", "good").dist == "icbench-failing"
    assert "Traceback" in status.traceback


def test_a_plugin_that_cannot_be_imported_names_its_reason(installed, monkeypatch):
    installed("ghost")
    monkeypatch.setitem(sys.modules, "ghost", None)
    manager, status = broken_manager()
    assert (status.state, status.stage) == ("broken", "import")
    assert "ModuleNotFoundError" in status.reason
    assert manager.find("distance", "mse").dist == "icbench"
    with pytest.raises(PluginError, match="ModuleNotFoundError") as caught:
        manager.find("distance", "ghost")
    assert caught.value.exit_code == 4


def test_a_hook_that_raises_is_broken_at_the_call(installed):
    installed("raising", icbench_distances=lambda: 1 / 0, icbench_schedules=lambda: [GOOD])
    manager, status = broken_manager()
    assert (status.state, status.stage) == ("broken", "hook call")
    assert "ZeroDivisionError" in status.reason
    assert manager.find("schedule", "good")


@pytest.mark.parametrize("returned", [None, GOOD])
def test_a_hook_that_returns_instead_of_yielding_is_told_to_yield(installed, returned):
    installed("returning", icbench_distances=lambda: returned)
    _, status = broken_manager()
    assert (status.stage, "yields Components" in status.reason) == ("hook call", True)


def test_a_hook_without_end_is_cut_off(installed):
    def endless():
        number = 0
        while True:
            number += 1
            yield Component(f"d{number}", "math:sqrt", "one more")

    installed("endless", icbench_distances=endless)
    _, status = broken_manager()
    assert status.stage == "iteration"


def test_a_hook_with_arguments_is_broken_at_its_signature(installed):
    installed("signature", icbench_distances=lambda config: [GOOD])
    _, status = broken_manager()
    assert status.stage == "hook signature"


def test_a_hook_that_does_not_exist_is_named(installed):
    installed("misspelt", icbench_distance=lambda: [GOOD])
    _, status = broken_manager()
    assert status.stage == "hook signature"
    assert "icbench_distances" in status.reason


def test_a_plugin_without_hooks_is_told_what_is_missing(installed):
    installed("empty")
    _, status = broken_manager()
    assert "hookimpl" in status.reason


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("mse", "not a Component"),
        (Component("Bad Name", "math:sqrt", "x"), "lower case"),
        (Component("bad", "math", "x"), "package.module:name"),
        (Component("bad", "math:sqrt", ""), "summary"),
        (Component("bad", "math:sqrt", "two\nlines"), "summary"),
        (Component("bad", "math:sqrt", "x", params=[Param("a", 1)]), "not a tuple of Param"),
        (Component("bad", "math:sqrt", "x", params=(Param("a", 1), Param("a", 2))), "twice"),
        (Component("bad", "math:sqrt", "x", params=(Param("a b", 1),)), "identifier"),
        (Component("bad", "math:sqrt", "x", params=(Param("a", 5, high=1),)), "default"),
        (Component("bad", "math:sqrt", "x", params=(Param("a", [1]),)), "type list"),
        (Component("bad", "math:sqrt", "x", traits=["a"]), "traits"),
        (GOOD, "yields distance good twice"),
    ],
)
def test_a_bad_record_leaves_the_good_ones_usable(installed, record, said):
    installed("records", icbench_distances=lambda: [GOOD, record])
    manager, status = broken_manager()
    assert (status.state, status.stage) == ("broken", "bad record")
    assert said in status.reason
    assert manager.find("distance", "good")


def test_a_refused_component_answers_with_its_reason(installed):
    installed("refused", icbench_distances=lambda: [Component("odd-one", "math", "x")])
    manager, _ = broken_manager()
    with pytest.raises(PluginError, match=r"package\.module:name"):
        manager.find("distance", "odd-one")


def test_the_components_a_broken_plugin_would_have_had_answer_with_its_reason(monkeypatch):
    Path("soon_broken.py").write_text('import nothing_like_this\nComponent("promised", "x:y", "z")\n')
    monkeypatch.setenv("ICBENCH_PLUGIN_FILES", "soon_broken.py")
    monkeypatch.setenv("ICBENCH_NO_PLUGINS", "1")
    with pytest.warns(PluginWarning):
        manager = plugin_manager()
    with pytest.raises(PluginError, match="nothing_like_this"):
        manager.find("distance", "promised")
    with pytest.raises(UsageError, match="there is no distance 'unrelated'"):
        manager.find("distance", "unrelated")


def test_a_plugin_for_another_icbench_is_not_imported(installed, monkeypatch):
    installed("newer", requires=">=99")
    monkeypatch.setitem(sys.modules, "newer", None)
    manager, status = broken_manager()
    assert status.state == "incompatible"
    assert "icbench>=99" in status.reason
    with pytest.raises(PluginError, match="icbench>=99"):
        manager.find("distance", "newer")


def test_a_builtin_keeps_its_name_and_a_plugin_is_used_with_its_distribution(installed):
    installed("second", icbench_distances=lambda: [Component("mse", "math:sqrt", "another")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        manager = plugin_manager()
    assert manager.statuses[1].state == "conflict"
    assert "icbench-second/NAME" in manager.statuses[1].reason
    assert manager.find("distance", "mse").dist == "icbench"
    assert manager.find("distance", "icbench-second/mse").dist == "icbench-second"


def test_a_name_from_two_plugins_needs_its_distribution(installed):
    installed("first", icbench_distances=lambda: [GOOD])
    installed("second", icbench_distances=lambda: [GOOD])
    manager = plugin_manager()
    assert [status.state for status in manager.statuses] == ["active", "conflict", "conflict"]
    with pytest.raises(UsageError, match="several plugins") as caught:
        manager.find("distance", "good")
    assert "icbench-first/good or icbench-second/good" in caught.value.hint
    assert manager.find("distance", "icbench-second/good").dist == "icbench-second"


def test_one_distribution_may_have_several_entry_points_and_each_fails_alone(installed, monkeypatch):
    installed("half", dist="icbench-two", icbench_distances=lambda: [GOOD])
    installed("other", dist="icbench-two")
    monkeypatch.setitem(sys.modules, "other", None)
    with pytest.warns(PluginWarning):
        manager = plugin_manager()
    assert [status.state for status in manager.statuses[1:]] == ["active", "broken"]
    assert manager.find("distance", "icbench-two/good")


def test_what_a_plugin_prints_does_not_reach_stdout(installed, capsys):
    def chatty():
        print("hello")
        yield GOOD

    installed("chatty", icbench_distances=chatty)
    plugin_manager()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hello" in captured.err


def test_a_disabled_plugin_is_not_imported_and_says_so(installed, monkeypatch):
    installed("quiet", icbench_distances=lambda: [GOOD])
    monkeypatch.setitem(sys.modules, "quiet", None)
    set_disabled("icbench_quiet", True)
    manager = plugin_manager()
    assert manager.statuses[1].state == "disabled"
    with pytest.raises(PluginError, match="disabled"):
        manager.find("distance", "quiet")
    set_disabled("icbench-quiet", False)
    assert disabled_plugins() == set()


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("", set()),
        ("{", set()),
        ("[]", set()),
        ('{"disabled": 3}', set()),
        ('{"disabled": ["icbench_quiet", "icbench-loud"', {"icbench-quiet", "icbench-loud"}),
        ('["icbench-quiet"]', {"icbench-quiet"}),
    ],
)
def test_of_damaged_preferences_what_they_disable_stays_so_and_they_are_kept(content, names):
    preferences_file().parent.mkdir()
    preferences_file().write_text(content)
    assert disabled_plugins() == names
    with pytest.warns(PluginWarning, match="is damaged") as warned:
        plugin_manager()
    assert len(warned) == 1
    with pytest.raises(UsageError, match="is damaged"):
        set_disabled("icbench-other", True)
    assert preferences_file().read_text() == content


def test_a_plugin_that_is_named_and_not_installed_is_said(of_distributions, monkeypatch):
    monkeypatch.setenv("ICBENCH_PLUGINS", "icbench-nothing, ")
    with pytest.warns(PluginWarning, match="ICBENCH_PLUGINS names 'icbench-nothing'"):
        plugin_manager(warn=False)


def test_the_switches_choose_which_plugins_are_loaded(monkeypatch):
    for name in ("b", "a"):
        info = distribution(f"icbench_{name}-1", f"Name: icbench-{name}\nVersion: 1\n", f"[icbench]\n{name} = {name}\n")
    (info / "direct_url.json").write_text(json.dumps({"dir_info": {"editable": True}}))
    # By its whole path: Python keeps what it found under a name until the folder's time of change is another.
    site = str(Path("site").absolute())
    monkeypatch.setattr("icbench.plugins.discovery.distributions", lambda: distributions(path=[site]))
    assert [source.origin for source in plugin_sources()] == ["installed, editable", "installed"]
    monkeypatch.setenv("ICBENCH_PLUGINS", "icbench_b")
    assert [source.dist for source in plugin_sources()] == ["icbench-b"]
    monkeypatch.setenv("ICBENCH_NO_PLUGINS", "1")
    assert plugin_sources() == []
    Path("mine.py").write_text("")
    monkeypatch.setenv("ICBENCH_PLUGIN_FILES", "mine.py")
    assert [source.dist for source in plugin_sources()] == ["mine.py"]


def test_a_file_can_be_a_plugin(monkeypatch):
    Path("my_l1_component.py").write_text(
        "from icbench import Component, hookimpl\n"
        "from icbench.kinds.distance import Distance\n"
        "class L1(Distance):\n"
        "    def compare(self, reconstruction, features): ...\n"
        "@hookimpl\n"
        "def icbench_distances():\n"
        "    yield Component('l1', 'my_l1_component:L1', 'mean absolute difference')\n"
    )
    monkeypatch.setenv("ICBENCH_PLUGIN_FILES", "my_l1_component.py")
    monkeypatch.setenv("ICBENCH_NO_PLUGINS", "1")
    selection = plugin_manager().select("distance", "l1")
    assert type(selection.build()).__name__ == "L1"
    assert plugin_manager().statuses[1].source.origin == "file my_l1_component.py"


@pytest.mark.parametrize("place", ["json.py", "a:b/my l1.py", "2nd-plugin.py", "a/torch.py", "odd:name.py"])
def test_a_file_may_be_called_and_lie_as_it_likes(monkeypatch, place):
    file = Path(place)
    file.parent.mkdir(exist_ok=True)
    file.write_text(FILE_PLUGIN)
    monkeypatch.syspath_prepend(str(file.parent))
    monkeypatch.setenv("ICBENCH_PLUGIN_FILES", os.pathsep.join(["", place, f"./{place}"]))
    monkeypatch.setenv("ICBENCH_NO_PLUGINS", "1")
    manager = plugin_manager()
    assert [status.state for status in manager.statuses] == ["active", "active"]
    dist = manager.find("distance", "l4").dist
    assert manager.select("distance", f"{dist}/l4:power=3").build().power == 3


def test_a_file_that_was_changed_is_read_anew(monkeypatch):
    monkeypatch.setenv("ICBENCH_NO_PLUGINS", "1")
    monkeypatch.setenv("ICBENCH_PLUGIN_FILES", "l4.py")
    Path("l4.py").write_text(FILE_PLUGIN)
    assert plugin_manager().select("distance", "l4").build().power == 4
    Path("l4.py").write_text(FILE_PLUGIN.replace("4)", "6)"))
    assert plugin_manager().select("distance", "l4").build().power == 6


@pytest.mark.parametrize(("name", "said"), [("plain.txt", "not a Python file"), ("absent.py", "FileNotFoundError")])
def test_a_file_that_cannot_be_a_plugin_says_why(monkeypatch, name, said):
    Path("plain.txt").write_text("")
    monkeypatch.setenv("ICBENCH_PLUGIN_FILES", name)
    monkeypatch.setenv("ICBENCH_NO_PLUGINS", "1")
    with pytest.warns(PluginWarning, match=said):
        plugin_manager()


@pytest.fixture
def of_distributions(monkeypatch):
    """The sources of the distributions in the folder "site" by name; nothing else is installed."""
    # By its whole path: Python keeps what it found under a name until the folder's time of change is another.
    site = str(Path("site").absolute())
    monkeypatch.setattr("icbench.plugins.discovery.distributions", lambda: distributions(path=[site]))
    return lambda: {source.dist: source for source in plugin_sources()}


def test_each_broken_distribution_costs_itself_alone(of_distributions):
    distribution("icbench_whole-1", "Name: icbench-whole\nVersion: 1\n", "[icbench]\na = a\n")
    distribution("gone-1.5", None, "[icbench]\na = gone\n")
    distribution("bare-2", "Name: bare\n", "[icbench]\na = bare\n")
    distribution("odd", "Name: odd\nVersion: 1\n", b"[icbench]\n# \xff\nnot an entry point\n")
    distribution("other-1", "Name: other\nVersion: 1\n", "[console_scripts]\nanother line\n")
    distribution("binary-1", b"Name: \xff\nVersion: 1\n", "[icbench]\na = binary\n")
    Path("site/file-1.dist-info").write_text("")
    found = of_distributions()
    assert sorted(found) == ["bare", "binary", "gone", "icbench-whole", "odd"]
    assert (found["gone"].version, found["bare"].version, found["icbench-whole"].fault) == ("1.5", "2", "")
    assert "no Version" in found["bare"].fault
    assert (found["odd"].value, "not an entry point" in found["odd"].fault) == ("", True)


def test_a_broken_line_is_a_broken_plugin_and_the_lines_beside_it_count(of_distributions, monkeypatch):
    distribution("half-1", "Name: half\nVersion: 1\n", "[icbench]\nnonsense\nmine = half_plugin\n")
    module = types.ModuleType("half_plugin")
    module.icbench_distances = hookimpl(named("icbench_distances", lambda: [GOOD]))
    monkeypatch.setitem(sys.modules, "half_plugin", module)
    monkeypatch.setattr("icbench.plugins.manager.plugin_sources", lambda: list(plugin_sources()))
    with pytest.warns(PluginWarning, match="'nonsense'"):
        manager = plugin_manager()
    assert [(status.state, status.stage) for status in manager.statuses[1:]] == [("active", ""), ("broken", "metadata")]
    assert manager.find("distance", "good")


def test_libraries_that_ask_for_entry_points_are_spared_a_broken_distribution(of_distributions):
    distribution("odd-1", "Name: odd\nVersion: 1\n", "[icbench]\nnot an entry point\n")
    of_distributions()
    assert all(len(dist.entry_points) == 0 for dist in distributions(path=[str(Path("site").absolute())]))


def test_two_entry_points_of_one_module_are_one_plugin(installed, use_plugins):
    installed("once", icbench_distances=lambda: [GOOD])
    use_plugins(*(PluginSource(name, "icbench-once", "1", "once") for name in ("first", "second")))
    manager = plugin_manager()
    assert [status.state for status in manager.statuses] == ["active", "active", "active"]
    assert "the same as icbench-once:first" in manager.statuses[2].reason
    assert manager.find("distance", "good").dist == "icbench-once"


class Panic(BaseException):
    """As Rust code raises through Python."""


@pytest.mark.parametrize("failure", [Panic("index out of bounds"), SystemExit(3), pytest.skip.Exception("not here")])
def test_whatever_a_plugin_ends_with_is_its_own_failure(installed, monkeypatch, failure):
    def end():
        raise failure

    def make():
        raise failure

    installed("ending", icbench_distances=lambda: [Component("ending", "ending:make", "x")], icbench_schedules=end)
    sys.modules["ending"].make = make
    manager, status = broken_manager()
    assert (status.stage, type(failure).__name__ in status.reason) == ("hook call", True)
    with pytest.raises(PluginError, match="cannot be made"):
        manager.select("distance", "ending").build()


def test_stopping_from_the_keyboard_is_no_plugin_s_failure(installed):
    def stop():
        raise KeyboardInterrupt

    installed("stopped", icbench_distances=stop)
    with pytest.raises(KeyboardInterrupt):
        plugin_manager()


def test_a_distribution_may_be_spelt_otherwise(installed, monkeypatch):
    installed("odd", dist="My_Plug.X", icbench_distances=lambda: [GOOD])
    assert plugin_manager().find("distance", "my-plug-x/good").dist == "My_Plug.X"
    set_disabled("my.plug_x", True)
    with pytest.raises(PluginError, match="disabled"):
        plugin_manager().find("distance", "MY-PLUG-X/good")


def test_a_warning_breaks_no_plugin_where_warnings_are_errors(monkeypatch):
    Path("old.py").write_text("import warnings\nwarnings.warn('old', DeprecationWarning)\n" + FILE_PLUGIN)
    monkeypatch.setenv("ICBENCH_NO_PLUGINS", "1")
    monkeypatch.setenv("ICBENCH_PLUGIN_FILES", "old.py")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        manager = plugin_manager()
    assert [str(warning.message) for warning in caught] == ["old"]
    assert manager.find("distance", "l4")


def test_the_builtin_source_is_first_and_active():
    assert PluginManager().statuses[0].source == BUILTIN


def test_the_names_in_a_broken_editable_plugin_are_found(monkeypatch):
    Path("lying_elsewhere").mkdir()
    Path("lying_elsewhere/__init__.py").write_text("import nothing_of_this_name")
    Path("lying_elsewhere/hooks.py").write_text("NAMES = ['promised']")
    monkeypatch.syspath_prepend(str(Path.cwd()))
    source = PluginSource("elsewhere", "icbench-elsewhere", "1", "lying_elsewhere", editable=True)
    assert "promised" in declared_names(source)
