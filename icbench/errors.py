"""What can go wrong in a way the user can mend: one exception base, one hint, one exit code each."""


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


class UsageError(IcbenchError):
    """A value the user gave cannot be used; nothing was computed or written."""

    exit_code = 2


class ComponentError(UsageError):
    """A component breaks its kind's contract, for example an image of the wrong shape."""


class MissingWeightsError(UsageError):
    """Weights that a training makes are not here."""


class ResultsError(UsageError):
    """The results folder cannot be written; no half record is left in it."""


class IntegrityError(IcbenchError):
    """A file is unreadable, or is not the one it claims to be."""


class PluginError(IcbenchError):
    """A plugin that was asked for cannot be used."""

    exit_code = 4
