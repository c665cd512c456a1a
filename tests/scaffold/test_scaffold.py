"""A new distribution works at once, whatever its kind, and nothing that exists is overwritten."""

import ast
import json
import sys
import tomllib
from pathlib import Path

import pytest
from command_line import icbench

from icbench.component import KINDS
from icbench.plugins import Host, PluginSource
from icbench.scaffold import create

FILES = {"pyproject.toml", "README.md", ".gitignore", ".github/workflows/test.yml", "icbench_fresh/__init__.py"}
FILES |= {"icbench_fresh/fresh.py", "tests/test_fresh.py"}


@pytest.fixture
def installed(monkeypatch):
    """A function that puts a new distribution of a kind on the path, as an installation would."""

    def install(kind):
        folder = create("icbench-fresh", kind, Path())
        monkeypatch.syspath_prepend(str(folder.resolve()))
        for module in ("icbench_fresh", "icbench_fresh.fresh"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        source = PluginSource("fresh", "icbench-fresh", "0.1.0", "icbench_fresh")
        monkeypatch.setattr("icbench.plugins.host.plugin_sources", lambda: [source])
        return folder

    yield install
    for module in ("icbench_fresh", "icbench_fresh.fresh"):
        sys.modules.pop(module, None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_distribution_has_every_file_and_a_sound_project(kind):
    folder = create("icbench-fresh", kind, Path("somewhere"))
    assert {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()} == FILES
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["icbench"] == {"fresh": "icbench_fresh"}
    assert project["dependencies"][0].startswith("icbench>=")
    for file in folder.rglob("*"):
        assert file.is_dir() or "$" not in file.read_text().replace("${{", ""), file


@pytest.mark.parametrize("kind", KINDS)
def test_its_component_is_found_and_built(installed, kind):
    installed(kind)
    host = Host()
    assert host.statuses[1].state == "active"
    host.select(kind, "fresh").build()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_its_component_runs(installed, capsys, kind):
    installed(kind)
    command = ["run", f"--{kind}", "fresh", "--split", "validation", "--limit", "20", "--device", "cpu", "--json"]
    code, out, _ = icbench(capsys, *command)
    (run,) = json.loads(out)["data"]["runs"]
    assert code == 0
    assert run["metrics"]["accuracy"] > 0.2
    assert run["metrics"]["not_finite"] == 0


def test_its_test_has_six_lines_that_use_the_kit():
    text = (create("icbench-fresh", "distance", Path()) / "tests/test_fresh.py").read_text()
    code = [line for line in text.splitlines() if line.strip()][1:]
    assert "from icbench.testing import DistanceTests" in code
    assert len(code) <= 6
    ast.parse(text)


def test_nothing_is_imported_that_is_heavy_when_it_registers():
    folder = create("icbench-fresh", "generator", Path())
    tree = ast.parse((folder / "icbench_fresh/__init__.py").read_text())
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names == {"icbench"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("icbench", "is reserved"),
        ("My Dist", "no name for a distribution"),
        ("icbench-", "no name for a distribution"),
        ("../escape", "no name for a distribution"),
        ("icbench-1", "begins with a letter"),
        ("icbench-class", "no name for a Python module"),
        ("json", "taken by another Python package"),
        ("torch", "taken by another Python package"),
        ("icbench-distance", "taken"),
        ("icbench-mse", "has a distance 'mse' of its own"),
    ],
)
def test_names_that_cannot_be_used_are_refused_in_one_line(capsys, name, said):
    code, _, err = icbench(capsys, "plugins", "new", name, "--kind", "distance")
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert list(Path().iterdir()) == []


def test_an_existing_folder_is_left_alone(capsys):
    Path("icbench-fresh").mkdir()
    Path("icbench-fresh/precious.txt").write_text("mine")
    code, _, err = icbench(capsys, "plugins", "new", "icbench-fresh", "--kind", "distance")
    assert code == 2
    assert "exists already" in err
    assert [file.name for file in Path("icbench-fresh").iterdir()] == ["precious.txt"]


def test_a_place_that_cannot_be_written_leaves_nothing(capsys):
    Path("file").write_text("")
    code, _, err = icbench(capsys, "plugins", "new", "icbench-fresh", "--kind", "distance", "--directory", "file")
    assert code == 2
    assert "cannot be written" in err


def test_a_failure_half_way_leaves_nothing(monkeypatch):
    def failing(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(KeyboardInterrupt):
        create("icbench-fresh", "distance", Path())
    assert list(Path().iterdir()) == []


def test_what_comes_next_is_said(capsys):
    _, _, err = icbench(capsys, "plugins", "new", "icbench-fresh", "--kind", "schedule")
    assert "pip install -e icbench-fresh && pytest icbench-fresh && icbench run --schedule fresh --limit 100" in err
    _, out, _ = icbench(capsys, "plugins", "new", "icbench-other", "--kind", "schedule", "--json")
    assert "icbench_other/other.py" in json.loads(out)["data"]["files"]
