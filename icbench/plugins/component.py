"""The record a plugin hands over for each component: what it is called, what it takes, where its code is.

Records are cheap on purpose. Listing, validating and suggesting needs them alone; the code behind a record is imported
when a run needs it, so a plugin costs nothing until it is used.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias

from icbench.errors import IcbenchError, PluginError, UsageError, suggestion
from icbench.kinds.names import TIERS
from icbench.plugins.isolation import importing
from icbench.plugins.spec import quote

Value: TypeAlias = bool | int | float | str

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FACTORY = re.compile(r"[\w.]+:\w+")

MADE_OF_DATA = "made-of-data"
"""The trait of a generator whose factory takes training images (`icbench.running.datasets.training_images`)."""
TRAITS = {
    "zero-at-equality": "a distance that is 0 between equal images",
    "least-squares": "a distance that is half the squared length of its residuals, and offers them",
    MADE_OF_DATA: "a generator that is made of its dataset's training images when it is built, and has no weights",
    "batch-dependent": "a generator whose images depend on their batch mates for some parameters",
    "stochastic": "an optimizer that draws numbers, from the seed and the row alone",
    "learns-nothing": "a classifier that must be at chance: a control of what is measured",
    "bundled": "a dataset that is in its package",
    "in-process": "an executor that computes in the process that asks, which goes on batch by batch",
    "slow-start": "an executor that takes seconds to start, so that a check of its whole distribution leaves it out",
    "fetched": "a dataset that is fetched when it is first used",
}
WEIGHTS_FROM = "weights-of:"
"""The form of the trait of a generator that has no trainer of its own, but the weights of another one."""
TRAINED_ON = "trained_on"
"""The parameter of a generator that names the dataset whose weights are used."""
TRAIT_FORMS = {
    "tier:": f"one of {', '.join(TIERS[1:])}: what the component knows besides pixels",
    "trained-on:": "DATASET/SPLIT that its weights were fitted to",
    "selected-on:": "DATASET/SPLIT that its weights were chosen by",
    WEIGHTS_FROM: "the name of the generator that is trained in its place",
}


@dataclass(frozen=True)
class Param:
    """One declared parameter of a component.

    Args:
        name: the keyword the factory takes and the user types.
        default: its value when not given; its Python type is the parameter's type.
        help: one line for people.
        low, high: inclusive bounds of a number, or None.
        choices: the only values allowed, or empty.
        path: True for a parameter naming a local file; a record keeps the file's digest instead of the name.
    """

    name: str
    default: Value
    help: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[Value, ...] = ()
    path: bool = False

    @property
    def type(self) -> type:
        """That of the default, which every value has."""
        return type(self.default)

    def parse(self, text: str) -> Value:
        """The value that a command line wrote as `text`.

        Raises:
            UsageError: it is of the wrong type, out of bounds, or not among the choices.
        """
        return self.check(_parsers[self.type](self, text))

    def check(self, value: Value) -> Value:
        """`value`, converted to the declared type.

        Raises:
            UsageError: as for `parse`.
        """
        if self.type is float and type(value) is int:
            value = float(value)
        if type(value) is not self.type:
            raise self._wrong(value)
        if not self._within_bounds(value) or (self.choices and value not in self.choices):
            raise self._wrong(value)
        return value

    def describe(self) -> str:
        """The values allowed, as a phrase: `an integer of 1 or more`."""
        if self.choices:
            return "one of " + ", ".join(str(choice) for choice in self.choices)
        noun = {bool: "true or false", int: "an integer", float: "a number", str: "text"}[self.type]
        if self.low is not None and self.high is not None:
            return f"{noun} from {self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"{noun} of {self.low:g} or more"
        return noun if self.high is None else f"{noun} of {self.high:g} or less"

    def _within_bounds(self, value: Value) -> bool:
        if isinstance(value, str):
            return True
        return isfinite(value) and (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def _wrong(self, value: object) -> UsageError:
        return UsageError(f"{self.name}={value} is not {self.describe()}", self.help)


def _parse_bool(param: Param, text: str) -> Value:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in words:
        raise param._wrong(text)
    return words[text.lower()]


def _parse_number(param: Param, text: str) -> Value:
    try:
        value: Value = param.type(text)
    except ValueError:
        raise param._wrong(text) from None
    return value


def _parse_text(param: Param, text: str) -> Value:
    return text


_parsers: dict[type, Callable[[Param, str], Value]] = {
    bool: _parse_bool,
    int: _parse_number,
    float: _parse_number,
    str: _parse_text,
}


@dataclass(frozen=True)
class Component:
    """What a plugin registers: a name, a place, and enough facts to list and validate it without importing it.

    Args:
        name: the name the user types; lower case letters, digits and hyphens.
        factory: `"package.module:callable"`, called with the parameters as keywords.
        summary: one line for tables.
        params: the declared parameters.
        traits: declared facts that others rely on, each in `TRAITS` or of a form in `TRAIT_FORMS`.
        trainer: `"package.module:callable"` that makes this component's weights, for `icbench train`; empty if none.
    """

    name: str
    factory: str
    summary: str
    params: tuple[Param, ...] = ()
    traits: tuple[str, ...] = ()
    trainer: str = ""

    @property
    def lender(self) -> str:
        """The generator whose weights it has and which is trained in its place, as a trait says; empty for none."""
        lenders = (trait.removeprefix(WEIGHTS_FROM) for trait in self.traits if trait.startswith(WEIGHTS_FROM))
        return next(lenders, "")

    def param(self, name: str) -> Param:
        """The declared parameter `name`.

        Raises:
            UsageError: there is none; the message lists those there are.
        """
        for param in self.params:
            if param.name == name:
                return param
        known = [param.name for param in self.params]
        raise UsageError(f"{self.name} has no parameter '{name}'", suggestion(name, known, "parameters"))

    def complete(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """All parameters in declared order: the given ones checked, the others at their defaults."""
        checked = {name: self.param(name).check(value) for name, value in given.items()}
        return {param.name: checked.get(param.name, param.default) for param in self.params}


@dataclass(frozen=True)
class Registered:
    """A component together with its kind and the distribution that brought it."""

    kind: str
    component: Component
    dist: str
    version: str

    @property
    def name(self) -> str:
        """The component's name, without the distribution's."""
        return self.component.name


@dataclass(frozen=True)
class Selection:
    """A registered component with its parameters decided: one quarter of an entry."""

    registered: Registered
    params: Mapping[str, Value] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The component's name, without parameters."""
        return self.registered.name

    @property
    def label(self) -> str:
        """The name and the parameters that are not at their defaults, as in a spec; of a file only its own name."""
        return self._write(lambda file: file.name)

    @property
    def spec(self) -> str:
        """As `label`, but a file by its whole path, so that it is the same wherever one works."""
        return self._write(lambda file: str(file.resolve()))

    def _write(self, of_file: Callable[[Path], str]) -> str:
        shown = [
            f"{param.name}={quote(of_file(Path(str(value))) if param.path else str(value))}"
            for param in self.registered.component.params
            if (value := self.params[param.name]) != param.default
        ]
        return self.name + (":" + ",".join(shown) if shown else "")

    def for_dataset(self, dataset: "Selection") -> "Selection":
        """The selection as it is built for a dataset: a generator has weights of that, unless it says of which."""
        if self.params.get(TRAINED_ON) != "":
            return self
        return replace(self, params={**self.params, TRAINED_ON: dataset.spec})

    def build(self) -> Any:
        """The component itself: imports its factory and calls it with the parameters.

        Raises:
            PluginError: it cannot be imported or made, or is not of its kind.
            IcbenchError: what the factory itself says about the parameters.
        """
        with importing():
            return self.build_watched()

    def build_watched(self) -> Any:
        """As `build`, with whatever that does to the process, for those who look at it."""
        registered = self.registered
        factory = resolve(registered.component.factory, registered.dist)
        try:
            built = factory(**self.params)
        except (IcbenchError, KeyboardInterrupt):
            raise
        # Whatever else a factory ends with, `sys.exit` or a panic of Rust code, is its own failure.
        except BaseException as error:
            raise _unusable(registered, f"{type(error).__name__}: {error}") from error
        base = resolve(f"icbench.kinds.{registered.kind}:{registered.kind.capitalize()}", "icbench")
        if not isinstance(built, base):
            raise _unusable(registered, f"its factory returned {type(built).__name__}, not {base.__name__}")
        return built


def _unusable(registered: Registered, reason: str) -> PluginError:
    what = f"{registered.kind} {registered.name} from {registered.dist}"
    return PluginError(f"{what} cannot be made: {reason}", f"`icbench plugins check {registered.name}` tells more.")


def resolve(path: str, dist: str) -> Any:
    """The object at `"package.module:name"`.

    Raises:
        PluginError: it cannot be imported; the message names the distribution and the reason.
    """
    module, _, name = path.partition(":")
    try:
        with importing():
            return getattr(import_module(module), name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        reason = str(error) or type(error).__name__
        raise PluginError(f"{path} from {dist} cannot be imported: {reason}", f"Update or remove {dist}.") from error


def validate(record: object) -> list[str]:
    """What is wrong with what a hook yielded; empty for a sound `Component`."""
    if not isinstance(record, Component):
        return [f"a hook yielded {type(record).__name__}, not a Component"]
    wrong = []
    if not isinstance(record.name, str) or not NAME.fullmatch(record.name):
        wrong.append(f"its name {record.name!r} is not lower case letters, digits and hyphens")
    for field_name in ("factory", "trainer"):
        value = getattr(record, field_name)
        if not isinstance(value, str) or ((value or field_name == "factory") and not FACTORY.fullmatch(value)):
            wrong.append(f"its {field_name} {value!r} is not 'package.module:name'")
    if not isinstance(record.summary, str) or not record.summary.strip() or "\n" in record.summary:
        wrong.append("its summary is not one line of text")
    if not isinstance(record.traits, tuple) or not all(isinstance(trait, str) for trait in record.traits):
        wrong.append("its traits are not a tuple of texts")
    return wrong + _validate_params(record.params)


def _validate_params(params: object) -> list[str]:
    if not isinstance(params, tuple) or not all(isinstance(param, Param) for param in params):
        return ["its params are not a tuple of Param"]
    names = [param.name for param in params]
    wrong = [f"its parameter {name} is declared twice" for name in {*names} if names.count(name) > 1]
    for param in params:
        if not isinstance(param.name, str) or not param.name.isidentifier():
            wrong.append(f"its parameter {param.name!r} is not an identifier")
        elif type(param.default) not in _parsers:
            wrong.append(f"its parameter {param.name} has a default of type {type(param.default).__name__}")
        else:
            wrong += _validate_default(param)
    return wrong


def _validate_default(param: Param) -> list[str]:
    try:
        param.check(param.default)
    except (UsageError, TypeError) as error:
        return [f"its parameter's default {error}"]
    return []
