"""What can go wrong in a way the user can mend: one exception base, one hint, one exit code each."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

FAULT_HINT = "This is a fault of the component; `icbench plugins` tells where it comes from."
"""What to do about a component that breaks its kind's contract."""


class IcbenchError(Exception):
    """An expected failure, shown as one line and without a traceback.

    Args:
        message: what is wrong, naming the value.
        hint: what to do next; may be empty.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            # For whoever sees a traceback.
            self.add_note(hint)

    @property
    def line(self) -> str:
        """What is wrong and what to do next, in one line."""
        return f"{self.message}. {self.hint}" if self.hint else self.message


class UsageError(IcbenchError):
    """A value the user gave cannot be used; nothing was computed or written."""

    exit_code = 2


class ComponentError(UsageError):
    """A component breaks its kind's contract, for example an image of the wrong shape."""


class MissingWeightsError(UsageError):
    """Weights that a training makes are not here."""


class MissingDataError(UsageError):
    """A dataset's images are not here and cannot be fetched: a parameter has to name them, or a package has them."""


class ResultsError(UsageError):
    """The results folder cannot be written; no half record is left in it."""


class OutputError(IcbenchError):
    """A file that was asked for could not be written; what was computed is printed or kept all the same."""


class IntegrityError(IcbenchError):
    """A file is unreadable, or is not the one it claims to be."""


class FolderWarning(UserWarning):
    """A folder of the user's own cannot be used; all goes on without it."""


class DataWarning(UserWarning):
    """Some of a dataset's images are not as they should be; the others are used."""


class PluginWarning(UserWarning):
    """A plugin could not be used; the others were."""


class PluginError(IcbenchError):
    """A plugin that was asked for cannot be used."""

    exit_code = 4


@contextmanager
def only_exceptions(what: str) -> Iterator[None]:
    """Let components raise only exceptions: `SystemExit`, a Rust panic and the like would end all that is going on.

    Args:
        what: to blame, such as an entry's label.

    Raises:
        ComponentError: what was raised is neither an `Exception` nor the user's KeyboardInterrupt.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ComponentError(
            f"{what} raised {type(error).__name__}: {error}",
            "This is a fault of a component; `icbench plugins` tells where it comes from.",
        ) from error


def suggestion(wrong: str, known: Iterable[str], what: str) -> str:
    """A hint for a wrong word: the nearest known one if there is any, then all of them."""
    names = sorted(known)
    near = get_close_matches(wrong, names, n=1)
    start = f"Did you mean '{near[0]}'? " if near else ""
    return f"{start}The {what} are: {', '.join(names)}." if names else f"It has no {what}."
