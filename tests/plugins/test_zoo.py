"""Thirty ways to be broken, all installed at once, and every verb still works."""

import json
import sys

import pytest
from command_line import icbench

from icbench.errors import PluginWarning
from plugins import zoo

TOY = ["--generator", "linear", "--dataset", "toy", "--steps", "3", "--device", "cpu"]
TOY_CODE = "from toy import icbench_datasets, icbench_generators\n"


@pytest.fixture(autouse=True)
def _zoo(monkeypatch, tmp_path):
    """All broken distributions and a good one, on the path."""
    folder = tmp_path / "site"
    zoo.install(folder, {**zoo.ZOO, "zoo-toy": zoo.Animal(TOY_CODE, "active")})
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(folder))
    yield
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and file.startswith(str(folder)):
            del sys.modules[name]


def states(capsys):
    _, out, _ = icbench(capsys, "plugins", "--json")
    plugins = json.loads(out)["data"]["plugins"]
    return {plugin["dist"].removeprefix("icbench-"): plugin for plugin in plugins}


def test_there_are_at_least_twenty_kinds():
    assert len(zoo.ZOO) >= 20


def test_every_plugin_is_listed_with_its_state_and_stage(capsys):
    listed = states(capsys)
    for name, animal in zoo.ZOO.items():
        assert listed[name]["state"] == animal.state, name
        assert animal.stage in ("", listed[name]["stage"]), name
    assert listed["zoo-toy"]["state"] == "active"


def test_each_broken_plugin_is_one_yellow_line_and_the_run_goes_on(capsys):
    """Also where warnings are errors, as they are in all tests."""
    code, out, err = icbench(capsys, "run", *TOY, "--json", "--quiet")
    assert code == 0
    assert json.loads(out)["data"]["runs"][0]["metrics"]["accuracy"] > 0.5
    broken = [name for name, animal in zoo.ZOO.items() if animal.state in ("broken", "incompatible")]
    for name in broken:
        assert err.count(f"the plugin icbench-{name} is ") == 1
    assert err.count("the plugin ") == len(broken)
    assert "Traceback" not in err


@pytest.mark.filterwarnings("ignore::icbench.errors.PluginWarning")
@pytest.mark.parametrize(
    "verb", [["data"], ["env"], ["leaderboard"], ["show", "linear"], ["compare", "linear", "linear"]]
)
def test_every_other_verb_works(capsys, verb):
    icbench(capsys, "run", *TOY, "--quiet")
    code, out, _ = icbench(capsys, *verb, "--json")
    assert code == 0
    assert json.loads(out)["ok"]


@pytest.mark.filterwarnings("ignore::icbench.errors.PluginWarning")
@pytest.mark.parametrize(
    ("kind", "name", "code"), [animal.asked for animal in zoo.ZOO.values() if animal.asked is not None]
)
def test_a_broken_component_that_is_asked_for_ends_with_4_and_its_reason(capsys, kind, name, code):
    found, out, err = icbench(capsys, "run", *TOY, f"--{kind}", name)
    assert found == code
    assert out == ""
    assert "cannot be" in err.splitlines()[-1]
    assert "Traceback" not in err


@pytest.mark.parametrize("name", [name for name, animal in zoo.ZOO.items() if animal.state == "broken"])
def test_a_broken_plugin_can_be_disabled_and_is_quiet_then(capsys, name):
    assert icbench(capsys, "plugins", "disable", f"icbench-{name}")[0] == 0
    assert states(capsys)[name]["state"] == "disabled"
    assert icbench(capsys, "plugins", "enable", f"icbench-{name}")[0] == 0
    assert states(capsys)[name]["state"] == "broken"


def test_the_doctor_shows_tracebacks_and_times(capsys):
    code, out, _ = icbench(capsys, "plugins", "doctor")
    assert code == 1
    assert "RuntimeError: two\nlines" in out
    assert "No module named 'nothing_of_this_name'" in out
    code, out, _ = icbench(capsys, "plugins", "doctor", "--json")
    assert all(plugin["import_seconds"] >= 0 for plugin in json.loads(out)["data"]["plugins"])


def test_without_plugins_nothing_of_them_is_loaded(capsys, monkeypatch):
    monkeypatch.setenv("ICBENCH_NO_PLUGINS", "1")
    assert list(states(capsys)) == ["icbench"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["disable", "icbench"], "cannot be disabled"),
        (["disable", "icbench-nothing"], "there is no plugin"),
        (["show", "nothing"], "there is no component"),
        (["show", "bad-factory"], "cannot be used"),
    ],
)
def test_bad_input_to_the_plugins_verbs_is_one_line(capsys, arguments, said):
    code, out, err = icbench(capsys, "plugins", *arguments)
    assert code in (2, 4)
    assert out == ""
    assert said in err
    assert err.strip().splitlines()[:-1] == ["noise on stdout"] * (arguments[0] == "show")


def test_show_tells_parameters_traits_and_documentation(capsys):
    code, out, _ = icbench(capsys, "plugins", "show", "exhaustive", "--json")
    (component,) = json.loads(out)["data"]["components"]
    assert code == 0
    assert [param["name"] for param in component["params"]] == [
        "restarts",
        "prior_weight",
        "noise_rate",
        "start",
        "bank",
        "decay",
        "calibrate",
        "softness",
    ]
    assert "analysis by synthesis" in component["documentation"]
    assert "an integer from 1 to 1000" in icbench(capsys, "plugins", "show", "exhaustive")[1]


def test_the_warning_has_a_class_of_its_own():
    assert issubclass(PluginWarning, UserWarning)
