"""What `icbench plugins check` is to check: components by name, or those of a file or a folder, installed or not."""

import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pluggy

from icbench.errors import PluginError, UsageError, suggestion
from icbench.plugins import hookspecs
from icbench.plugins.component import Registered, Selection
from icbench.plugins.discovery import GROUP, PluginSource, canonical, file_source
from icbench.plugins.loader import load
from icbench.plugins.manager import PluginManager, plugin_manager, visited_by
from icbench.testing.registry import KITS
from icbench.testing.subject import Subject, source_of


@dataclass(frozen=True)
class Target:
    """What was asked for.

    Args:
        subjects: the components to check.
        problems: what is wrong with their plugin besides, one line each; such components cannot be checked.
    """

    subjects: list[Subject]
    problems: list[str]


@contextmanager
def open_target(text: str) -> Iterator[Target]:
    """The components that `text` names, importable until the context ends.

    Args:
        text: a component (`name`, `dist/name`, `name:key=value`), a distribution, a Python file with hooks, or a folder
            with a distribution's `pyproject.toml`.

    Raises:
        UsageError: there is nothing of that name, or the folder declares no plugin.
        PluginError: the plugin cannot be used.
    """
    path = Path(text)
    if path.suffix == ".py" or (path / "pyproject.toml").is_file():
        before = list(sys.path)
        try:
            found = _of_path(path)
            # A product names its members' components, which may be beside it.
            with visited_by(dict.fromkeys(subject.source for subject in found.subjects if subject.source)):
                yield found
        finally:
            sys.path[:] = before
    else:
        yield _of_name(text)


def _of_path(path: Path) -> Target:
    if path.suffix == ".py":
        if not path.is_file():
            raise UsageError(f"there is no file {path}", "Name a .py file that implements hooks.")
        return _load([file_source(path)])
    folder = path.resolve()
    roots = [root for root in (folder / "src", folder) if root.is_dir()]
    sys.path[:0] = map(str, roots)
    target = _load(_folder_sources(folder))
    _expect_loaded_from(folder, target)
    return target


def _folder_sources(folder: Path) -> list[PluginSource]:
    file = folder / "pyproject.toml"
    try:
        project: Mapping[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        name, points = str(project["name"]), dict(project["entry-points"][GROUP])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{file} declares no plugin: {type(error).__name__} {error}",
            f"It needs a [project] with a name and [project.entry-points.{GROUP}]; or install it, and say its name.",
        ) from None
    version = str(project.get("version", "not installed"))
    return [PluginSource(point, name, version, str(value)) for point, value in sorted(points.items())]


def _load(sources: list[PluginSource]) -> Target:
    manager = pluggy.PluginManager("icbench")
    manager.add_hookspecs(hookspecs)
    target = Target([], [])
    for source in sources:
        loaded = load(source, manager)
        target.subjects.extend(_subject(registered, source) for registered in loaded.registered)
        if loaded.stage:
            target.problems.append(f"{source.dist}, {loaded.stage}: {loaded.reason}")
    if not target.subjects:
        reason = "; ".join(target.problems) or "it offers no component"
        raise PluginError(f"nothing can be checked: {reason}", "Mend that first.")
    return target


def _expect_loaded_from(folder: Path, target: Target) -> None:
    """Raise if another copy of the plugin, such as the installed one, was imported before."""
    for subject in target.subjects:
        assert subject.source is not None
        module = sys.modules[subject.source.value.partition(":")[0]]
        file = Path(getattr(module, "__file__", None) or folder).resolve()
        if not file.is_relative_to(folder):
            raise PluginError(f"{module.__name__} was imported from {file}, not from {folder}", "Check it by its name.")


def _of_name(text: str) -> Target:
    # What is broken is said in the report, or by the error.
    manager = plugin_manager(warn=False)
    name, _, assignments = text.partition(":")
    every = [registered for kind in KITS for registered in manager.components(kind)]
    if found := manager.find_named(name, KITS):
        specs = [(r.kind, f"{r.dist}/{r.name}:{assignments}") for r in found]
        selections = [manager.select(kind, spec) for kind, spec in specs]
        return Target([Subject(s, source_of(manager, s.registered)) for s in selections], [])
    statuses = [status for status in manager.statuses if canonical(status.source.dist) == canonical(text)]
    if not statuses:
        _raise_unknown(manager, name, every)
    problems = [f"{s.source.dist}, {s.stage or s.state}: {s.reason}" for s in statuses if s.state == "broken"]
    of_dist = [registered for registered in every if canonical(registered.dist) == canonical(text)]
    if not of_dist:
        raise PluginError(f"nothing of {text} can be checked: {statuses[0].state}, {statuses[0].reason}")
    # Each of many checks starts an executor anew: one that takes seconds for it is checked when it is named.
    quick = [registered for registered in of_dist if "slow-start" not in registered.component.traits]
    return Target([_subject(registered, source_of(manager, registered)) for registered in quick or of_dist], problems)


def _subject(registered: Registered, source: PluginSource | None) -> Subject:
    return Subject(Selection(registered, registered.component.complete({})), source)


def _raise_unknown(manager: PluginManager, name: str, every: list[Registered]) -> None:
    """Raise a PluginError if a broken plugin is known to have the component, or else a UsageError."""
    if manager.find_named(name, ["suite"]):
        raise UsageError(
            f"{name} is a suite, and only what suites are made of is checked", f"`icbench suite show {name}` reads it."
        )
    manager.raise_if_unusable(name, KITS)
    known = {registered.name for registered in every} | {registered.dist for registered in every}
    raise UsageError(
        f"there is no component, distribution, .py file or folder with a pyproject.toml called '{name}'",
        suggestion(name, known, "components and distributions"),
    )
