"""How the sections of icbench's docstrings become the field lists that Sphinx knows."""

import re
from collections.abc import Iterator

from icbench import errors

SECTIONS = {"Args:": "Parameters", "Returns:": "Returns", "Raises:": "Raises"}
NAMED = re.compile(r"([\w*]+(?:, [\w*]+)*): (.*)")


def convert(lines: list[str]) -> Iterator[str]:
    """The lines of a docstring, each of its sections as a field."""
    section = ""
    for line in lines:
        if line in SECTIONS:
            section = line
            yield from ("", f":{SECTIONS[section]}:")
        elif section and line and not line.startswith(" "):
            section = ""
            yield from ("", line)
        else:
            yield _item(line) if section in ("Args:", "Raises:") else line


def _item(line: str) -> str:
    """A line of a section whose items have names; what continues an item is indented as its first line's text."""
    named = NAMED.fullmatch(line.removeprefix("    "))
    if not named:
        return line and f"      {line.lstrip()}"
    names = ", ".join(_marked(name) for name in named[1].split(", "))
    return f"    * {names}: {named[2]}"


def _marked(name: str) -> str:
    return f":py:exc:`~icbench.errors.{name}`" if hasattr(errors, name) else f"``{name}``"
