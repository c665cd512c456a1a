"""A source file cut into what it defines, each piece by its syntax tree: no comment, docstring or layout is in it."""

import ast
import hashlib
import json
import sys
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from icbench.storage import keep, read_kept

DYNAMIC = {"import_module", "__import__", "iter_modules", "walk_packages"}
"""Calls that import what no statement names."""
HOOK_MARK = "hookimpl"
UNSAID = {"ctx", "type_comment", "kind"}
"""Fields of a tree that say nothing of what is computed."""

Node: TypeAlias = ast.AST | list[Any] | None


@dataclass(frozen=True)
class Import:
    """A name taken from elsewhere.

    Args:
        module: as it is written, with its leading dots.
        name: what is taken of the module; empty for the module itself, "*" for all.
        bound: what it is called here; empty if nothing is.
    """

    module: str
    name: str = ""
    bound: str = ""


@dataclass(frozen=True)
class Piece:
    """A definition of a module, or all its other statements in their order.

    Args:
        digest: of the tree.
        defines: the names that it gives to the module.
        uses: all names in it.
        imports: those inside it.
    """

    digest: str
    defines: tuple[str, ...]
    uses: tuple[str, ...]
    imports: tuple[Import, ...] = ()


@dataclass(frozen=True)
class SourceFile:
    """What a file computes with.

    Args:
        pieces: its definitions, and the rest.
        imports: those of the module itself.
        dynamic: whether it imports what cannot be read from its text.
    """

    pieces: tuple[Piece, ...]
    imports: tuple[Import, ...] = ()
    dynamic: bool = False


@cache
def read_source(content: bytes) -> SourceFile:
    """The file of this content: read once in a process, and kept in the user's cache folder by the content's digest."""
    name = f"sources/{sha256(_reader() + content)}.json"
    try:
        return _from_json(read_kept(name))
    except (ValueError, TypeError):
        found = parse_source(content)
    keep(name, json.dumps(astuple(found)))
    return found


def parse_source(content: bytes) -> SourceFile:
    """The file of this content; one that is no Python of this version is a single piece by its bytes."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return SourceFile((Piece(sha256(content), (), ()),))
    pieces, rest, imports, dynamic = [], [], [], False
    for statement in tree.body:
        silencer = _Silencer()
        heard = silencer.visit(statement)
        dynamic |= silencer.dynamic
        left = heard if isinstance(heard, list) else [heard] if heard else []
        definition = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if definition and left:
            pieces.append(_piece(left, tuple(silencer.imports)))
            continue
        imports += silencer.imports if not definition else []
        for node in left:
            if not _names_a_value(node):
                rest.append(node)
            elif "__all__" not in _defined_names([node]):
                pieces.append(_piece([node]))
    pieces += [_piece(rest)] if rest else []
    return SourceFile(tuple(pieces), tuple(imports), dynamic)


def sha256(content: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


class _Silencer(ast.NodeTransformer):
    """Takes out what computes nothing, and notes the imports among it.

    A hook's implementation goes too: what it registers is in a record by itself, and one more component in it must not
    change those that are there.
    """

    def __init__(self) -> None:
        self.imports: list[Import] = []
        self.dynamic = False

    def visit_Import(self, node: ast.Import) -> Node:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            self.imports.append(Import(alias.name, bound=alias.asname or ("" if top != alias.name else top)))
            if not alias.asname and top != alias.name:
                self.imports.append(Import(top, bound=top))
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Node:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            bound = "" if alias.name == "*" else alias.asname or alias.name
            self.imports.append(Import(module, alias.name, bound))
        return None

    def visit_Expr(self, node: ast.Expr) -> Node:
        text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if text else self.generic_visit(node)

    def visit_Pass(self, node: ast.Pass) -> Node:
        return None

    def visit_If(self, node: ast.If) -> Node:
        if _last_name(node.test) != "TYPE_CHECKING":
            return self.generic_visit(node)
        visited = [self.visit(statement) for statement in node.orelse]
        return [part for found in visited for part in (found if isinstance(found, list) else [found]) if part]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Node:
        marks = [_last_name(mark.func if isinstance(mark, ast.Call) else mark) for mark in node.decorator_list]
        return None if HOOK_MARK in marks else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> Node:
        if _last_name(node.func) in DYNAMIC:
            name = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
            if isinstance(name, str):
                self.imports.append(Import(name))
            else:
                self.dynamic = True
        return self.generic_visit(node)


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _names_a_value(node: ast.AST) -> bool:
    """Whether a statement does no more than give plain names a value."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return bool(targets) and all(isinstance(target, ast.Name) for target in targets)


def _piece(nodes: list[ast.AST], imports: tuple[Import, ...] = ()) -> Piece:
    names = {node.id for part in nodes for node in ast.walk(part) if isinstance(node, ast.Name)}
    digest = sha256("".join(map(_text, nodes)).encode())
    return Piece(digest, tuple(sorted(_defined_names(nodes))), tuple(sorted(names)), imports)


def _defined_names(nodes: list[ast.AST]) -> set[str]:
    """The names that statements give to their module, those inside functions and classes left out."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name):
            found |= {node.id} if isinstance(node.ctx, ast.Store) else set()
        else:
            found |= _defined_names(list(ast.iter_child_nodes(node)))
    return found


def _text(value: object) -> str:
    """A tree as text that is the same in every version of Python: fields that are empty are left out."""
    if isinstance(value, ast.Constant):
        return repr(value.value)
    if isinstance(value, ast.AST):
        said = [(name, part) for name, part in ast.iter_fields(value) if name not in UNSAID and part not in (None, [])]
        return f"{type(value).__name__}({','.join(f'{name}={_text(part)}' for name, part in said)})"
    return f"[{','.join(map(_text, value))}]" if isinstance(value, list) else repr(value)


@cache
def _reader() -> bytes:
    """What changes when files are read in another way."""
    return Path(__file__).read_bytes() + repr(sys.version_info[:2]).encode()


def _from_json(text: str) -> SourceFile:
    pieces, imports, dynamic = json.loads(text)
    found = tuple(
        Piece(digest, tuple(defines), tuple(uses), tuple(Import(*one) for one in inside))
        for digest, defines, uses, inside in pieces
    )
    return SourceFile(found, tuple(Import(*one) for one in imports), dynamic)
