"""`icbench plugins check`: the same checks, of a name, a file or a folder."""

import json
import sys
from pathlib import Path

import pytest

from icbench.cli.main import main
from icbench.errors import UsageError
from icbench.plugins.manager import plugin_manager

SOUND = """
from icbench import Component, hookimpl
from icbench.kinds.distance import Distance

class L4(Distance):
    def compare(self, reconstruction, features):
        return (reconstruction - features).pow(4).flatten(1).mean(dim=1)

@hookimpl
def icbench_distances():
    yield Component("l4", "{module}:L4", "mean fourth power", traits=("zero-at-equality",))
"""
HOOK = """
from icbench import Component, hookimpl

@hookimpl
def icbench_distances():
    yield Component("l4", "{module}.l4:L4", "mean fourth power", traits=("zero-at-equality",))
"""
PROJECT = """
[project]
name = "icbench-{module}"
version = "0.3"
[project.entry-points.icbench]
l4 = "{module}"
"""


PRODUCT = """
from pathlib import Path
from toy import LinearGenerator
from icbench import Component, Param, hookimpl
from icbench.kinds.product import Member
from icbench.running.fits import load_product

MEMBERS = (Member("one", "own", schedule="exhaustive:start=drawn,decay=none"),)

def alone(fit=""):
    return load_product("alone", MEMBERS, Path(), fit)

@hookimpl
def icbench_generators():
    yield Component("own", "{module}:LinearGenerator", "exact")

@hookimpl
def icbench_products():
    yield Component("alone", "{module}:alone", "one member", params=(Param("fit", "", path=True),))
"""


@pytest.fixture(autouse=True)
def _no_module_left(monkeypatch):
    """What a test imports from its folder is gone after it."""
    monkeypatch.setenv("ICBENCH_NO_PLUGINS", "1")
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("checked_"):
            del sys.modules[name]


@pytest.fixture
def check(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main(["plugins", "check", *arguments])
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return run


def write_file(name, content=SOUND):
    Path(f"{name}.py").write_text(content.replace("{module}", name))
    return f"{name}.py"


def write_folder(module, layout="", code=SOUND):
    """A distribution whose hooks and component are in files of their own."""
    folder = Path(f"icbench-{module}")
    package = folder / layout / module
    package.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT.replace("{module}", module))
    (package / "__init__.py").write_text(HOOK.replace("{module}", module))
    (package / "l4.py").write_text(code.partition("@hookimpl")[0])
    return str(folder)


def failed(out):
    """The names of the checks that failed, of the one component in a JSON document."""
    (component,) = json.loads(out)["data"]["components"]
    return [failure["check"] for failure in component["failed"]]


def test_a_component_is_checked_by_its_name(check):
    code, out, err = check("mse")
    assert (code, err) == (0, "")
    assert "distance mse  from icbench" in out
    assert "passed" in out
    assert "failed" not in out


def test_an_executor_is_checked_by_its_name(check):
    code, out, err = check("local")
    assert (code, err) == (0, "")
    assert "executor local  from icbench" in out


@pytest.mark.slow
def test_a_product_is_checked_by_its_name(check):
    code, out, err = check("cgan-pair")
    assert (code, err) == (0, "")
    assert "product cgan-pair  from icbench" in out


def test_parameters_and_the_distribution_can_be_given(check):
    code, out, _ = check("icbench/adam:lr=0.1", "--json")
    assert code == 0
    assert json.loads(out)["data"]["components"][0]["name"] == "adam"


def test_a_file_is_checked_without_being_installed(check):
    code, out, _ = check(write_file("checked_file"), "--json")
    (component,) = json.loads(out)["data"]["components"]
    assert (component["kind"], component["name"], component["dist"]) == ("distance", "l4", "checked_file.py")
    assert len(component["passed"]) > 24
    assert (code, failed(out)) == (0, [])


def test_a_product_may_be_of_components_that_are_beside_it(check):
    _, out, _ = check(write_file("checked_product", PRODUCT), "--json")
    (product,) = [one for one in json.loads(out)["data"]["components"] if one["kind"] == "product"]
    assert product["failed"] == []
    assert "images_are_independent" in product["passed"]
    # Elsewhere they are not known.
    with pytest.raises(UsageError, match="there is no generator 'own'"):
        plugin_manager().select("generator", "own")


@pytest.mark.parametrize("layout", ["", "src"])
def test_a_folder_is_checked_without_being_installed(check, layout):
    before = list(sys.path)
    code, out, _ = check(write_folder(f"checked_folder{layout}", layout), "--json")
    assert (code, failed(out)) == (0, [])
    assert json.loads(out)["data"]["components"][0]["version"] == "0.3"
    assert sys.path == before


def test_a_plugin_that_imports_torch_when_it_is_registered_is_caught(check):
    folder = write_folder("checked_heavy")
    file = Path(folder, "checked_heavy", "__init__.py")
    file.write_text("import checked_heavy.l4\n" + file.read_text())
    assert failed(check(folder, "--json")[1]) == ["registering_does_not_import_torch"]


def test_a_module_that_seeds_when_it_is_imported_is_caught(check):
    folder = write_folder("checked_seeding", code=SOUND + "\n")
    file = Path(folder, "checked_seeding", "l4.py")
    file.write_text(file.read_text() + "\nimport torch\ntorch.manual_seed(0)\n")
    assert failed(check(folder, "--json")[1]) == ["importing_it_changes_nothing"]


def test_a_failure_is_told_with_its_claim_and_reason(check):
    folder = write_folder("checked_wrong", code=SOUND.replace(".mean(dim=1)", ".mean()"))
    code, out, _ = check(folder)
    assert code == 1
    words = " ".join(out.split())
    assert "FAILED there_is_one_number_per_image: B images give B floating-point numbers." in words
    assert "5 images give shape (), not (5,)" in words
    assert "there_is_one_number_per_image has to pass first" in words
    document = json.loads(check(folder, "--json")[1])
    assert document["ok"] is False
    assert document["errors"] == [
        "distance l4: there_is_one_number_per_image: 5 images give shape (), not (5,)",
    ]


def test_what_a_component_prints_does_not_reach_stdout(check):
    folder = write_folder(
        "checked_chatty", code=SOUND.replace("        return", "        print('hello')\n        return")
    )
    assert failed(check(folder, "--json")[1]) == ["nothing_is_printed"]


def test_a_plugin_that_is_broken_in_part_is_checked_in_part(check):
    folder = write_folder("checked_part")
    file = Path(folder, "checked_part", "__init__.py")
    file.write_text(file.read_text() + "    yield 'nonsense'\n")
    code, out, err = check(folder, "--json")
    assert (code, failed(out)) == (1, [])
    assert "bad record" in json.loads(out)["errors"][0]
    assert "bad record" in err


@pytest.mark.parametrize(
    ("target", "content", "code", "said"),
    [
        ("mes", None, 2, "Did you mean 'mse'"),
        ("absent.py", None, 2, "there is no file absent.py"),
        ("icbench-none", "[project]\nname = 'icbench-none'\n", 2, "declares no plugin"),
        ("icbench-toml", "[project\n", 2, "declares no plugin"),
        ("checked_broken.py", "import checked_absent", 4, "No module named 'checked_absent'"),
        ("checked_empty.py", "", 4, "it implements no hook"),
    ],
)
def test_what_cannot_be_checked_says_why_in_one_line(check, target, content, code, said):
    if content is not None and target.endswith(".py"):
        Path(target).write_text(content)
    elif content is not None:
        Path(target).mkdir()
        Path(target, "pyproject.toml").write_text(content)
    found, out, err = check(target)
    assert (found, out) == (code, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_another_copy_that_was_imported_before_is_not_mistaken_for_the_folder(check, monkeypatch):
    folder = write_folder("checked_copy")
    monkeypatch.syspath_prepend(Path(folder).resolve())
    __import__("checked_copy")
    other = Path("elsewhere")
    other.mkdir()
    Path(folder).rename(other / folder)
    sys.modules["checked_copy"].__file__ = str(Path("installed/checked_copy.py").resolve())
    code, _, err = check(str(other / folder))
    assert code == 4
    assert "was imported from" in err


@pytest.mark.slow
def test_a_distribution_means_all_its_components(check):
    code, out, _ = check("icbench", "--json")
    document = json.loads(out)
    kinds = {component["kind"] for component in document["data"]["components"]}
    # Of what is sound all is checked but what has no weights here, or no images.
    assert code == 1
    missing = ["generator cgan-post was not checked", "dataset image-folder was not checked"]
    assert [error.partition(":")[0] for error in document["errors"]] == missing
    assert kinds == {"generator", "distance", "optimizer", "schedule", "dataset", "classifier", "product", "executor"}
    # Each check would start a cluster anew.
    assert "dask" not in {component["name"] for component in document["data"]["components"]}


def test_a_component_whose_weights_are_not_here_is_said_not_to_be_checked(check):
    code, out, err = check("cgan-post")
    assert (code, err) == (1, "")
    assert out.count("NOT CHECKED: there are no weights") == 1
    assert "icbench train cgan-post" in " ".join(out.split())
    assert "or add weights=FILE" in " ".join(out.split())
    assert "skipped it_is_in_eval_mode" not in out
    code, out, _ = check("cgan-post", "--json")
    document = json.loads(out)
    assert (code, document["ok"]) == (1, False)
    assert "generator cgan-post was not checked" in document["errors"][0]
