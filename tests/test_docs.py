"""The documentation names everything there is, and its code runs."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from icbench.cli.main import VERBS, icbench, main
from icbench.kinds.names import ALL_KINDS
from icbench.plugins import hookspecs
from icbench.plugins.component import TRAIT_FORMS, TRAITS
from icbench.plugins.manager import PluginManager

ROOT = Path(__file__).parent.parent
README, CONTRIBUTING = ((ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md"))
HOOKS = [name for name in vars(hookspecs) if name.startswith("icbench_")]


def commands():
    """Every command with its full name."""
    context = click.Context(icbench)
    for verb in VERBS:
        command = icbench.get_command(context, verb)
        yield verb, command
        if isinstance(command, click.Group):
            yield from ((f"{verb} {name}", inner) for name, inner in command.commands.items())


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("verb", VERBS)
def test_the_readme_shows_every_verb(verb):
    assert f"icbench {verb}" in README


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=[name for name, _ in commands()])
def test_every_command_and_option_says_what_it_does(name, command):
    assert command.help not in (None, "", VERBS.get(name))
    for param in command.params:
        assert isinstance(param, click.Argument) or getattr(param, "help", None), param.name


@pytest.mark.parametrize("page", ["commands", "selection"])
def test_a_generated_page_is_current(page):
    made = subprocess.run([sys.executable, ROOT / f"docs/{page}.py"], capture_output=True, text=True, check=True)
    assert made.stdout == (ROOT / f"docs/{page}.md").read_text(), f"python docs/{page}.py > docs/{page}.md"


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_and_has_a_test_named_for_it(hook):
    assert hook in CONTRIBUTING
    tests = ast.parse((ROOT / "tests/plugins/test_hooks.py").read_text())
    assert f"test_{hook}" in {node.name for node in tests.body if isinstance(node, ast.FunctionDef)}


def test_there_is_one_hook_for_each_kind():
    assert sorted(HOOKS) == sorted(f"icbench_{kind}s" for kind in ALL_KINDS)


@pytest.mark.parametrize("trait", [*TRAITS, *TRAIT_FORMS])
def test_every_trait_is_documented(trait):
    assert f"`{trait}" in CONTRIBUTING


def test_the_distance_of_the_ten_minutes_works(monkeypatch, capsys, use_plugins):
    """The files of the guide, written as it says and run as it says, on the toy data set."""
    for name, content in re.findall(r"`([\w/.]+)`:\n\n```(?:python|toml)\n(.*?)```", CONTRIBUTING, re.DOTALL):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(content)
    assert 'l4 = "icbench_l4"' in Path("pyproject.toml").read_text()
    monkeypatch.syspath_prepend(str(Path.cwd()))
    use_plugins("icbench_l4", "toy")
    with pytest.raises(SystemExit) as end:
        main(
            ["run", "--generator", "linear", "--dataset", "toy", "--distance", "l4", "--steps", "5", "--device", "cpu"]
        )
    assert end.value.code == 0
    assert "linear · l4" in capsys.readouterr().out
    for module in ("icbench_l4", "icbench_l4.l4"):
        monkeypatch.delitem(sys.modules, module)


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_all_python_in_the_documentation_is_python(text):
    found = blocks(text, "python")
    assert found
    for block in found:
        ast.parse(block)


def test_every_component_in_the_documentation_exists():
    plugins = PluginManager()
    found = re.findall(r"--(generator|distance|optimizer|schedule|classifier) ([a-z0-9:_=,.-]+)", README)
    assert {kind for kind, _ in found} >= {"generator", "distance", "schedule"}
    for kind, spec in found:
        if spec != "l1":
            plugins.select(kind, spec)


def test_the_documentation_names_no_machine():
    for text in (README, CONTRIBUTING, (ROOT / "CHANGELOG.md").read_text()):
        assert not re.search(r"/tmp/|/work/|/home/", text)


def test_the_example_was_executed_from_the_top_and_is_small():
    text = (ROOT / "examples/own_component.ipynb").read_text()
    code = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not [output for cell in code for output in cell["outputs"] if output["output_type"] == "error"]
    assert len(text) < 250_000
    assert not re.search(r"/tmp/|/work/|/home/|/root/", text)
