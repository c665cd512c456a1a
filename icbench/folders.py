"""The user's own folders, for preferences and for what is kept between commands; all goes on where there are none."""

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import platformdirs

from icbench.errors import FolderWarning

APPLICATION = "icbench"
HOMELESS = "no home folder is known: preferences are not read, and nothing is kept for the next command. Set HOME."


def config_folder() -> Path | None:
    """The platform's folder for preferences, or None where the user has no home."""
    return _known(platformdirs.user_config_dir)


def cache_folder() -> Path | None:
    """The platform's folder for what can be had anew, or None where the user has no home."""
    return _known(platformdirs.user_cache_dir)


def read_kept(name: str) -> str:
    """What was kept under this name in the cache folder; empty if nothing."""
    folder = cache_folder()
    try:
        return (folder / name).read_text(encoding="utf-8") if folder else ""
    except (OSError, UnicodeDecodeError):
        return ""


def keep(name: str, text: str) -> None:
    """Keep `text` under this name in the cache folder; where that cannot be, say so once."""
    folder = cache_folder()
    if folder is None:
        return
    file = folder / name
    temporary = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(file)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        reason = f"{folder} cannot be written ({error.strerror or error})"
        say_once(f"nothing is kept for the next command: {reason}. Name another place with XDG_CACHE_HOME.")


@cache
def say_once(message: str) -> None:
    """Say in one line what is gone without, once in a process."""
    warnings.warn(message, FolderWarning, stacklevel=2)


def _known(folder: Callable[[str], str]) -> Path | None:
    try:
        path = Path(folder(APPLICATION))
    except RuntimeError:
        path = Path()
    # Without a home some versions of platformdirs leave "~" as it is, which would be a folder of that name here.
    if path.is_absolute():
        return path
    say_once(HOMELESS)
    return None
