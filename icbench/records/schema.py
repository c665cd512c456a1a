"""The form of `record.json`: its schema number, the way from older ones, and the digest that shows an edit."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, TypeAlias

from icbench.errors import IntegrityError

SCHEMA = 2
"""Raise it when what is there changes its name or meaning, with a step in `UPDATES`; what is only added has its place
in `ADDED`. Run keys hold it."""

SIGNED_SINCE = 2
"""The first schema with a digest."""

Document: TypeAlias = dict[str, Any]


def canonical(document: Document) -> bytes:
    """The readable form that records are kept in: keys in order, one value a line."""
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def content_digest(document: Document) -> str:
    """SHA-256 over all of a record but for the digest itself."""
    return hashlib.sha256(canonical({key: value for key, value in document.items() if key != "digest"})).hexdigest()


def sign(document: Document) -> Document:
    """`document` with its digest."""
    return {**document, "digest": content_digest(document)}


def is_edited(written: Document) -> bool:
    """Whether the content of a `record.json` is not what icbench wrote; schemas without a digest cannot tell.

    Raises:
        ValueError: it has a value that JSON has not, which icbench never writes.
    """
    digest = content_digest(written)
    if "digest" not in written and written.get("schema") in range(SIGNED_SINCE):
        return False
    return written.get("digest") != digest


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
