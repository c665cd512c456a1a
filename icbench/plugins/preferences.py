"""What the user has decided about plugins, kept between commands."""

import json
import os
from pathlib import Path

from icbench.errors import ResultsError
from icbench.folders import config_folder, say_once
from icbench.plugins.sources import canonical

FOLDER_VARIABLE = "ICBENCH_CONFIG"
FILE = "plugins.json"


def preferences_file() -> Path | None:
    """The file they are kept in: in `ICBENCH_CONFIG`, or in the platform's folder for configuration if there is one."""
    variable = os.environ.get(FOLDER_VARIABLE)
    folder = Path(variable) if variable else config_folder()
    return folder / FILE if folder else None


def disabled_plugins() -> set[str]:
    """The canonical names of the distributions that are disabled; none if the file cannot be read."""
    file = preferences_file()
    try:
        names = json.loads(file.read_bytes())["disabled"] if file else ()
        return {canonical(str(name)) for name in names}
    except PermissionError:
        say_once(f"preferences are not read: {file} may not be opened. Choose another folder with {FOLDER_VARIABLE}.")
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return set()


def set_disabled(dist: str, disabled: bool) -> None:
    """Disable a distribution's plugins, or enable them again.

    Raises:
        ResultsError: the file cannot be written.
    """
    names = disabled_plugins() - {canonical(dist)} | ({canonical(dist)} if disabled else set())
    file = preferences_file()
    if file is None:
        raise ResultsError("there is no home folder to keep it in", f"Choose a folder with {FOLDER_VARIABLE}.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".writing")
        temporary.write_text(json.dumps({"disabled": sorted(names)}, indent=2) + "\n")
        temporary.replace(file)
    except OSError as error:
        raise ResultsError(
            f"{file} cannot be written: {error.strerror}", f"Choose another folder with {FOLDER_VARIABLE}."
        ) from None
