"""Files and folders: written beside their place and moved into it, so that at no moment is there a part of one.

What others rely on is synced before it is moved: it is on disk when a function returns.
"""

import errno
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from icbench.errors import FolderWarning, OutputError, UsageError

TEMPORARY_PREFIX = ".writing-"
PROBE = bytes(64 * 1024)
"""What has to fit on the disk beside all else: about what a picture takes."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_SYNC = {
    errno.EINVAL,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EBADF,
    errno.EACCES,
    errno.EPERM,
    errno.EISDIR,
}
"""What file systems answer that cannot sync a folder, as shares and FUSE mounts."""
APPLICATION = "icbench"
HOMELESS = "no home folder is known: preferences are not read, and nothing is kept for the next command. Set HOME."


def replace_synced(file: Path, content: bytes) -> None:
    """Let `file` have `content`, on disk, or leave it as it is: at no moment is there a part of it."""
    replace(file, content, synced=True)
    sync_folder(file.parent)


def replace(file: Path, content: bytes, synced: bool = False) -> None:
    """Let `file` have `content`, or leave it as it is; it may be lost with the power until the system syncs it."""
    descriptor, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=file.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            if synced:
                stream.flush()
                sync(stream.fileno())
        # Some shares have no modes.
        with suppress(OSError):
            temporary.chmod(0o644)
        temporary.replace(file)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a loss of power, where its file system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return  # one may write into a folder that one may not read
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def sync(descriptor: int) -> None:
    """Put what was written on disk, unless the file system has no such thing."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes were about to write in `folder`."""
    for file in folder.glob(f"{TEMPORARY_PREFIX}*"):
        file.unlink(missing_ok=True)


def make_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make `folder`, and the way to it, with these files by their paths in it: all of them or nothing.

    Raises:
        OSError: it cannot be made, or is there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=folder.parent))
    try:
        for file, content in files.items():
            (temporary / file).parent.mkdir(parents=True, exist_ok=True)
            (temporary / file).write_bytes(content)
        temporary.chmod(0o755)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def try_folder(folder: Path) -> None:
    """Find out whether something can be written into `folder`; leaves nothing behind.

    Raises:
        OSError: it cannot.
    """
    with tempfile.TemporaryFile(prefix=TEMPORARY_PREFIX, dir=folder, buffering=0) as probe:
        probe.write(PROBE)
        sync(probe.fileno())


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
        try_folder(folder)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {reason(error)}", way_out(error)) from None


def write_output(file: Path, content: bytes) -> None:
    """Let `file`, which was asked for, have `content`; where that fails it stays as it was.

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


def config_folder() -> Path | None:
    """The platform's folder for preferences, or None where the user has no home."""
    from platformdirs import user_config_dir

    return _known_folder(user_config_dir)


def cache_folder() -> Path | None:
    """The platform's folder for what can be had anew, or None where the user has no home."""
    from platformdirs import user_cache_dir

    return _known_folder(user_cache_dir)


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
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace(file, text.encode())
    except OSError as error:
        said = f"{folder} cannot be written ({reason(error)})"
        say_once(f"nothing is kept for the next command: {said}. Name another place with XDG_CACHE_HOME.")


@cache
def say_once(message: str) -> None:
    """Say in one line what is gone without, once in a process."""
    warnings.warn(message, FolderWarning, stacklevel=2)


def _known_folder(folder: Callable[[str], str]) -> Path | None:
    try:
        path = Path(folder(APPLICATION))
    except RuntimeError:
        path = Path()
    # Without a home some versions of platformdirs leave "~" as it is, which would be a folder of that name here.
    if path.is_absolute():
        return path
    say_once(HOMELESS)
    return None


def _is_special(file: Path) -> bool:
    """Whether it is a device or a pipe, in whose place no file may be put."""
    return file.exists() and not file.is_file()
