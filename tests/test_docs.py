"""The documentation names everything there is, and its code runs."""

import ast
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from command_line import icbench as run_icbench

import icbench as icbench_package
from icbench import statistics, testing
from icbench.builtin.datasets.mnist import MNIST
from icbench.cli.main import VERBS, icbench, main
from icbench.kinds.names import ALL_KINDS
from icbench.plugins import hookspecs
from icbench.plugins.component import TRAIT_FORMS, TRAITS
from icbench.plugins.manager import PluginManager

ROOT = Path(__file__).parent.parent
README, CONTRIBUTING = ((ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md"))
SITE = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [
    *SITE,
    *sorted((ROOT / "plugins").glob("**/README.md")),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
]
SMALL = "--steps 1 --device cpu --quiet"
COMMANDS = {
    "pip install -e .": None,
    "icbench run --generator cgan --distance mse": SMALL + " --limit 3",
    "icbench run --generator cgan:noise_dim=50 --schedule halving:restarts=2": SMALL + " --limit 3",
    "icbench plan --schedule joint --schedule exhaustive --seeds 3": SMALL + " --limit 2",
    "icbench run --schedule joint --schedule exhaustive --seeds 3 --limit 1000": SMALL + " --limit 2",
    "icbench run --classifier nearest-neighbour": "--limit 3 --quiet",
    "icbench run --limit 20 --figure out.png": SMALL + " --limit 1",
    "icbench leaderboard": "",
    "icbench report --open": "--pictures 0 --quiet",
    "icbench compare cgan-mse-adam-joint cgan-mse-adam-exhaustive": "",
    "icbench show latest --diagnose": "--device cpu",
    "icbench verify latest": "--sample 2",
    "icbench publish --to results/mine": "",
    "icbench invert examples/seven.png": SMALL,
    "icbench suite list": "",
    "icbench reproduce hobbhahn2020 --limit 1000": None,
    "icbench train cgan --noise-dim 30": None,
    "icbench fit cgan-pair --out fit.json": "--limit 10 --batch-size 40 --device cpu --quiet",
    "icbench plugins": "",
    "icbench data": "",
    "icbench env": "",
}
"""The README's commands, in its order, with what makes each of them short; None for one that is only read."""
PLUGINS = {page.stem: page.read_text() for page in sorted((ROOT / "docs/plugins").glob("*.md"))}
"""The pages about plugins; that of a kind is called like it."""
HOOKS = [name for name in vars(hookspecs) if name.startswith("icbench_")]


def commands():
    """Every command with its full name."""
    context = click.Context(icbench)
    for verb in VERBS:
        command = icbench.get_command(context, verb)
        yield verb, command
        if isinstance(command, click.Group):
            yield from ((f"{verb} {name}", inner) for name, inner in command.commands.items())


def blocks(text, language=""):
    """The code blocks of one language, or those that name none."""
    return [block for found, block in re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL) if found == language]


def shown_commands(text):
    """The commands in a text's code blocks, without the remarks beside them."""
    lines = [line for block in blocks(text) for line in block.splitlines()]
    return [re.split(" {2,}", line)[0] for line in lines if re.match("(pip|pytest|icbench) ", line)]


def unread(command):
    """What click does not know of an `icbench` command, which is read up to a pipe or the like; nothing is run."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = list(lexer)
    words = words[1 : next((at for at, word in enumerate(words) if set(word) <= set("|<>;&")), None)]
    found = icbench
    while isinstance(found, click.Group) and words:
        found = found.get_command(click.Context(found), words.pop(0))
    return found.make_parser(click.Context(found)).parse_args(words)[1]


@pytest.mark.parametrize("verb", VERBS)
def test_the_readme_shows_every_verb(verb):
    assert f"icbench {verb}" in README


def test_the_tests_know_every_command_of_the_readme():
    assert shown_commands(README) == list(COMMANDS)


def test_the_commands_of_the_readme_work_one_after_the_other(monkeypatch, capsys):
    """In one folder, as a reader enters them, on fewer images and with fewer steps."""
    monkeypatch.setattr("click.launch", lambda address: 0)
    Path("examples").symlink_to(ROOT / "examples")
    for command, shorter in COMMANDS.items():
        if shorter is not None:
            code, _, err = run_icbench(capsys, *shlex.split(f"{command} {shorter}")[1:])
            assert code == 0, f"{command}: {err}"
    assert Path("out.png").exists()
    assert Path("report/index.html").exists()


def test_the_python_of_the_readme_works(capsys):
    code = blocks(README, "python")[0]
    assert "limit=1000" in code
    Path("examples").symlink_to(ROOT / "examples")
    exec(code.replace("limit=1000", "limit=2, steps=1"), {})
    assert "[" in capsys.readouterr().out


def test_the_component_of_the_readme_works(capsys, monkeypatch):
    # An installed distribution may have a component of the same name.
    monkeypatch.setenv("ICBENCH_NO_PLUGINS", "1")
    Path("l1.py").write_text(blocks(README, "python")[1])
    command = "icbench run --plugin-file l1.py --distance l1"
    assert f"`{command}`" in README
    code, out, err = run_icbench(capsys, *shlex.split(f"{command} {SMALL} --limit 2")[1:])
    assert code == 0, err
    assert "cgan · l1" in out


def test_ci_runs_the_first_two_commands_of_the_readme():
    first = blocks(README)[0].splitlines()
    assert first == list(COMMANDS)[:2]
    ci = [line.strip() for line in (ROOT / ".ci/run").read_text().splitlines()]
    assert [line for line in ci if line in first] == first


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_click_reads_every_command_in_the_documentation(page):
    for command in shown_commands(page.read_text()):
        if command.startswith("icbench "):
            assert not unread(command), command


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=[name for name, _ in commands()])
def test_every_command_and_option_says_what_it_does(name, command):
    assert command.help not in (None, "", VERBS.get(name))
    for param in command.params:
        assert isinstance(param, click.Argument) or getattr(param, "help", None), param.name


@pytest.mark.parametrize("page", ["architecture.svg", "commands.md", "selection.md"])
def test_a_generated_page_is_current(page):
    script = (ROOT / "docs" / page).with_suffix(".py")
    made = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert made.stdout == (ROOT / "docs" / page).read_text(), f"python docs/{script.name} > docs/{page}"


@pytest.mark.parametrize("verb", VERBS)
def test_the_reference_has_every_verb(verb):
    assert (
        f".. click:: icbench.cli.{verb}:command\n   :prog: icbench {verb}\n"
        in (ROOT / "docs/reference/cli.md").read_text()
    )


@pytest.mark.parametrize("name", [*icbench_package.__all__, *statistics.__all__, *testing.__all__])
def test_every_public_name_is_in_the_reference(name):
    pages = "".join(page.read_text() for page in (ROOT / "docs/reference").glob("*.md"))
    assert re.search(rf"\b{name}\b", pages)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_and_has_a_test_named_for_it(hook):
    assert f"def {hook}():" in PLUGINS[hook.removeprefix("icbench_").removesuffix("s")]
    tests = ast.parse((ROOT / "tests/plugins/test_hooks.py").read_text())
    assert f"test_{hook}" in {node.name for node in tests.body if isinstance(node, ast.FunctionDef)}


def test_there_is_one_hook_for_each_kind():
    assert sorted(HOOKS) == sorted(f"icbench_{kind}s" for kind in ALL_KINDS)


@pytest.mark.parametrize("trait", [*TRAITS, *TRAIT_FORMS])
def test_every_trait_is_documented(trait):
    assert f"`{trait}" in PLUGINS["index"]


def write_files(page):
    """The files that a page about plugins shows, in the working folder; their names."""
    files = re.findall(r"`([\w/.]+)`:\n\n```(?:python|toml)\n(.*?)```", PLUGINS[page], re.DOTALL)
    for name, content in files:
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(content)
    return [name for name, _ in files]


def run_main(*arguments):
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    return end.value.code


def test_the_distance_of_the_ten_minutes_works(monkeypatch, capsys, use_plugins):
    """The files of the guide, written as it says and run as it says, on the toy dataset."""
    write_files("index")
    assert 'l4 = "icbench_l4"' in Path("pyproject.toml").read_text()
    monkeypatch.syspath_prepend(str(Path.cwd()))
    use_plugins("icbench_l4", "toy")
    entry = ["--generator", "linear", "--dataset", "toy", "--distance", "l4"]
    assert run_main("run", *entry, "--steps", "5", "--device", "cpu") == 0
    assert "linear · l4" in capsys.readouterr().out
    for module in ("icbench_l4", "icbench_l4.l4"):
        monkeypatch.delitem(sys.modules, module)


@pytest.mark.parametrize("kind", ["distance", "optimizer", "schedule", "dataset", "classifier", "executor"])
def test_the_example_of_a_kind_keeps_its_contract_and_runs_as_its_page_says(kind):
    fewer = ["--limit", "20", "--steps", "2"] if kind != "classifier" else ["--limit", "20"]
    save_own_digits()
    for file in write_files(kind):
        assert run_main("plugins", "check", file) == 0
        (line,) = re.findall(rf"^icbench (run --plugin-file {file} .*)$", PLUGINS[kind], re.MULTILINE)
        assert run_main(*line.split(), *fewer, "--device", "cpu") == 0
    assert list(Path("icbench-results").rglob("record.json"))


def save_own_digits():
    """The file that the dataset of one's own reads."""
    digits = MNIST().split("validation", Path())
    np.savez("digits.npz", images=digits.images[:300], labels=digits.labels[:300])


def test_the_example_of_a_generator_classifies_as_its_page_says(capsys):
    """Without the conformance kit, which builds it some forty times, a second each; its tests have it elsewhere."""
    write_files("generator")
    (line,) = re.findall(r"^icbench (run --plugin-file .*)$", PLUGINS["generator"], re.MULTILINE)
    assert run_main(*line.split(), "--limit", "20", "--steps", "10", "--device", "cpu", "--json") == 0
    (run,) = json.loads(capsys.readouterr().out)["data"]["runs"]
    assert run["metrics"]["accuracy"] > 0.5


def test_the_example_of_a_product_is_fitted_and_run_as_its_page_says(capsys):
    (file,) = write_files("product")
    assert run_main("plugins", "check", file) == 0
    capsys.readouterr()
    fit, run = re.findall(r"^icbench (.*--plugin-file .*)$", PLUGINS["product"], re.MULTILINE)
    assert run_main(*fit.replace("200", "20").split(), "--device", "cpu", "--json") == 0
    assert [stage["member"] for stage in json.loads(capsys.readouterr().out)["data"]["stages"]] == [
        "class-only",
        "exhaustive",
    ]
    assert run_main(*run.replace("1000", "20").split(), "--device", "cpu", "--json") == 0
    (run,) = json.loads(capsys.readouterr().out)["data"]["runs"]
    assert run["metrics"]["accuracy"] > 0.5


def test_the_example_of_a_suite_is_sound(capsys):
    write_files("suite")
    assert run_main("suite", "show", "mypaper", "--plugin-file", "mypaper.py") == 0
    assert "one hypothesis per class is better" in capsys.readouterr().out


@pytest.mark.parametrize("page", SITE, ids=[str(page.relative_to(ROOT)) for page in SITE])
def test_every_link_to_a_file_leads_somewhere(page):
    """In a browser of the repository; the build of the site holds them there."""
    for link in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        assert "://" in link or (page.parent / link).exists(), link


@pytest.mark.parametrize("text", [README, *PLUGINS.values()], ids=["README", *PLUGINS])
def test_all_python_in_the_documentation_is_python(text):
    for block in blocks(text, "python"):
        ast.parse(block)


def test_every_component_in_the_documentation_exists():
    plugins = PluginManager()
    found = re.findall(r"--(generator|distance|optimizer|schedule|classifier) ([a-z0-9:_=,.-]+)", README)
    assert {kind for kind, _ in found} >= {"generator", "distance", "schedule"}
    for kind, spec in found:
        if spec != "l1":
            plugins.select(kind, spec)


def test_the_documentation_names_no_machine():
    for text in (README, CONTRIBUTING, (ROOT / "CHANGELOG.md").read_text(), *(page.read_text() for page in SITE)):
        assert not re.search(r"/tmp/|/work/|/home/", text)


def test_the_example_was_executed_from_the_top_and_is_small():
    text = (ROOT / "examples/own_component.ipynb").read_text()
    code = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not [output for cell in code for output in cell["outputs"] if output["output_type"] == "error"]
    assert len(text) < 250_000
    assert not re.search(r"/tmp/|/work/|/home/|/root/", text)
