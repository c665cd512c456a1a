"""Which plugins there are, read from metadata alone: nothing of a plugin is imported here."""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, entry_points
from pathlib import Path

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
        value: what is imported, `"package.module"` or `"package.module:object"`.
        file: the file it is, or None for a distribution.
        requires: what the distribution requires of icbench, such as `">=0.2"`; empty if nothing.
        editable: whether the distribution was installed with `pip install -e`.
    """

    entry_point: str
    dist: str
    version: str
    value: str
    file: Path | None = None
    requires: str = ""
    editable: bool = False

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
    sources = sorted(_installed(), key=lambda source: (source.dist, source.entry_point))
    if os.environ.get(NONE_VARIABLE, "0") not in ("", "0"):
        sources = []
    only = os.environ.get(ONLY_VARIABLE)
    if only is not None:
        wanted = {canonical(name) for name in only.split(",")}
        sources = [source for source in sources if canonical(source.dist) in wanted]
    return [*sources, *_files()]


def canonical(name: str) -> str:
    """A distribution's name as the packaging rules compare it."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _installed() -> Iterator[PluginSource]:
    for point in entry_points(group=GROUP):
        dist = point.dist
        yield PluginSource(
            entry_point=point.name,
            dist=dist.name if dist else point.value,
            version=dist.version if dist else "",
            value=point.value,
            requires=_requires(dist) if dist else "",
            editable=_is_editable(dist) if dist else False,
        )


def _requires(dist: Distribution) -> str:
    """The version specifiers of the requirement on icbench, if the metadata has a plain one."""
    for requirement in dist.requires or []:
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
    return '"editable": true' in (dist.read_text("direct_url.json") or "").replace(
        '"editable":true', '"editable": true'
    )


def _files() -> Iterator[PluginSource]:
    for name in filter(None, os.environ.get(FILES_VARIABLE, "").split(os.pathsep)):
        yield file_source(Path(name))


def file_source(file: Path) -> PluginSource:
    """The source that a single file is, whether it is there or not."""
    content = file.read_bytes() if file.is_file() else b""
    digest = hashlib.sha256(content).hexdigest()[:8]
    return PluginSource(file.stem, file.name, digest, file.stem, file=file)


def declared_names(source: PluginSource) -> set[str]:
    """The component names that a plugin's code writes down, found without importing it.

    Only for saying which broken plugin a missing component may be in.
    """
    texts = [source.file] if source.file else _module_files(source)
    found: set[str] = set()
    for file in texts:
        try:
            found |= set(re.findall(r"Component\(\s*(?:name\s*=\s*)?[\"']([\w-]+)[\"']", file.read_text()))
        except (OSError, UnicodeDecodeError):
            continue
    return found


def _module_files(source: PluginSource) -> Iterator[Path]:
    """The files of the distribution's package that its entry point names."""
    package = re.split(r"[.:\s]", source.value)[0]
    for point in entry_points(group=GROUP):
        if point.dist and (point.name, point.dist.name) == (source.entry_point, source.dist):
            for file in point.dist.files or []:
                if file.suffix == ".py" and file.parts[0].removesuffix(".py") == package:
                    yield Path(str(file.locate()))
