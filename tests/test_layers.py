"""Dependencies point one way, and cheap verbs stay cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import icbench

PACKAGE = Path(icbench.__file__).parent
WITHOUT_TORCH = [
    "__init__",
    "builtin/__init__",
    "compute/devices",
    "compute/environment",
    "compute/machine",
    "compute/probe",
    "errors",
    "kinds/__init__",
    "kinds/dataset",
    "plugins/component",
    "plugins/discovery",
    "plugins/hookspecs",
    "plugins/loader",
    "plugins/manager",
    "running/entry",
    "running/execute",
    "running/reconstructions",
    "running/runners",
    "running/session",
    "version",
]


def module_level_imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    nodes = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def files(folder: str) -> list[Path]:
    return sorted((PACKAGE / folder).rglob("*.py"))


@pytest.mark.parametrize("name", WITHOUT_TORCH)
def test_these_modules_do_not_import_torch(name):
    assert not {imported for imported in module_level_imports(PACKAGE / f"{name}.py") if imported.startswith("torch")}


def test_nothing_below_the_command_line_imports_click():
    for file in files("."):
        if "cli" not in file.relative_to(PACKAGE).parts:
            assert "click" not in module_level_imports(file), file


def test_nothing_below_the_reports_imports_them():
    for file in files("."):
        if not {"cli", "report", "__main__.py"} & set(file.relative_to(PACKAGE).parts):
            assert not any(name.startswith(("icbench.report", "icbench.cli")) for name in module_level_imports(file)), (
                file
            )


def test_the_engine_and_the_kinds_know_no_component_and_no_record():
    for file in [*files("engine"), *files("kinds")]:
        forbidden = ("icbench.builtin", "icbench.records", "icbench.running", "icbench.plugins.manager")
        assert not any(name.startswith(forbidden) for name in module_level_imports(file)), file


def test_statistics_needs_numpy_and_nothing_of_icbench():
    for file in files("statistics"):
        outside = {name for name in module_level_imports(file) if not name.startswith("icbench.statistics")}
        assert outside <= {"numpy", "numpy.typing", "math", "dataclasses", "typing", "collections.abc", "itertools"}, (
            file
        )


def test_records_know_no_engine_and_no_component():
    for file in files("records"):
        allowed = ("icbench.records", "icbench.statistics", "icbench.errors")
        names = [name for name in module_level_imports(file) if name.startswith("icbench")]
        assert all(name.startswith(allowed) for name in names), file


@pytest.mark.parametrize("arguments", [["--help"], ["plugins"], ["run", "--help"], ["train", "--help"]])
def test_cheap_verbs_load_no_heavy_library(arguments):
    code = (
        "import sys\nfrom icbench.cli.main import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'torch', 'torchvision', 'numpy', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
