"""JSON objects as frozen classes: read with every known key checked, and written again with every unknown one kept."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Annotated, Any, TypeAlias, TypeVar, get_args

import msgspec
from msgspec import Meta

from icbench.errors import IntegrityError

LARGEST = 2**63
"""What is as large cannot be computed with."""

Count: TypeAlias = Annotated[int, Meta(ge=0, le=LARGEST - 1)]
Number: TypeAlias = Count | Annotated[float, Meta(ge=0, lt=float(LARGEST))]
SignedNumber: TypeAlias = (
    Annotated[int, Meta(gt=-LARGEST, le=LARGEST - 1)] | Annotated[float, Meta(gt=-float(LARGEST), lt=float(LARGEST))]
)


@dataclass(frozen=True, kw_only=True)
class JSONObject:
    """The base of what is kept as a JSON object; a field that is as its default, None or `UNSET`, is left out of it.

    Args:
        unknown: what a document has besides the fields.
    """

    unknown: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The object as `json` takes it."""
        defaults = _defaults(type(self))  # type: ignore[arg-type]
        known = {name: (getattr(self, name), default) for name, default in defaults.items()}
        said = {name: _document_of(value) for name, (value, default) in known.items() if value is not default}
        return {**self.unknown, **said}


@cache
def _defaults(kind: type[JSONObject]) -> Mapping[str, object]:
    """The fields of a kind with what they are where nothing is said."""
    return {each.name: each.default for each in fields(kind) if each.name != "unknown"}


def _document_of(value: object) -> object:
    return value.document() if isinstance(value, JSONObject) else value


Kind = TypeVar("Kind", bound=JSONObject)


def decode(kind: type[Kind], document: object, where: str) -> Kind:
    """The object of a document.

    Args:
        kind: its class.
        document: as `json` gives it.
        where: the file that it is in.

    Raises:
        IntegrityError: a value is missing, of the wrong type or impossible.
    """
    try:
        return msgspec.convert(_with_unknown_apart(kind, document), kind)
    except msgspec.ValidationError as error:
        raise IntegrityError(f"{where} is not a record: its {_fault(str(error), document)}") from None


def _with_unknown_apart(kind: type[JSONObject], document: object) -> object:
    if not isinstance(document, dict):
        return document
    inner = _inner_kinds(kind)  # type: ignore[arg-type]
    known = {
        name: _with_unknown_apart(of, document[name]) if of else document[name]
        for name, of in inner.items()
        if name in document
    }
    return {**known, "unknown": {name: value for name, value in document.items() if name not in inner}}


@cache
def _inner_kinds(kind: type[JSONObject]) -> Mapping[str, type[JSONObject] | None]:
    return {each.name: _inner_kind(each.type) for each in fields(kind) if each.name != "unknown"}


def _inner_kind(annotation: Any) -> type[JSONObject] | None:
    kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
    return next((kind for kind in kinds if issubclass(kind, JSONObject)), None)


def _fault(message: str, document: object) -> str:
    """What is wrong with which value of a document, from what msgspec says of it."""
    reason, _, place = message.partition(" - at `$")
    path = re.findall(r"[^.\[\]`]+", place)
    missing = re.findall("required field `(.+)`", reason)
    name = ".".join([*path, *missing])
    value = None if missing or "got" in reason else _value_at(document, path)
    return f"'{name}' is {_shorten(value) if isinstance(value, (int, float)) else 'missing or of the wrong type'}"


def _value_at(document: Any, path: list[str]) -> object:
    for name in path:
        document = document[int(name) if isinstance(document, list) else name]
    return document


def _shorten(number: float) -> str:
    if abs(number) < LARGEST or isinstance(number, float):
        return str(number)
    return f"about 10^{math.log10(abs(number)):.0f}"
