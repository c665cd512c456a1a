"""A new distribution works at once, whatever its kind, and nothing that exists is overwritten."""

import ast
import hashlib
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest
import torch
from command_line import icbench
from safetensors.torch import load_file

from icbench.builtin.datasets.mnist import MNIST, MNIST_SHAPE
from icbench.errors import MissingWeightsError
from icbench.kinds.dataset import Split
from icbench.kinds.names import CODED_KINDS
from icbench.plugins.component import resolve
from icbench.plugins.discovery import PluginSource
from icbench.plugins.manager import plugin_manager
from icbench.scaffold import Names, create
from icbench.testing.runner import check_component
from icbench.testing.subject import subject_of
from icbench.training.budget import EvalBudget, InversionBudget
from icbench.training.loop import TrainingObserver, train
from icbench.training.trainer import TrainingJob
from icbench.training.weights import default_folder, save_weights

FILES = {"pyproject.toml", "README.md", ".gitignore", ".github/workflows/test.yml", "icbench_fresh/__init__.py"}
FILES |= {"icbench_fresh/fresh.py", "tests/test_fresh.py"}
MODULES = ("icbench_fresh", "icbench_fresh.fresh", "icbench_fresh.training")
OPTIONAL = {"groups_are_independent", "its_encoder_gives_sound_starts", "its_error_calibration_is_sound"}
OPTIONAL |= {"its_spread_is_sound", "its_starts_are_sound", "it_is_made_of_other_datasets"}
"""Checks of what a generator need not have."""


@pytest.fixture
def installed(monkeypatch, use_plugins):
    """A function that puts a new distribution of a kind on the path, as an installation would."""

    def install(kind):
        folder = create("icbench-fresh", kind, Path())
        monkeypatch.syspath_prepend(str(folder.resolve()))
        for module in MODULES:
            monkeypatch.delitem(sys.modules, module, raising=False)
        use_plugins(PluginSource("fresh", "icbench-fresh", "0.1.0", "icbench_fresh"))
        return folder

    yield install
    for module in MODULES:
        sys.modules.pop(module, None)


@pytest.mark.parametrize("kind", CODED_KINDS)
def test_a_new_distribution_has_every_file_and_a_sound_project(kind):
    folder = create("icbench-fresh", kind, Path("somewhere"))
    expected = FILES | ({"icbench_fresh/training.py"} if kind == "generator" else set())
    assert {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()} == expected
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["icbench"] == {"fresh": "icbench_fresh"}
    assert project["dependencies"][0].startswith("icbench>=")
    for file in folder.rglob("*"):
        assert file.is_dir() or "$" not in file.read_text().replace("${{", ""), file


@pytest.mark.parametrize("kind", [kind for kind in CODED_KINDS if kind != "generator"])
def test_its_component_is_found_and_built(installed, kind):
    installed(kind)
    manager = plugin_manager()
    assert manager.statuses[1].state == "active"
    built = manager.select(kind, "fresh").build()
    if kind == "executor":
        built.close()


class FewDigits(MNIST):
    """A few hundred images, so that a training is over at once."""

    def split(self, name, folder):
        whole = super().split(name, folder)
        few = 2_000 if name == "train" else 40
        return Split(whole.images[:few], whole.labels[:few])


def selected():
    """The new generator, and its trainer."""
    selection = plugin_manager().select("generator", "fresh")
    make = resolve(selection.registered.component.trainer, "icbench-fresh")
    params = {name: value for name, value in selection.params.items() if name != "trained_on"}
    return params, make(**params)


def job(params, epochs):
    """A training where `icbench train` has it."""
    where = {"out": default_folder("fresh", {"noise_dim": 8}), "dataset_name": "mnist", "data_dir": Path()}
    return TrainingJob("fresh", params, epochs=epochs, seed=0, device=torch.device("cpu"), **where)


def begun(epochs=2):
    """A trainer that has begun."""
    params, trainer = selected()
    trainer.begin(FewDigits().split("train", Path()), 10, job(params, epochs))
    return trainer


def test_a_generator_says_how_its_weights_are_made_and_has_them_then(installed):
    installed("generator")
    with pytest.raises(MissingWeightsError, match="no weights for fresh with noise_dim=8 trained on mnist") as missing:
        plugin_manager().select("generator", "fresh").build()
    assert "icbench train fresh" in missing.value.hint
    trainer = begun(epochs=1)
    trainer.epoch(0, lambda images: None)
    weights = default_folder("fresh", {"noise_dim": 8}) / "fresh.safetensors"
    weights.parent.mkdir(parents=True)
    save_weights(trainer.snapshot().state_dict(), weights, MNIST_SHAPE)
    assert load_file(weights)["layers.0.weight"].dtype == torch.float16
    built = plugin_manager().select("generator", "fresh").build()
    assert {values.dtype for values in built.state_dict().values()} == {torch.float32}
    assert built.weights_digest == hashlib.sha256(weights.read_bytes()).hexdigest()
    checked = check_component(subject_of("generator", "fresh"), lambda name: None)
    assert checked.failed == ()
    assert {outcome.check for outcome in checked.skipped} == OPTIONAL


def test_the_generator_and_trainer_of_the_guide_are_those_that_are_written():
    guide = (Path(__file__).parents[2] / "docs/plugins/generator.md").read_text()
    package = create("icbench-mygan", "generator", Path()) / "icbench_mygan"
    for file in ("__init__.py", "mygan.py", "training.py"):
        assert f"```python\n{(package / file).read_text()}```" in guide


def test_the_executor_of_the_guide_which_the_kit_checks_is_the_one_that_is_written():
    guide = (Path(__file__).parents[2] / "docs/plugins/executor.md").read_text()
    (shown,) = [block for block in re.findall(r"```python\n(.*?)```", guide, re.DOTALL) if "class Pool" in block]
    written = (create("icbench-pool", "executor", Path()) / "icbench_pool/pool.py").read_text()
    assert methods(written) == methods(shown)


def methods(code):
    """The code of each method of the one class, without comments and documentation."""
    (made,) = [node for node in ast.parse(code).body if isinstance(node, ast.ClassDef)]
    bodies = {node.name: node for node in made.body if isinstance(node, ast.FunctionDef)}
    for node in bodies.values():
        node.body = node.body[1:] if ast.get_docstring(node) else node.body
    return {name: ast.unparse(node) for name, node in bodies.items()}


def test_its_training_learns_and_goes_on_where_it_was_stopped(installed):
    installed("generator")
    whole, first, second = begun(), begun(), begun()
    losses = [whole.epoch(number, lambda images: None)["loss"] for number in range(2)]
    first.epoch(0, lambda images: None)
    second.restore(first.state())
    assert losses[1] < losses[0]
    assert second.epoch(1, lambda images: None)["loss"] == losses[1]
    taken = second.snapshot()
    second.epoch(2, lambda images: None)
    assert not torch.equal(taken.layers[0].weight, second.generator.layers[0].weight)


def fit(capsys, folder, limit=20):
    """Fit a new product to a few images, by the command that is said."""
    command = Names("icbench-fresh", "product").preparation("{}", folder).split()[1:]
    code, _, _ = icbench(capsys, *command, "--limit", limit, "--device", "cpu", "--quiet")
    assert code == 0


def test_the_numbers_of_a_new_product_are_fitted_to_where_it_finds_them(installed, capsys):
    folder = installed("product")
    assert plugin_manager().select("product", "fresh").build().fit is None
    fit(capsys, folder, limit=5)
    product = plugin_manager().select("product", "fresh").build()
    assert product.fit.members == product.digest
    assert product.fit.images == 5


@pytest.mark.slow
def test_a_new_product_keeps_its_contract(installed):
    installed("product")
    checked = check_component(subject_of("product", "fresh"), lambda name: None)
    assert checked.failed == ()
    assert "it has no numbers for its dataset" in {outcome.reason for outcome in checked.skipped}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CODED_KINDS)
def test_its_component_runs(installed, capsys, kind):
    folder = installed(kind)
    if kind == "generator":
        params, trainer = selected()
        trainer.budget = EvalBudget(check=InversionBudget(20, {"joint": 4, "exhaustive": 2}), samples=200)
        train(trainer, FewDigits(), job(params, epochs=8), TrainingObserver())
    if kind == "product":
        fit(capsys, folder)
    command = [*Names("icbench-fresh", kind).trial.split()[1:], "--split", "validation", "--device", "cpu", "--json"]
    code, out, _ = icbench(capsys, *command, "--limit", "20")
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
    assert "pip install -e 'icbench-fresh[test]' && pytest icbench-fresh && icbench run --schedule fresh" in err
    _, _, err = icbench(capsys, "plugins", "new", "icbench-gan", "--kind", "generator")
    assert "pip install -e 'icbench-gan[test]' && icbench train gan && pytest icbench-gan" in err
    _, _, err = icbench(capsys, "plugins", "new", "icbench-pair", "--kind", "product")
    assert "&& icbench fit pair --limit 200 --out icbench-pair/icbench_pair/pair-mnist.json && pytest" in err
    _, out, _ = icbench(capsys, "plugins", "new", "icbench-other", "--kind", "schedule", "--json")
    assert "icbench_other/other.py" in json.loads(out)["data"]["files"]
