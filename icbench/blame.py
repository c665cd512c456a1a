"""What a component raises, said in one line that names it."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from icbench.devices import is_out_of_memory
from icbench.errors import ComponentError, IcbenchError

HINT = "This is a fault of the component; `icbench plugins` tells where it comes from."
LONGEST = 300


@contextmanager
def blame(what: str) -> Iterator[None]:
    """Within it, whatever is raised is put down to one component.

    What has a line of its own already, a device whose memory is full, and Ctrl-C pass as they are.

    Args:
        what: the component's kind and label, such as "distance l1".

    Raises:
        ComponentError: something else was raised.
    """
    try:
        yield
    except (IcbenchError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        if isinstance(error, Exception) and is_out_of_memory(error):
            raise
        raise ComponentError(f"{what} raised {described(error)}", HINT) from error


def described(error: BaseException) -> str:
    """An error in one line: its type and text, or where it has none the line of code that raised it."""
    text = " ".join(str(error).split())
    if text:
        return f"{type(error).__name__}: {text[:LONGEST]}"
    places = traceback.extract_tb(error.__traceback__)
    if not places:
        return type(error).__name__
    file = places[-1].filename.replace("\\", "/").rpartition("/")[2]
    return f"{type(error).__name__} in {file}, line {places[-1].lineno}: {places[-1].line}"
