"""Files that a command is asked to write: found fit before anything is computed, then written whole or not at all."""

import errno
import os
import tempfile
from collections.abc import Collection
from pathlib import Path

from icbench.errors import OutputError, UsageError
from icbench.records.files import TEMPORARY_PREFIX, replace_synced

PROBE = bytes(64 * 1024)
"""What has to fit on the disk beside all else: about what a picture takes."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check_output_file(file: Path, suffixes: Collection[str] = ()) -> None:
    """Find what would keep `file` from being written; leaves nothing behind.

    Args:
        file: where to, later.
        suffixes: of the formats there are, lower-case and with their dot; empty where any name will do.

    Raises:
        UsageError: it has none of the suffixes, is a folder, or cannot be written where it is to be.
    """
    if suffixes and file.suffix.lower() not in suffixes:
        raise UsageError(
            f"{file} names no format that can be written", f"End its name with {' or '.join(sorted(suffixes))}."
        )
    if file.is_dir():
        raise UsageError(f"{file} is a folder", "Name a file.")
    folder = file.resolve().parent
    if not folder.is_dir():
        raise UsageError(f"{file} cannot be written: there is no folder {folder}", "Make it, or name another file.")
    if _is_special(file):
        return
    try:
        with tempfile.TemporaryFile(prefix=TEMPORARY_PREFIX, dir=folder, buffering=0) as probe:
            probe.write(PROBE)
            os.fsync(probe.fileno())
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {reason(error)}", way_out(error)) from None


def write_output(file: Path, content: bytes) -> None:
    """Let `file` have `content`; where that fails it stays as it was.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        if _is_special(file):
            file.write_bytes(content)
        else:
            replace_synced(file.resolve(), content)
    except OSError as error:
        raise OutputError(f"{file} cannot be written: {reason(error)}", way_out(error)) from None


def reason(error: OSError) -> str:
    """Why a file cannot be written, in the system's words."""
    return error.strerror or str(error)


def way_out(error: OSError, otherwise: str = "Name a file in a folder that you may write to.") -> str:
    """What to do about a file that cannot be written."""
    return "Free some space, or name a file on another disk." if error.errno in FULL else otherwise


def _is_special(file: Path) -> bool:
    """Whether it is a device or a pipe, in whose place no file may be put."""
    return file.exists() and not file.is_file()
