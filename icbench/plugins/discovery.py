"""Which plugins there are, read from metadata alone: nothing of a plugin is imported here."""

import hashlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoints, PackagePath, distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from icbench.version import __version__

GROUP = "icbench"
NONE_VARIABLE = "ICBENCH_NO_PLUGINS"
ONLY_VARIABLE = "ICBENCH_PLUGINS"
FILES_VARIABLE = "ICBENCH_PLUGIN_FILES"


@dataclass(frozen=True)
class PluginSource:
    """One entry point, or one file, that brings components.

    Args:
        entry_point: its name.
        dist: the distribution that brings it; of a file its name.
        version: of the distribution; of a file the beginning of its SHA-256.
        value: what is imported, `"package.module"` or `"package.module:object"`; empty where the metadata does not say.
        file: the file it is, or None for a distribution.
        requires: what the distribution requires of icbench, such as `">=0.2"`; empty if nothing.
        editable: whether the distribution was installed with `pip install -e`.
        fault: what is wrong with the distribution's metadata; empty if nothing.
    """

    entry_point: str
    dist: str
    version: str
    value: str
    file: Path | None = None
    requires: str = ""
    editable: bool = False
    fault: str = ""

    @property
    def origin(self) -> str:
        """Where it comes from, in a word or two."""
        if self.file:
            return f"file {self.file}"
        if self == BUILTIN:
            return "built in"
        return "installed, editable" if self.editable else "installed"

    def incompatible(self) -> str:
        """Why this icbench is not the one it needs, or an empty text."""
        if not self.requires:
            return ""
        from packaging.specifiers import SpecifierSet

        if SpecifierSet(self.requires).contains(__version__, prereleases=True):
            return ""
        return f"it needs icbench{self.requires}, this is {__version__}"


BUILTIN = PluginSource("builtin", "icbench", __version__, "icbench.builtin")


def plugin_sources() -> list[PluginSource]:
    """The sources besides the built-in one, in the order of their names, files last.

    `ICBENCH_NO_PLUGINS=1` leaves out all distributions, `ICBENCH_PLUGINS=a,b` all but those; `ICBENCH_PLUGIN_FILES`
    names files.
    """
    sources = sorted(installed_sources(), key=lambda source: (source.dist, source.entry_point))
    if os.environ.get(NONE_VARIABLE, "0") not in ("", "0"):
        sources = []
    only = os.environ.get(ONLY_VARIABLE)
    if only is not None:
        wanted = {canonical(name) for name in only.split(",")}
        sources = [source for source in sources if canonical(source.dist) in wanted]
    return [*sources, *_files()]


def missing_plugins() -> list[str]:
    """What `ICBENCH_PLUGINS` names and is not installed, or brings no components."""
    if os.environ.get(NONE_VARIABLE, "0") not in ("", "0"):
        return []
    wanted = [name.strip() for name in os.environ.get(ONLY_VARIABLE, "").split(",") if name.strip()]
    installed = {canonical(source.dist) for source in installed_sources()} if wanted else set()
    return [name for name in wanted if canonical(name) not in installed]


def canonical(name: str) -> str:
    """A distribution's name as the packaging rules compare it."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def installed_sources() -> Iterator[PluginSource]:
    """The sources that installed distributions declare; what one has wrong in its metadata is noted, and stops none."""
    for dist, name in _distributions():
        declared = _text(dist, "entry_points.txt")
        if not all("=" in line for _, line in _lines(declared)):
            kind: type = type(dist)
            _spare_others(kind)
        if f"[{GROUP}]" in declared.replace(" ", ""):
            yield from _of_distribution(dist, name, declared)


def _distributions() -> Iterator[tuple[Distribution, str]]:
    """Each installed distribution and its name; of several of one name the first on the path, which is imported."""
    seen = set()
    for dist in distributions():
        name = _stem(dist)[0] or _field(dist, "Name")
        if canonical(name) not in seen:
            seen.add(canonical(name))
            yield dist, name


def _of_distribution(dist: Distribution, stem: str, declared: str) -> Iterator[PluginSource]:
    name, version = _field(dist, "Name"), _field(dist, "Version")
    missing = [field for field, found in (("Name", name), ("Version", version)) if not found]
    fault = f"its metadata has no {' and no '.join(missing)}; install it anew" if missing else ""
    name, version = name or stem or "unknown", version or _stem(dist)[1] or "unknown"
    requires, editable = _requires(dist), _is_editable(dist)
    for line in (line for group, line in _lines(declared) if group == GROUP):
        point, _, value = (part.strip() for part in line.partition("="))
        if not (point and value):
            point, value, fault = line, "", f"its entry_points.txt says {line!r}, which is not 'name = module'"
        yield PluginSource(point, name, version, value, requires=requires, editable=editable, fault=fault)


def _lines(declared: str) -> Iterator[tuple[str, str]]:
    """The lines that declare entry points, each with its group."""
    group = ""
    for line in map(str.strip, declared.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif line and not line.startswith("#"):
            yield group, line


@cache
def _spare_others(kind: type) -> None:
    """Let Python take a distribution whose entry points it cannot read for one without any.

    It would raise for whoever asks for entry points of whatever group, as torch does when it is imported.

    Args:
        kind: of the distribution. Once the package importlib_metadata is imported, as Dask does, it is one of that.
    """
    owner: Any = next(each for each in kind.__mro__ if "entry_points" in vars(each))
    read, none = owner.entry_points.fget, sys.modules[owner.__module__].EntryPoints(())

    def entry_points(dist: Distribution) -> EntryPoints:
        try:
            found: EntryPoints = read(dist)
        except Exception:
            found = none
        return found

    owner.entry_points = property(entry_points)


def _stem(dist: Distribution) -> tuple[str, str]:
    """The name and version that a distribution's folder is called by, as far as it is in one."""
    parts = Path(str(getattr(dist, "_path", ""))).name.removesuffix(".dist-info").removesuffix(".egg-info").split("-")
    return parts[0], parts[1] if len(parts) > 1 else ""


# What reading metadata may raise depends on what is wrong with it, and on the version of Python.


def _text(dist: Distribution, file: str) -> str:
    try:
        return dist.read_text(file) or ""
    except UnicodeDecodeError as error:
        return error.object.decode(errors="replace")
    except Exception:
        return ""


def _field(dist: Distribution, name: str) -> str:
    try:
        return str(dist.metadata[name] or "").strip()
    except Exception:
        return ""


def _requirements(dist: Distribution) -> list[str]:
    try:
        return dist.requires or []
    except Exception:
        return []


def _requires(dist: Distribution) -> str:
    """The version specifiers of the requirement on icbench, if the metadata has a plain one."""
    for requirement in _requirements(dist):
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        if name and canonical(name.group()) == "icbench":
            from packaging.requirements import InvalidRequirement, Requirement

            try:
                parsed = Requirement(requirement)
            except InvalidRequirement:
                continue
            if parsed.marker is None or parsed.marker.evaluate():
                return str(parsed.specifier)
    return ""


def _is_editable(dist: Distribution) -> bool:
    return '"editable":true' in _text(dist, "direct_url.json").replace(" ", "")


def named_files() -> list[Path]:
    """The files that `ICBENCH_PLUGIN_FILES` names. A path may have the separator in it, if it leads to a file."""
    parts = os.environ.get(FILES_VARIABLE, "").split(os.pathsep)
    found = []
    while parts:
        joined = (Path(os.pathsep.join(parts[:count])) for count in range(1, len(parts) + 1))
        file = next((path for path in joined if path.is_file()), Path(parts[0]))
        del parts[: str(file).count(os.pathsep) + 1]
        found += [file] if file.name else []
    return found


def _files() -> list[PluginSource]:
    """The sources that files are, each once however it is written."""
    return [file_source(file) for file in {file.resolve(): file for file in named_files()}.values()]


def file_source(file: Path) -> PluginSource:
    """The source that a single file is, whether it is there or not.

    Its module has a name of its own, which neither another module nor another content of the file can have.
    """
    content = file.read_bytes() if file.is_file() else b""
    digest = hashlib.sha256(content).hexdigest()[:8]
    place = hashlib.sha256(str(file.resolve()).encode() + content).hexdigest()[:8]
    # In a spec, `dist/name:key=value`, the file's name must not end before its end.
    dist = re.sub(r"[/:]", "-", file.name)
    return PluginSource(file.stem, dist, digest, f"icbench_file_{module_name(file)}_{place}", file=file)


def module_name(file: Path) -> str:
    """The file's name as Python could import it."""
    return re.sub(r"\W", "_", file.stem)


def declared_names(source: PluginSource) -> set[str]:
    """The names that a plugin's code writes down as texts, found without importing it.

    Only for saying which broken plugin a missing component may be in.
    """
    texts = [source.file] if source.file else _module_files(source)
    found: set[str] = set()
    for file in texts:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        found |= set(re.findall(r"[\"']([\w-]+)[\"']", text))
    return found


def _module_files(source: PluginSource) -> Iterator[Path]:
    """The files of the distribution's package that its entry point names."""
    package = re.split(r"[.:\s]", source.value)[0]
    for dist, name in _distributions():
        if canonical(name) == canonical(source.dist):
            for file in _list_files(dist):
                if file.suffix == ".py" and file.parts[0].removesuffix(".py") == package:
                    yield Path(str(file.locate()))
    if source.editable:
        yield from _editable_files(package)


def _editable_files(package: str) -> Iterator[Path]:
    """The files of a package that lies elsewhere, found on Python's path without importing it."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return
    for folder in (spec.submodule_search_locations or []) if spec else []:
        yield from Path(folder).rglob("*.py")
    if spec and spec.origin and not spec.submodule_search_locations:
        yield Path(spec.origin)


def _list_files(dist: Distribution) -> list[PackagePath]:
    try:
        return dist.files or []
    except Exception:
        return []
