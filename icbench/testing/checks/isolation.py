"""Checks of how a component behaves towards everything else in its process, whatever its kind."""

import contextlib
import io
import pickle
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from icbench.plugins.shared import Shared
from icbench.plugins.shared_state import changes, preserve_state, shared_state
from icbench.testing.assertions import Skipped, expect, expect_close
from icbench.testing.exercise import exercise
from icbench.testing.subject import Check, Subject

CPU = torch.device("cpu")
SEED, OTHER_SEED = 8191, 12345
"""Nobody's usual seeds, so that a component that seeds is noticed."""
INDEXING = ("index", "index_put_", "_index_put_impl_", "copy_", "_to_copy")
"""Operations of torch that may mix devices."""
NO_NUMBERS = ("meta", "Meta", "scalarType")
"""In torch's errors where it needs the numbers themselves, as `item`, `nonzero`, `cpu` and autocast do; no fault."""


@dataclass(frozen=True)
class Observation:
    """What building and using a component once came to.

    Args:
        component: it, used.
        pickled: it before it was used, or why it cannot be pickled.
        results: the numbers.
        changed: the shared state that it changed.
        printed: what it wrote to stdout.
    """

    component: Any
    pickled: bytes | Exception
    results: list[Tensor]
    changed: list[Shared]
    printed: str


def observe(subject: Subject) -> Observation:
    """Build it and use it once, watching."""
    printed = io.StringIO()
    with preserve_state(), contextlib.redirect_stdout(printed):
        _seed(SEED)
        before = shared_state()
        component = subject.ready()
        sent = _pickle(component)
        results = exercise(subject, component, CPU)
        changed = changes(before)
    return Observation(component, sent, results, changed, printed.getvalue())


def can_be_used(subject: Subject) -> None:
    """It can be used as the engine uses it."""
    subject.share(observe)


def random_state_is_left_alone(subject: Subject) -> None:
    """Building and using it draws nothing from the random numbers that all code shares, and seeds none."""
    _require_numbers(subject)
    cure = "draw from a generator of your own, and build layers inside torch.random.fork_rng(devices=[])"
    _expect_unchanged(subject, "random", f"; {cure}")


def torch_settings_are_left_alone(subject: Subject) -> None:
    """Building and using it leaves torch's default dtype, device, grad mode and threads as they were."""
    _expect_unchanged(subject, "torch")


def process_is_left_alone(subject: Subject) -> None:
    """Building and using it leaves the working folder, os.environ, sys.path and the warnings filters as they were."""
    _expect_unchanged(subject, "process")


def nothing_is_printed(subject: Subject) -> None:
    """Building and using it prints nothing to stdout, which is for results alone."""
    printed = subject.share(observe).printed
    expect(not printed, f"it printed {printed[:80]!r}")


def built_twice_it_is_the_same(subject: Subject) -> None:
    """Two builds with the same parameters give the same numbers."""
    _require_numbers(subject)
    _seed(SEED)
    _expect_same(subject, exercise(subject, subject.ready(), CPU), "a second build gives other numbers")


def used_twice_it_is_the_same(subject: Subject) -> None:
    """Using it again gives the same numbers: it remembers nothing of the first time."""
    _require_numbers(subject)
    component = subject.share(observe).component
    _seed(SEED)
    _expect_same(subject, exercise(subject, component, CPU), "used again it gives other numbers")


def global_seeds_do_not_matter(subject: Subject) -> None:
    """Its numbers do not depend on how anybody seeded Python, numpy or torch."""
    _require_numbers(subject)
    _seed(OTHER_SEED)
    _expect_same(subject, exercise(subject, subject.ready(), CPU), "after other global seeds it gives other numbers")


def pickled_it_is_the_same(subject: Subject) -> None:
    """Sent to another process it gives the same numbers."""
    _require_numbers(subject)
    sent = subject.share(observe).pickled
    if isinstance(sent, Exception):
        raise AssertionError(f"it cannot be pickled: {type(sent).__name__}: {sent}")
    copy = pickle.loads(sent)
    _seed(SEED)
    _expect_same(subject, exercise(subject, copy, CPU), "its pickled copy gives other numbers")


def another_device_can_be_used(subject: Subject) -> None:
    """It computes where its inputs are, and mixes no tensor of its own from elsewhere in."""
    _require_numbers(subject)
    if subject.kind == "dataset":
        raise Skipped("a dataset gives arrays on the CPU")
    if subject.kind == "product":
        raise Skipped("its members' components compute, which are checked by themselves")
    if torch.cuda.is_available():
        cuda = torch.device("cuda")
        results = [result.cpu() for result in exercise(subject, subject.ready(cuda), cuda)]
        _expect_same(subject, results, "on CUDA it gives other numbers", 1e-2)
    else:
        _use_without_numbers(subject)


GATES: tuple[Check, ...] = (can_be_used,)
CHECKS: tuple[Check, ...] = (
    random_state_is_left_alone,
    torch_settings_are_left_alone,
    process_is_left_alone,
    nothing_is_printed,
    built_twice_it_is_the_same,
    used_twice_it_is_the_same,
    global_seeds_do_not_matter,
    pickled_it_is_the_same,
    another_device_can_be_used,
)


class OneDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses operations whose tensors are on two kinds of device; torch's own check on "meta" lets many through."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        devices = {tensor.device.type for tensor in _tensors([*args, *(kwargs or {}).values()]) if tensor.ndim}
        name = func.overloadpacket.__name__
        expect(
            len(devices) < 2 or name in INDEXING,
            f"with inputs on another device, a tensor of its own stays on the CPU: {name} gets both",
        )
        return func(*args, **(kwargs or {}))


def _require_numbers(subject: Subject) -> None:
    """Go on only with what computes numbers.

    Raises:
        Skipped: it is an executor.
    """
    if subject.kind == "executor":
        raise Skipped("an executor stays where it is, and computes no numbers of its own")


def _use_without_numbers(subject: Subject) -> None:
    """Use it on torch's device "meta", which has shapes but no numbers, as far as that goes."""
    meta = torch.device("meta")
    try:
        component = subject.ready(meta)
        one_device = OneDevice()  # type: ignore[no-untyped-call]
        with one_device, _no_autocast():
            exercise(subject, component, meta)
    except (NotImplementedError, RuntimeError) as error:
        if "not on the expected device" in str(error) or not any(sign in str(error) for sign in NO_NUMBERS):
            raise
        raise Skipped("there is no CUDA device here; up to where it needs one, nothing of it stays behind") from None


@contextlib.contextmanager
def _no_autocast() -> Iterator[None]:
    """There is no autocast on "meta"; without numbers there is nothing to round either."""
    nothing = contextlib.nullcontext()
    patches = [mock.patch.object(owner, "autocast", return_value=nothing) for owner in (torch, torch.amp)]
    with patches[0], patches[1]:
        yield


def _pickle(component: Any) -> bytes | Exception:
    try:
        return pickle.dumps(component)
    except Exception as error:
        return error


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _tensors(values: Any) -> list[Tensor]:
    if isinstance(values, Tensor):
        return [values]
    return [tensor for value in values for tensor in _tensors(value)] if isinstance(values, list | tuple) else []


def _expect_unchanged(subject: Subject, area: str, cure: str = "") -> None:
    names = [shared.name for shared in subject.share(observe).changed if shared.area == area]
    expect(not names, f"building and using it changes {', '.join(names)}{cure}")


def _expect_same(subject: Subject, results: list[Tensor], what: str, tolerance: float = 1e-5) -> None:
    expected = subject.share(observe).results
    expect(len(results) == len(expected), what)
    for result, first in zip(results, expected, strict=True):
        expect_close(result, first, what, tolerance)
