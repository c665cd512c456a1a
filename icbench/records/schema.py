"""The form of `record.json`: its schema number, the way from older ones, and the digest that shows an edit."""

import hashlib
import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from icbench.errors import IntegrityError

SCHEMA = 2
"""Raise it when what is there changes its name or meaning, with a step in `UPDATES`; what is only added has its place
in `ADDED`. Run keys hold it."""

SIGNED_SINCE = 2
"""The first schema with a digest."""

Document: TypeAlias = dict[str, Any]

DIGEST_LINE = re.compile(rb'^  "digest": "([0-9a-f]{64})",\n', re.MULTILINE)
"""The digest in the readable form; nothing within a value begins a line so."""


def canonical(document: Document) -> bytes:
    """The readable form that records are kept in: keys in order, one value a line."""
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def content_digest(document: Document) -> str:
    """SHA-256 over all of a record but for the digest itself."""
    return hashlib.sha256(canonical({key: value for key, value in document.items() if key != "digest"})).hexdigest()


def sign(document: Document) -> Document:
    """`document` with its digest."""
    return {**document, "digest": content_digest(document)}


def parse(content: bytes) -> Any:
    """The document in the content of a file.

    Raises:
        ValueError: it is no JSON, or has a number that JSON has not, which icbench never writes.
    """
    return json.loads(content, parse_constant=_refuse, parse_float=_finite)


def is_edited(written: Document, content: bytes) -> bool:
    """Whether the content of a `record.json` is not what icbench wrote; schemas without a digest cannot tell.

    Args:
        written: what `parse` makes of the content.
        content: the file's; laid out as icbench does, it need not be written again to be held against its digest.
    """
    if _has_own_digest(content):
        return False
    digest = content_digest(written)
    if "digest" not in written and written.get("schema") in range(SIGNED_SINCE):
        return False
    return written.get("digest") != digest


def _has_own_digest(content: bytes) -> bool:
    """Whether the lines without that of the digest, which are the readable form without it, have just this digest."""
    line = DIGEST_LINE.search(content)
    rest = line and content[: line.start()] + content[line.end() :]
    return bool(line and rest and hashlib.sha256(rest).hexdigest().encode() == line[1])


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def update_schema(document: Document, where: str) -> Document:
    """`document` in the present schema, whatever older one it is in, without its digest.

    Raises:
        IntegrityError: the schema is newer than this icbench, or the document is not a record's.
    """
    try:
        schema = int(document["schema"])
        if schema > SCHEMA:
            raise IntegrityError(f"{where} has schema {schema}, this icbench knows {SCHEMA}", "Update icbench.")
        while schema < SCHEMA:
            document = UPDATES[schema](document)
            schema += 1
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"{where} is not a record: {type(error).__name__} {error}") from error
    return {name: value for name, value in {**ADDED, **document}.items() if name != "digest"}


def _from_1(document: Document) -> Document:
    """Schema 1 had no digest, no series, no generator size and no tier, which were all pixels then."""
    metrics = {**document["metrics"], "generator_parameters": None}
    return {**document, "schema": 2, "series": "", "tier": "pixels", "flags": [], "metrics": metrics}


UPDATES: dict[int, Callable[[Document], Document]] = {1: _from_1}
"""For each older schema, the step to the next one."""

ADDED: Document = {"engine": "", "suite": ""}
"""What records of this schema lack that were made before it was kept, as they are read. Those without a digest of the
engine have as a component's source the digest of a single file."""
