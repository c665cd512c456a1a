"""What the user has decided about plugins, kept between commands."""

import json
import os
from pathlib import Path

import platformdirs

from icbench.errors import ResultsError
from icbench.plugins.sources import canonical

FOLDER_VARIABLE = "ICBENCH_CONFIG"
FILE = "plugins.json"


def preferences_file() -> Path:
    """The file they are kept in: in `ICBENCH_CONFIG`, or in the platform's folder for configuration."""
    return Path(os.environ.get(FOLDER_VARIABLE) or platformdirs.user_config_dir("icbench")) / FILE


def disabled_plugins() -> set[str]:
    """The canonical names of the distributions that are disabled; none if the file cannot be read."""
    try:
        names = json.loads(preferences_file().read_bytes())["disabled"]
        return {canonical(str(name)) for name in names}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def set_disabled(dist: str, disabled: bool) -> None:
    """Disable a distribution's plugins, or enable them again.

    Raises:
        ResultsError: the file cannot be written.
    """
    names = disabled_plugins() - {canonical(dist)} | ({canonical(dist)} if disabled else set())
    file = preferences_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".writing")
        temporary.write_text(json.dumps({"disabled": sorted(names)}, indent=2) + "\n")
        temporary.replace(file)
    except OSError as error:
        raise ResultsError(
            f"{file} cannot be written: {error.strerror}", f"Choose another folder with {FOLDER_VARIABLE}."
        ) from None
