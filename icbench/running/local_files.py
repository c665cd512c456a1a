"""Local files that a record knows by their digest alone, such as weights, found again."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from icbench.errors import IntegrityError, UsageError
from icbench.plugins.spec import split_params, unquote
from icbench.records import Record
from icbench.running.entry import file_digest

TRAINED = "trained/**/*.safetensors"
SHORT = len("sha256:") + 12


def find_file(record: Record, digest: str, what: str, given: Path | None = None) -> Path:
    """The file of this digest: the given one, or one where trainings leave theirs.

    Args:
        record: of a run that was made with the file.
        digest: of its content.
        what: what it is, such as "weights of the generator".
        given: where it is, if somebody knows.

    Raises:
        UsageError: the given file is another one, or there is none.
        IntegrityError: the given file cannot be read.
    """
    if given is not None:
        found = file_digest(str(given))
        if found != digest:
            raise UsageError(
                f"{given} has the digest {found[:SHORT]}…, the record's {what} {digest[:SHORT]}…",
                "Name the file that the run was made with.",
            )
        return given
    for file in _candidates(record):
        if _has_digest(file, digest):
            return file
    raise UsageError(
        f"{record.path} was made with a local file ({what}, digest {digest[:SHORT]}…), which is not in trained/ here",
        "Say where it is with --weights FILE.",
    )


def _candidates(record: Record) -> Iterator[Path]:
    """Files here and beside the results folder: first those of a name that the run's label has, then trained ones."""
    folders = list(dict.fromkeys(folder.resolve() for folder in (Path(), record.path.resolve().parent.parent)))
    names = list(_values(record.label))
    for folder in folders:
        yield from (folder / name for name in names if name and Path(name).name == name)
    for folder in folders:
        yield from sorted(folder.glob(TRAINED))


def _values(label: str) -> Iterator[str]:
    """The values of all parameters that a label has."""
    for part in (part for spec in label.split(" · ") for part in split_params(spec)):
        with suppress(UsageError):
            yield unquote(part.partition("=")[2])


def _has_digest(file: Path, digest: str) -> bool:
    try:
        return file.is_file() and file_digest(str(file)) == digest
    except IntegrityError:
        return False
