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


def test_env_names_the_library_versions(capsys):
    _, out, _ = icbench(capsys, "env")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines() if len(line.split()) > 1)
    assert lines["icbench"].strip() == __version__
    assert f"torch {version('torch')}" in out


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
