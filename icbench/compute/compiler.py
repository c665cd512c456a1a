"""Torch's compiler, left out where nothing is compiled: optimizers import it, which takes a second."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch

NAME = "torch._dynamo"


class _Standin(ModuleType):
    """Stands for the compiler's module as long as nothing is wanted of it but to keep out of what an optimizer does."""

    def graph_break(self, *_: Any, **__: Any) -> None:
        """Nothing: there is no graph."""

    def disable(self, function: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
        """The function as it is: nothing compiles it."""
        return function

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _forget(self)
        return getattr(torch._dynamo, name)


@contextmanager
def without_compiler() -> Iterator[None]:
    """Within it, optimizers step without importing torch's compiler; who does want to compile has it all the same."""
    if NAME in sys.modules:
        yield
        return
    standin = sys.modules[NAME] = _Standin(NAME)
    try:
        yield
    finally:
        _forget(standin)


def _forget(standin: ModuleType) -> None:
    """Let whoever asks for the compiler from now on have it."""
    if sys.modules.get(NAME) is standin:
        del sys.modules[NAME]
    if vars(torch).get("_dynamo") is standin:
        del torch._dynamo
