"""What the user has decided about plugins, kept between commands."""

import json
import os
import re
from pathlib import Path

from icbench.errors import ResultsError, UsageError
from icbench.plugins.discovery import canonical
from icbench.storage import config_folder, replace_synced, say_once

FOLDER_VARIABLE = "ICBENCH_CONFIG"
FILE = "plugins.json"
NOTHING = '{"disabled": []}'


def preferences_file() -> Path | None:
    """The file they are kept in: in `ICBENCH_CONFIG`, or in the platform's folder for configuration if there is one."""
    variable = os.environ.get(FOLDER_VARIABLE)
    folder = Path(variable) if variable else config_folder()
    return folder / FILE if folder else None


def disabled_plugins() -> set[str]:
    """The canonical names of the distributions that are disabled; of a damaged file, all names that are in it."""
    content = _content()
    try:
        return {canonical(name) for name in _names(content)}
    except ValueError:
        return {canonical(name) for name in re.findall(r'"([\w.-]+)"', content) if name != "disabled"}


def fault() -> str:
    """What is wrong with the file, in one line; empty if nothing is."""
    try:
        _names(_content())
    except ValueError as error:
        return f"{preferences_file()} is damaged: {error}"
    return ""


def _content() -> str:
    """What the file holds; nothing where there is none, or none that may be read."""
    file = preferences_file()
    try:
        return file.read_bytes().decode(errors="replace") if file else NOTHING
    except PermissionError:
        say_once(f"preferences are not read: {file} may not be opened. Choose another folder with {FOLDER_VARIABLE}.")
    except OSError:
        pass
    return NOTHING


def _names(content: str) -> list[str]:
    """The distributions that a file of preferences names.

    Raises:
        ValueError: it is not what icbench writes.
    """
    found = json.loads(content)
    names = found.get("disabled") if isinstance(found, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("it has no list 'disabled'")
    return names


def set_disabled(dist: str, disabled: bool) -> None:
    """Disable a distribution's plugins, or enable them again.

    Raises:
        ResultsError: the file cannot be written.
        UsageError: it is damaged, and what it says besides would be lost.
    """
    if wrong := fault():
        raise UsageError(wrong, "Mend it, or remove it and disable again what is to be disabled.")
    names = disabled_plugins() - {canonical(dist)} | ({canonical(dist)} if disabled else set())
    file = preferences_file()
    if file is None:
        raise ResultsError("there is no home folder to keep it in", f"Choose a folder with {FOLDER_VARIABLE}.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_synced(file, (json.dumps({"disabled": sorted(names)}, indent=2) + "\n").encode())
    except OSError as error:
        raise ResultsError(
            f"{file} cannot be written: {error.strerror}", f"Choose another folder with {FOLDER_VARIABLE}."
        ) from None
