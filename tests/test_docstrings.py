"""Every public name of icbench says what it is, takes and raises; the reference shows no more than that."""

import ast
import inspect
import pkgutil
import re
from dataclasses import is_dataclass
from importlib import import_module
from textwrap import dedent

import pytest

import icbench
from icbench.plugins.hookspecs import hookimpl

MODULES = [
    found.name for found in pkgutil.walk_packages(icbench.__path__, "icbench.") if found.name != "icbench.__main__"
]
ITEM = re.compile(r"    ([\w*]+(?:, [\w*]+)*): \S")
"""What a section says of one thing, or of several together."""


def is_hook(function):
    """Whether it implements a hook, whose specification says what it is."""
    return hasattr(function, f"{hookimpl.project_name}_impl")


def members(cls):
    """The public methods and properties that a class defines, by name."""
    for name, value in vars(cls).items():
        function = getattr(value, "__func__", getattr(value, "fget", getattr(value, "func", value)))
        function = inspect.unwrap(function) if callable(function) else function
        if not name.startswith("_") and inspect.isfunction(function):
            yield name, function


def public_names(module):
    """(name, value, docstring) of what a module defines; a method that says nothing says what it overrides."""
    for name, value in vars(module).items():
        value = inspect.unwrap(value) if callable(value) else value
        if name.startswith("_") or getattr(value, "__module__", "") != module.__name__ or is_hook(value):
            continue
        if inspect.isfunction(value) or inspect.isclass(value):
            yield name, value, value.__doc__
        if inspect.isclass(value):
            for member, function in members(value):
                said = (getattr(vars(base).get(member), "__doc__", None) for base in value.__mro__)
                yield f"{name}.{member}", function, next(filter(None, said), None)


def section(docstring, title):
    """The names that a section speaks of."""
    lines = docstring.partition(f"{title}:\n")[2].partition("\n\n")[0].splitlines()
    return {name.lstrip("*") for line in lines if (item := ITEM.match(line)) for name in item[1].split(", ")}


def parameters(value):
    """The names that a function or class is called with, and whether it takes others.

    Of the fields that a class has from its bases, these tell.
    """
    found = inspect.signature(value).parameters.values()
    declared = inspect.isclass(value) and (is_dataclass(value) or "__init__" not in vars(value))
    own = [each for each in found if not declared or each.name in vars(value).get("__annotations__", ())]
    named = {each.name for each in own if each.kind != each.VAR_KEYWORD} - {"self", "cls"}
    return named, len(own) < len(found) or any(each.kind == each.VAR_KEYWORD for each in found)


def raised(function):
    """The exceptions of icbench that a function itself raises."""
    tree = ast.parse(dedent(inspect.getsource(function)))
    calls = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    return {call.func.id for call in calls if isinstance(call.func, ast.Name) and hasattr(icbench.errors, call.func.id)}


@pytest.fixture(scope="module")
def names():
    return [
        (f"{module}.{name}", value, inspect.cleandoc(docstring or ""))
        for module in MODULES
        for name, value, docstring in public_names(import_module(module))
    ]


def test_every_public_name_says_what_it_is(names):
    assert len(names) > 1000
    assert [name for name, _, docstring in names if not docstring] == []


def test_it_speaks_of_all_its_arguments_or_of_none(names):
    for name, value, docstring in names:
        if told := section(docstring, "Args"):
            called, others = parameters(value)
            assert called - told == set(), name
            assert others or told - called == set(), name


def test_it_tells_what_it_raises(names):
    functions = [(name, raised(value), docstring) for name, value, docstring in names if inspect.isfunction(value)]
    assert [name for name, errors, docstring in functions if errors - section(docstring, "Raises")] == []
