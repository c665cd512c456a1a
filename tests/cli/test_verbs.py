"""The verbs that list and the one that trains."""

import json
from importlib.metadata import version
from pathlib import Path

import pytest
from command_line import icbench

from icbench.cli.main import VERBS
from icbench.version import __version__


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(capsys, verb):
    code, out, _ = icbench(capsys, verb, "--help")
    assert code == 0
    assert f"Usage: icbench {verb}" in out


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_a_shell_is_told_how_to_complete(capsys, monkeypatch, shell):
    monkeypatch.setenv("_ICBENCH_COMPLETE", f"{shell}_source")
    code, out, _ = icbench(capsys)
    assert code == 0
    assert f"_ICBENCH_COMPLETE={shell}_complete" in out


@pytest.mark.parametrize(("typed", "expected"), [("icbench ver", "verify"), ("icbench verify --sam", "--sample-seed")])
def test_verbs_and_options_are_completed(capsys, monkeypatch, typed, expected):
    monkeypatch.setenv("_ICBENCH_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
    code, out, _ = icbench(capsys)
    assert code == 0
    assert f"plain,{expected}" in out.splitlines()


@pytest.mark.parametrize("verb", ["data", "plugins", "env"])
def test_listing_verbs_print_one_json_document(capsys, verb):
    code, out, _ = icbench(capsys, verb, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["schema"] == 1
    assert document["ok"] is True
    assert document["data"]


def test_data_lists_place_licence_and_digests(capsys):
    datasets = json.loads(icbench(capsys, "data", "--json", "--data-dir", "here")[1])["data"]["datasets"]
    by_name = {dataset["name"]: dataset for dataset in datasets}
    assert by_name["mnist"]["status"] == "in the package"
    assert by_name["mnist"]["licence"] == "CC BY-SA 3.0"
    assert len(by_name["mnist"]["sha256"]) == 4
    assert by_name["kmnist"]["status"].startswith("not here")
    assert not Path("here").exists()


def test_plugins_lists_components_with_their_parameters(capsys, toy_plugin):
    data = json.loads(icbench(capsys, "plugins", "--json")[1])["data"]
    states = {plugin["dist"]: plugin["state"] for plugin in data["plugins"]}
    assert states == {"icbench": "active", "icbench-toy": "active"}
    linear = next(component for component in data["components"] if component["name"] == "linear")
    assert linear["dist"] == "icbench-toy"
    assert linear["params"][0]["default"] == 3


def test_plugins_table_names_every_builtin(capsys):
    _, out, _ = icbench(capsys, "plugins")
    for name in ("cgan", "mse", "adam", "sgd", "joint", "class-only", "exhaustive", "mnist", "fashion-mnist", "kmnist"):
        assert name in out


def test_env_names_the_library_versions(capsys, monkeypatch):
    monkeypatch.setattr("icbench.compute.environment.plugin_versions", dict)
    _, out, _ = icbench(capsys, "env")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines() if len(line.split()) > 1)
    assert lines["icbench"].strip() == __version__
    assert f"torch {version('torch')}" in out
    assert lines["plugins"].strip() == "none"


def test_env_names_the_plugins_versions(capsys, monkeypatch):
    monkeypatch.setattr("icbench.compute.environment.plugin_versions", lambda: {"icbench-mine": "1.2"})
    assert "icbench-mine 1.2" in icbench(capsys, "env")[1]


def test_version(capsys):
    _, out, _ = icbench(capsys, "--version")
    assert out.strip() == f"icbench, version {__version__}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cgna"], "Did you mean 'cgan'"),
        (["linear"], "generator linear has no trainer"),
        (["cgan", "--epochs", "0"], "--epochs 0"),
        (["cgan", "--noise-dim", "0"], "noise_dim=0"),
        (["cgan", "--device", "tpu"], "no device 'tpu'"),
        (["cgan", "--dataset", "mnst"], "Did you mean 'mnist'"),
        ([], "Missing argument 'GENERATOR'"),
    ],
)
def test_train_answers_bad_input_in_one_line_and_writes_nothing(capsys, toy_plugin, arguments, said):
    code, out, err = icbench(capsys, "train", *arguments)
    assert code == 2
    assert out == ""
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert list(Path().iterdir()) == []


def test_an_unknown_verb_is_a_usage_error(capsys):
    code, _, err = icbench(capsys, "rnu")
    assert code == 2
    assert "rnu" in err


@pytest.mark.parametrize("group", [[], ["suite"]])
def test_a_group_without_a_verb_shows_its_help_on_stdout(capsys, group):
    _, out, err = icbench(capsys, *group)
    assert err == ""
    assert out.startswith(" ".join(["Usage: icbench", *group]))
    assert len(out.splitlines()) > 10


def test_the_help_of_icbench_has_examples(capsys):
    assert "icbench show latest" in icbench(capsys)[1]


def test_plugins_new_makes_one_kind(capsys):
    code, _, err = icbench(capsys, "plugins", "new", "icbench-x", "--kind", "generator", "--kind", "distance")
    assert code == 2
    assert "generator and distance are 2 kinds" in err
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "code",
    [
        "import nothing_of_this_name\nComponent('promised', 'x:y', 'x')",
        "NAMES = ['promised']\nraise RuntimeError('boom')",
        "from icbench import hookimpl\nNAME = 'promised'\n@hookimpl\ndef icbench_distances():\n    return 1 / 0\n",
        "from icbench import Component, hookimpl\n@hookimpl\ndef icbench_distances():\n"
        "    yield Component('promised', 'nothing_of_this_name:X', 'x')\n",
    ],
)
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_component_of_a_broken_file_that_was_asked_for_ends_with_4(capsys, monkeypatch, code, as_json):
    monkeypatch.setenv("ICBENCH_NO_PLUGINS", "1")
    Path("mine.py").write_text(code)
    found, out, err = icbench(
        capsys, "run", "--plugin-file", "mine.py", "--distance", "promised", "--limit", 1, *as_json
    )
    assert found == 4
    assert "mine.py" in err.splitlines()[-1]
    if as_json:
        assert "mine.py" in json.loads(out)["errors"][0]
    assert not Path("icbench-results").exists()
