"""How a component's parameters are written: `key=value,key=value`; a value in quotes may have commas in it.

Quotes are `"` or `'`. Within them a quote of the same kind is written twice.
"""

import re
from collections.abc import Iterator

from icbench.errors import UsageError

QUOTED = r'"(?:[^"]|"")*"' + "|" + r"'(?:[^']|'')*'"
PARAM = re.compile(rf"([^,=]*=\s*(?:{QUOTED})\s*|[^,]*)(?:,|\Z)")


def split_params(text: str) -> Iterator[str]:
    """The texts between commas, as far as those are not in quotes; empty ones are left out."""
    place = 0
    while place < len(text):
        found = PARAM.match(text, place)
        assert found  # whatever there is up to the next comma is one
        if found[1]:
            yield found[1]
        place = found.end()


def unquote(value: str) -> str:
    """What a value means.

    Raises:
        UsageError: it begins with a quote and does not end with it.
    """
    if not value.startswith(('"', "'")):
        return value
    if not re.fullmatch(QUOTED, value):
        raise UsageError(f"the quote in {value} is not closed at its end", 'Write a value with a comma as key="a,b".')
    return value[1:-1].replace(value[0] * 2, value[0])


def quote(value: str) -> str:
    """A value as it is written: in quotes where it would not be read as it is otherwise."""
    if "," not in value and value == value.strip() and not value.startswith(('"', "'")):
        return value
    quote = "'" if '"' in value and "'" not in value else '"'
    return quote + value.replace(quote, quote * 2) + quote
