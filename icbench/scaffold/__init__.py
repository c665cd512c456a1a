"""A new plugin distribution, written from templates: one component that works at once, and its tests."""

import importlib.util
import keyword
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from string import Template

from icbench.errors import ResultsError, UsageError
from icbench.kinds.names import CODED_KINDS
from icbench.plugins.discovery import canonical
from icbench.plugins.manager import builtin_components
from icbench.storage import make_folder
from icbench.version import __version__

TEMPLATES = Path(__file__).parent / "templates"
DIST_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
TRAINED = "generator"
"""The kind whose components are trained before anything else."""
RESERVED = {"icbench", "icbench-plugins", "icbench-testing"}


@dataclass(frozen=True)
class Names:
    """What the parts of a distribution are called.

    Args:
        dist: the distribution, such as `icbench-my-dist`.
        kind: of its component.
    """

    dist: str
    kind: str

    @property
    def component(self) -> str:
        """The component's name: the distribution's without its prefix."""
        return self.dist.removeprefix("icbench-")

    @property
    def package(self) -> str:
        """The import package that it holds."""
        return self.dist.replace("-", "_")

    @property
    def module(self) -> str:
        """The module of the component in it."""
        return self.component.replace("-", "_")

    @property
    def cls(self) -> str:
        """The component's class."""
        return "".join(part.capitalize() for part in self.component.split("-"))

    @property
    def trial(self) -> str:
        """The command that runs it for a first time. A new dataset has no weights of its own, and looks like MNIST."""
        others = "--generator cgan:trained_on=mnist " if self.kind == "dataset" else ""
        return f"icbench run {others}--{self.kind} {self.component} --limit 100"

    def preparation(self, form: str, place: Path = Path()) -> str:
        """The command that makes what it lacks, in a form; empty where it lacks nothing.

        Args:
            form: with braces for the command.
            place: the distribution's folder.
        """
        numbers = shlex.quote((place / self.package / f"{self.component}-mnist.json").as_posix())
        commands = {
            TRAINED: f"icbench train {self.component}",
            "product": f"icbench fit {self.component} --limit 200 --out {numbers}",
        }
        return form.format(commands[self.kind]) if self.kind in commands else ""

    def substitutions(self) -> dict[str, str]:
        """What the templates have in braces, and what stands there instead."""
        return {
            "dist": self.dist,
            "kind": self.kind,
            "Kind": self.kind.capitalize(),
            "name": self.component,
            "package": self.package,
            "module": self.module,
            "cls": self.cls,
            "icbench": __version__,
            "trial": self.trial,
            "prepare": self.preparation("{}\n"),
            "prepare_step": self.preparation("      - run: {}\n"),
        }


def create(dist: str, kind: str, parent: Path) -> Path:
    """Write a new distribution into a folder of its name under `parent`; returns the folder.

    Raises:
        UsageError: the name cannot be used, or the folder exists; nothing is overwritten.
        ResultsError: the folder cannot be written; nothing is left.
    """
    names = _check_names(dist, kind)
    folder = parent / names.dist
    if folder.exists():
        raise UsageError(f"{folder} exists already", "Choose another name, or another place with --directory.")
    try:
        make_folder(folder, {file: content.encode() for file, content in _files(names).items()})
    except OSError as error:
        raise ResultsError(f"{folder} cannot be written: {error.strerror}", "Choose another place.") from None
    return folder


def _check_names(dist: str, kind: str) -> Names:
    names = Names(canonical(dist), kind)
    if not DIST_NAME.fullmatch(dist):
        raise UsageError(
            f"'{dist}' is no name for a distribution", "Use lower case letters, digits and hyphens: icbench-mydist."
        )
    if names.dist in RESERVED:
        raise UsageError(f"the name {dist} is reserved", "Choose another, such as icbench-mydist.")
    if not names.module.isidentifier() or keyword.iskeyword(names.module):
        raise UsageError(f"'{names.component}' is no name for a Python module", "Choose one that begins with a letter.")
    if names.component in CODED_KINDS or names.package in sys.stdlib_module_names or _is_importable(names.package):
        raise UsageError(f"the name {names.package} is taken by another Python package", "Choose another name.")
    taken = [registered for registered in builtin_components().components(kind) if registered.name == names.component]
    if taken:
        raise UsageError(f"icbench has a {kind} '{names.component}' of its own", "Choose another name.")
    return names


def _is_importable(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _files(names: Names) -> dict[str, str]:
    """The content of each file, by its path in the distribution."""
    templates = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        ".gitignore": "gitignore",
        ".github/workflows/test.yml": "test.yml",
        f"{names.package}/__init__.py": f"{names.kind}_hook.py",
        f"{names.package}/{names.module}.py": f"{names.kind}.py",
        f"tests/test_{names.module}.py": "test.py",
    }
    if names.kind == TRAINED:
        templates[f"{names.package}/training.py"] = "generator_training.py"
    values = names.substitutions()
    return {
        file: Template((TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")).substitute(values)
        for file, template in templates.items()
    }
