"""The digest of all source that decides what a component computes: its own files and those that they import.

Two closures go into a run's key. That of a component (`source_digest`) is followed inside the packages of its
distribution, those of other plugins, and icbench; that of the engine (`engine_digest`) is what all entries share. A
library such as torch is not followed.

Comments, docstrings, layout, the order of imports, the names of modules and the place of a function or class within a
closure are not in a digest. What an imported name stands for is: a definition counts together with those it refers to.
Nothing is imported to find all this out.
"""

import json
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.machinery import SOURCE_SUFFIXES, ModuleSpec, PathFinder
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlparse

from icbench.plugins.discovery import installed_sources
from icbench.running.source_syntax import Import, Piece, SourceFile, read_source, sha256

ENGINE = ("icbench.engine.invert", "icbench.running.runners", "icbench.kinds")
"""Where the engine's closure begins: with these and all modules in them."""

LOOP = "icbench.training.loop"
"""Where that of trainings begins."""

NEUTRAL = (
    "icbench",
    "icbench.cli",
    "icbench.compute.environment",
    "icbench.compute.machine",
    "icbench.compute.probe",
    "icbench.engine.batch_size",
    "icbench.engine.blame",
    "icbench.engine.memory",
    "icbench.engine.preflight",
    "icbench.errors",
    "icbench.kinds.executor",
    "icbench.kinds.names",
    "icbench.kinds.suite",
    "icbench.plugins",
    "icbench.ranking",
    "icbench.records",
    "icbench.report",
    "icbench.running.entry",
    "icbench.running.observer",
    "icbench.running.options",
    "icbench.running.source_closure",
    "icbench.running.source_syntax",
    "icbench.statistics",
    "icbench.storage",
    "icbench.version",
)
"""What decides no number of a run, and is not followed: these modules and what is in them, but of `icbench` itself only
its first file. What is not named here counts."""

Key: TypeAlias = tuple[str, int]
"""A piece of a module, by the module's name and its number there."""
WHOLE = -1
"""The number of a module as a whole."""
Target: TypeAlias = Key | str
"""What a name stands for: a piece or a module of the closure, or something outside of it by its name."""
SpecOf: TypeAlias = Callable[[str], ModuleSpec | None]
"""What finds a module."""
OTHERS = {"site-packages", "dist-packages"}
"""Folders of installed packages: what is in one is not beside a file or in a project."""


@cache
def source_digest(factory: str, dist: str) -> str:
    """The digest of what a factory computes with.

    Args:
        factory: `"package.module:name"`.
        dist: the distribution's name; of a plugin file the file's.

    Returns:
        `sha256:...`, or empty where there is no such module.
    """
    module, _, name = factory.partition(":")
    closure = Closure(_Packages(module, dist), frozenset(_engine().modules))
    closure.follow(module)
    return closure.digest((module, name)) if closure.modules else ""


def training_digest(trainer: str, dist: str) -> str:
    """The digest of what a trainer `"package.module:name"` computes with.

    The loop that runs it and the inversions that judge it are included.
    """
    return "sha256:" + _digest([source_digest(trainer, dist), loop_digest(), engine_digest()])


@cache
def loop_digest() -> str:
    """The digest of what every training is made with, besides its trainer and the engine."""
    closure = Closure(_Packages("icbench", ""), frozenset(_engine().modules))
    closure.follow(LOOP)
    return closure.digest()


@cache
def engine_digest() -> str:
    """The digest of what every inversion and every classification is computed with, besides the components."""
    return _engine().digest()


@cache
def _engine() -> "Closure":
    closure = Closure(_Packages("icbench", ""))
    for start in ENGINE:
        closure.follow(start)
        for name in closure.inside(start):
            closure.follow(name)
    return closure


@dataclass(frozen=True)
class Module:
    """A module of a closure, read and not imported."""

    spec: ModuleSpec

    @cached_property
    def source(self) -> SourceFile:
        """Its source in pieces; of a compiled module one piece, by its bytes."""
        content = _content(self.spec)
        if self.spec.origin and self.spec.origin.endswith(tuple(SOURCE_SUFFIXES)):
            return read_source(content)
        return SourceFile((Piece(sha256(content), (), ()),) if content else ())

    @cached_property
    def definitions(self) -> dict[str, list[int]]:
        """The pieces that define each name."""
        found: dict[str, list[int]] = {}
        for number, piece in enumerate(self.source.pieces):
            for name in piece.defines:
                found.setdefault(name, []).append(number)
        return found

    @cached_property
    def imports_by_name(self) -> dict[str, list[Import]]:
        """What is imported under each name."""
        found: dict[str, list[Import]] = {}
        for one in self.source.imports:
            found.setdefault(one.bound, []).append(one)
        return found

    def imports(self) -> Iterator[Import]:
        """All imports, those inside functions too."""
        yield from self.source.imports
        for piece in self.source.pieces:
            yield from piece.imports

    def absolute(self, written: str) -> str:
        """The full name of a module that is named here, perhaps relatively; empty where it leads nowhere."""
        package = self.spec.name if self.spec.submodule_search_locations is not None else self.spec.parent
        try:
            return resolve_name(written, package or "")
        except ImportError:
            return ""


class Closure:
    """Modules and all that they import, inside some packages.

    Args:
        packages: which these are.
        covered: modules that count elsewhere.
    """

    def __init__(self, packages: "_Packages", covered: frozenset[str] = frozenset()) -> None:
        self.packages, self.covered = packages, covered
        self.modules: dict[str, Module] = {}
        self._specs: dict[str, ModuleSpec | None] = {}

    def follow(self, start: str) -> None:
        """Add a module, the packages it is in, and all that these import."""
        waiting = [start]
        while waiting:
            for name in _with_parents(waiting.pop()):
                if name not in self.modules and self._counts(name) and (spec := self._spec(name)):
                    self.modules[name] = Module(spec)
                    waiting += self._imports(self.modules[name])

    def inside(self, package: str) -> Iterator[str]:
        """The names of all modules in a package and its packages."""
        spec = self._spec(package)
        for found in pkgutil.iter_modules((spec and spec.submodule_search_locations) or []):
            yield f"{package}.{found.name}"
            yield from self.inside(f"{package}.{found.name}")

    def digest(self, factory: tuple[str, str] | None = None) -> str:
        """The digest of the closure, and of which of its definitions the factory (module, name) is."""
        pieces = {
            (name, number): piece
            for name, module in self.modules.items()
            for number, piece in enumerate(module.source.pieces)
        }
        links = {key: dict(self._links(key[0], piece)) for key, piece in pieces.items()}
        digests = {key: piece.digest for key, piece in pieces.items()}
        known = 0
        # With each round a piece's digest says more of what it refers to, until that tells no more of them apart.
        while len(set(digests.values())) > known:
            known = len(set(digests.values()))
            modules = _of_modules(digests)
            digests = {key: _link(piece.digest, links[key], digests, modules) for key, piece in pieces.items()}
        made = _link("", {factory[1]: self._targets(*factory)}, digests, _of_modules(digests)) if factory else ""
        return "sha256:" + _digest([made, sorted(set(digests.values()))])

    def _imports(self, module: Module) -> Iterator[str]:
        for one in module.imports():
            base = module.absolute(one.module)
            if base:
                yield base
                yield from [f"{base}.{one.name}"] if one.name not in ("", "*") else []
        if module.source.dynamic and module.spec.parent:
            yield from self.inside(module.spec.parent)

    def _links(self, name: str, piece: Piece) -> Iterator[tuple[str, tuple[Target, ...]]]:
        """What the names in a piece of the module `name` stand for, as far as they are not its own."""
        for used in piece.uses:
            local = [target for one in piece.imports if one.bound == used for target in self._import_targets(name, one)]
            targets = tuple(local) or self._targets(name, used)
            if targets:
                yield used, targets

    def _targets(self, module: str, name: str, asked: frozenset[str] = frozenset()) -> tuple[Target, ...]:
        """What `name` stands for in a module of the closure; empty if it is not the module's."""
        if module in asked or module not in self.modules:
            return ()
        of, asked = self.modules[module], asked | {module}
        found: list[Target] = [(module, number) for number in of.definitions.get(name, [])]
        for one in of.imports_by_name.get(name, []):
            found += self._import_targets(module, one, asked)
        for one in of.imports_by_name.get("", []) if not found else []:
            found += self._targets(of.absolute(one.module), name, asked) if one.name == "*" else ()
        return tuple(found)

    def _import_targets(self, module: str, one: Import, asked: frozenset[str] = frozenset()) -> tuple[Target, ...]:
        """What an import in a module of the closure takes."""
        base = self.modules[module].absolute(one.module)
        if not one.name:
            return ((base, WHOLE),) if base in self.modules else (base,)
        found = self._targets(base, one.name, asked)
        if found:
            return found
        if f"{base}.{one.name}" in self.modules:
            return ((f"{base}.{one.name}", WHOLE),)
        # Where something of our own is that counts elsewhere, or not at all, may change.
        own = self.packages.has(base, self._spec)
        return (one.name if own else f"{base}.{one.name}",)

    def _counts(self, name: str) -> bool:
        return name not in self.covered and not _is_neutral(name) and self.packages.has(name, self._spec)

    def _spec(self, name: str) -> ModuleSpec | None:
        """Where a module is. Of its parents none is imported."""
        if name not in self._specs:
            self._specs[name] = self._find_spec(name)
        return self._specs[name]

    def _find_spec(self, name: str) -> ModuleSpec | None:
        parent = name.rpartition(".")[0]
        if parent:
            spec = self._spec(parent)
            folders = spec.submodule_search_locations if spec else None
            return PathFinder.find_spec(name, list(folders)) if folders else None
        try:
            return find_spec(name)
        except (ImportError, ValueError):
            return None


class _Packages:
    """Which top-level packages are followed for a component.

    Args:
        module: the factory's.
        dist: the name of its distribution.
    """

    def __init__(self, module: str, dist: str) -> None:
        self.top = module.partition(".")[0]
        self.names = {self.top, "icbench"} | _plugin_packages()
        self.project: Path | None = None
        self.file = False
        self._known: dict[str, bool] = {}
        try:
            self._read(distribution(dist))
        except (PackageNotFoundError, ValueError):
            self.file = bool(dist)

    def has(self, name: str, spec_of: SpecOf) -> bool:
        """Whether the module `name` is in one of the packages."""
        top = name.partition(".")[0]
        if top not in self._known:
            beside = top not in sys.stdlib_module_names and self._is_beside(spec_of(top), spec_of(self.top))
            self._known[top] = top in self.names or beside
        return self._known[top]

    def _is_beside(self, spec: ModuleSpec | None, own: ModuleSpec | None) -> bool:
        place = _place(spec)
        if place is None or OTHERS & set(place.parts):
            return False
        if self.project:
            return place.is_relative_to(self.project)
        own_place = _place(own)
        return self.file and own_place is not None and place.parent == own_place.parent

    def _read(self, dist: Distribution) -> None:
        """Note the packages that a distribution has installed, or the folder of an editable one."""
        for file in dist.files or []:
            if len(file.parts) > 1 or file.suffix in SOURCE_SUFFIXES:
                self.names.add(file.parts[0].partition(".")[0])
        url = json.loads(dist.read_text("direct_url.json") or "{}")
        if url.get("dir_info", {}).get("editable"):
            self.project = Path(unquote(urlparse(url["url"]).path)).resolve()


@cache
def _plugin_packages() -> frozenset[str]:
    """The packages that bring components: those of one may build on those of another."""
    return frozenset(re.split(r"[.:\s]", source.value)[0] for source in installed_sources())


def _place(spec: ModuleSpec | None) -> Path | None:
    """The folder of a package, or the file of a module; None of what is in no file."""
    folders = list((spec and spec.submodule_search_locations) or [])
    name = folders[0] if folders else spec.origin if spec and spec.has_location else None
    return Path(name).resolve() if name else None


def _content(spec: ModuleSpec) -> bytes:
    """A module's file; empty for a folder without one, and for what is built into Python."""
    if not spec.has_location or not spec.origin:
        return b""
    try:
        return Path(spec.origin).read_bytes()
    except OSError:
        read = getattr(spec.loader, "get_data", None)  # as from an archive
        return bytes(read(spec.origin)) if read else b""


def _with_parents(name: str) -> Iterator[str]:
    """A module's name and those of the packages it is in, the outermost first."""
    parts = name.split(".")
    yield from (".".join(parts[: count + 1]) for count in range(len(parts)))


@cache
def _is_neutral(name: str) -> bool:
    return any(name == known or (known != "icbench" and name.startswith(f"{known}.")) for known in NEUTRAL)


def _of_modules(digests: Mapping[Key, str]) -> dict[str, str]:
    """A digest of each module that has pieces: that of all of them."""
    found: dict[str, list[str]] = {}
    for (module, _), digest in digests.items():
        found.setdefault(module, []).append(digest)
    return {module: _digest(sorted(parts)) for module, parts in found.items()}


def _link(
    digest: str,
    links: Mapping[str, tuple[Target, ...]],
    pieces: Mapping[Key, str],
    modules: Mapping[str, str],
) -> str:
    """The digest of a piece together with the present ones of what its names stand for."""

    def of(target: Target) -> str:
        if isinstance(target, str):
            return target
        return modules.get(target[0], "") if target[1] == WHOLE else pieces[target]

    return _digest([digest, sorted((name, [of(target) for target in targets]) for name, targets in links.items())])


def _digest(content: object) -> str:
    return sha256(json.dumps(content).encode())
