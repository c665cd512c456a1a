"""The one JSON document that every verb prints with `--json`."""

import json
import math
from collections.abc import Sequence
from typing import Any

SCHEMA = 1


def envelope(data: Any, warnings: Sequence[str] = (), errors: Sequence[str] = (), ok: bool = True) -> str:
    """`data` as the JSON document of the command-line contract. Not-a-number becomes null, which JSON has."""
    document = {"schema": SCHEMA, "ok": ok, "data": data, "warnings": list(warnings), "errors": list(errors)}
    return json.dumps(_finite(document), indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
