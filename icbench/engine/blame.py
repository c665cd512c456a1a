"""What a component raises, or returns of a wrong type, said in one line that names it."""

import copy
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import wraps
from typing import Any, TypeAlias, TypeVar

from icbench.compute.devices import is_out_of_memory
from icbench.errors import FAULT_HINT, ComponentError, IcbenchError
from icbench.plugins.shared_state import preserve_state

LONGEST = 300
AS_ONE = (
    "takes the energies of all rows for one number, so that a batch would be inverted as one image",
    "Choose an optimizer that treats each row alone.",
)
REASONS = {
    "does not require grad": (
        "differentiates gradients a second time (as with create_graph=True), and the engine gives them without a graph",
        "Choose an optimizer of gradients alone, or write one that takes curvature from `Closure.linearise`.",
    ),
    "converted to Scalar": AS_ONE,
    "converted to Python scalars": AS_ONE,
}
"""What is wrong with an optimizer's steps, and the way out, by what torch says of it."""

Methods: TypeAlias = Mapping[str, tuple[type, ...]]
"""What each method of a component returns, by its name."""
T = TypeVar("T")


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
    except (IcbenchError, KeyboardInterrupt):
        raise
    except BaseException as error:
        if isinstance(error, Exception) and is_out_of_memory(error):
            raise
        raise ComponentError(f"{what} raised {describe_error(error)}", FAULT_HINT) from error


def describe_error(error: BaseException) -> str:
    """An error in one line: its type and text, or where it has none the line of code that raised it."""
    text = " ".join(str(error).split())
    if text:
        return f"{type(error).__name__}: {text[:LONGEST]}"
    places = traceback.extract_tb(error.__traceback__)
    if not places:
        return type(error).__name__
    file = places[-1].filename.replace("\\", "/").rpartition("/")[2]
    return f"{type(error).__name__} in {file}, line {places[-1].lineno}: {places[-1].line}"


def expose(part: T, what: str, methods: Methods) -> T:
    """A component that computes as the given one, and whose failures name it: a shallow copy, with its methods watched.

    What they do to the process is put back after each call, as several are tried by one check.

    Args:
        part: the component.
        what: as for `blame`.
        methods: those to watch.

    Returns:
        the component itself where it cannot be copied.
    """
    with suppress(Exception):
        watched = copy.copy(part)
        for name, types in methods.items():
            if hasattr(part, name):
                # Past what a class makes of setting attributes, such as a frozen dataclass.
                object.__setattr__(watched, name, _watch(getattr(part, name), what, name, types))
        return watched
    return part


def _watch(call: Callable[..., Any], what: str, name: str, types: tuple[type, ...]) -> Callable[..., Any]:
    # What returns plain facts, such as rates, is called too often to look at the whole process each time.
    computes = any(kind.__module__.startswith("torch") for kind in types)

    @wraps(call)
    def watched(*args: Any, **options: Any) -> Any:
        with blame(what), preserve_state() if computes else nullcontext():
            found = call(*args, **options)
        if types and not isinstance(found, types):
            expected = " or ".join(kind.__name__ for kind in types)
            raise ComponentError(f"{what} returned {type(found).__name__} from `{name}`, not {expected}", FAULT_HINT)
        if name == "over":
            # What an optimizer does, it does in the steps of what it builds anew each time.
            _check_groups(found, what)
            found.step = _watch(_explain(found.step, what), what, "step", ())
        return found

    return watched


def _check_groups(optimizer: Any, what: str) -> None:
    count = len(optimizer.param_groups)
    if count != 2:
        raise ComponentError(
            f"{what} has {count} parameter groups, not one for the class vector and one for the noise", FAULT_HINT
        )


def _explain(step: Callable[..., Any], what: str) -> Callable[..., Any]:
    """A step that says the reason where it is known why it fails."""

    @wraps(step)
    def explained(*args: Any) -> Any:
        try:
            return step(*args)
        except (RuntimeError, ValueError) as error:
            for known, (reason, hint) in REASONS.items():
                if known in str(error):
                    raise ComponentError(f"{what} {reason}", hint) from error
            raise

    return explained
