"""Checks of the record that a plugin yields, of its factory, and of what importing costs."""

import importlib.util
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from icbench.errors import IntegrityError, UsageError
from icbench.kinds.dataset import SPLITS
from icbench.kinds.names import TIERS
from icbench.plugins.component import (
    NAME,
    TRAIT_FORMS,
    TRAITS,
    WEIGHTS_FROM,
    Param,
    Selection,
    Value,
    resolve,
    validate,
)
from icbench.plugins.discovery import PluginSource
from icbench.plugins.shared_state import changes, shared_state
from icbench.testing.assertions import Skipped, expect, reason
from icbench.testing.subject import Check, Subject

TRAIT_KINDS = {
    "zero-at-equality": "distance",
    "least-squares": "distance",
    "batch-dependent": "generator",
    "made-of-data": "generator",
    WEIGHTS_FROM: "generator",
    "stochastic": "optimizer",
    "learns-nothing": "classifier",
    "bundled": "dataset",
    "fetched": "dataset",
    "in-process": "executor",
    "slow-start": "executor",
}
"""The one kind that a trait, or a form of traits, says something about; those that are not here fit every kind."""

REGISTER = """
import json, sys
facts = json.loads(sys.argv[1])
sys.path[:] = facts["path"]
import pluggy
from icbench.plugins import hookspecs
from icbench.plugins.loader import load
from icbench.plugins.discovery import PluginSource
before = "torch" in sys.modules
manager = pluggy.PluginManager("icbench")
manager.add_hookspecs(hookspecs)
load(PluginSource(*facts["source"]), manager)
print("\\nIMPORTED" if "torch" in sys.modules and not before else "\\nNOT IMPORTED")
"""
"""What a fresh interpreter runs to see whether torch comes with a plugin's records."""


def record_is_sound(subject: Subject) -> None:
    """Name, factory, summary, parameters and traits of the record are well formed."""
    found = validate(subject.record)
    expect(not found, "; ".join(found))


def factory_can_be_imported(subject: Subject) -> None:
    """The factory path leads to something that can be called."""
    expect(callable(_factory(subject)), f"{subject.record.factory} is not callable")


def factory_takes_its_parameters(subject: Subject) -> None:
    """The factory takes every declared parameter as a keyword, and needs no other."""
    signature = _signature(subject)
    try:
        signature.bind(**{param.name: param.default for param in subject.record.params})
    except TypeError as error:
        names = ", ".join(param.name for param in subject.record.params) or "none"
        raise AssertionError(f"the factory takes {signature}, declared are {names}: {error}") from None


def declared_defaults_match(subject: Subject) -> None:
    """A default that the factory has of its own for a declared parameter is the declared one."""
    own = _signature(subject).parameters
    for param in subject.record.params:
        default = own[param.name].default if param.name in own else inspect.Parameter.empty
        expect(
            default is inspect.Parameter.empty or default == param.default,
            f"{param.name} is declared as {param.default!r}, and the factory's own default is {default!r}",
        )


def can_be_built(subject: Subject) -> None:
    """The factory returns an object of its kind."""
    _ = subject.component


def traits_are_known(subject: Subject) -> None:
    """Every trait is one that icbench knows, and says something about this kind."""
    for trait in subject.record.traits:
        form = next((form for form in TRAIT_FORMS if trait.startswith(form)), "")
        expect(trait in TRAITS or form, f"there is no trait '{trait}'; the traits are {', '.join(_all_traits())}")
        expect(not form or _fits(form, trait.removeprefix(form)), f"'{trait}' is not {form}{TRAIT_FORMS.get(form)}")
        about = TRAIT_KINDS.get(form or trait, subject.kind)
        expect(about == subject.kind, f"'{trait}' is a trait of a {about}, not of a {subject.kind}")
    expect(not {"bundled", "fetched"} <= {*subject.record.traits}, "it is either bundled or fetched, not both")


def parameters_round_trip(subject: Subject) -> None:
    """Defaults, bounds and choices, written as text, are read as the same values of the same type."""
    for param in subject.record.params:
        for value in _values(param):
            text = str(value)
            expect(
                "," not in text and text == text.strip(),
                f"{param.name}={text} cannot be written in a spec, which splits at commas and strips blanks",
            )
            try:
                read = param.parse(text)
            except UsageError as error:
                raise AssertionError(f"its own value is refused: {error}") from None
            expect(read == value and type(read) is type(value), f"{param.name}={text} is read as {read!r}")


def bounds_can_be_built(subject: Subject) -> None:
    """At each bound and choice of a parameter it is built, or refuses with a UsageError."""
    if subject.kind == "executor":
        raise Skipped("an executor may start as many workers as it is told to")
    # A file that was given, of weights for instance, may fit the parameters that it came with alone.
    given = any(subject.selection.params[param.name] for param in subject.record.params if param.path)
    refusals = (UsageError, IntegrityError) if given else (UsageError,)
    for param in subject.record.params:
        for value in () if param.path else {*_values(param)} - {subject.selection.params[param.name]}:
            params = {**subject.selection.params, param.name: value}
            try:
                Selection(subject.selection.registered, params).build()
            except refusals:
                continue
            except Exception as error:
                raise AssertionError(f"with {param.name}={value} {reason(error)}") from error


def trainer_can_be_imported(subject: Subject) -> None:
    """The trainer path, if there is one, leads to something that can be called."""
    if subject.record.trainer:
        trainer = resolve(subject.record.trainer, subject.selection.registered.dist)
        expect(callable(trainer), f"{subject.record.trainer} is not callable")


def registering_does_not_import_torch(subject: Subject) -> None:
    """Finding the plugin's components imports no torch, so that listing them stays quick."""
    if subject.source is None:
        raise Skipped("it is a bare record; name it by a spec to have its plugin's hooks checked")
    if subject.source.file:
        raise Skipped("it is a single file, which has its classes beside its hooks")
    expect(not _registering_imports_torch(subject.source), f"{subject.source.value} or a module it imports needs torch")


def importing_it_changes_nothing(subject: Subject) -> None:
    """Importing the factory's module seeds nothing and changes no setting of torch or of the process."""
    before = shared_state()
    _run_again(subject.record.factory.partition(":")[0])
    names = ", ".join(shared.name for shared in changes(before))
    expect(not names, f"importing its module changes {names}")


GATES: tuple[Check, ...] = (record_is_sound, factory_can_be_imported, factory_takes_its_parameters, can_be_built)
CHECKS: tuple[Check, ...] = (
    declared_defaults_match,
    traits_are_known,
    parameters_round_trip,
    bounds_can_be_built,
    trainer_can_be_imported,
    registering_does_not_import_torch,
    importing_it_changes_nothing,
)


def _factory(subject: Subject) -> Any:
    return resolve(subject.record.factory, subject.selection.registered.dist)


def _signature(subject: Subject) -> inspect.Signature:
    try:
        return inspect.signature(_factory(subject))
    except ValueError:
        raise Skipped("the factory has no signature that Python can read") from None


def _all_traits() -> list[str]:
    return [*TRAITS, *(f"{form}..." for form in TRAIT_FORMS)]


def _fits(form: str, rest: str) -> bool:
    if form == "tier:":
        return rest in TIERS[1:]
    if form == WEIGHTS_FROM:
        return NAME.fullmatch(rest) is not None
    dataset, _, split = rest.partition("/")
    return bool(dataset) and split in SPLITS


def _values(param: Param) -> Iterator[Value]:
    """The default, the choices and the bounds, each in the parameter's type."""
    yield param.default
    yield from param.choices
    for bound in (param.low, param.high):
        if bound is not None and param.type in (int, float):
            yield param.type(bound)


@lru_cache(maxsize=16)
def _registering_imports_torch(source: PluginSource) -> bool:
    """Whether a fresh interpreter has torch after it has collected a plugin's records."""
    facts = json.dumps({"path": sys.path, "source": [source.entry_point, source.dist, source.version, source.value]})
    done = subprocess.run([sys.executable, "-c", REGISTER, facts], capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"registering it in a fresh interpreter failed: {done.stderr.strip()[-300:]}")
    return done.stdout.splitlines()[-1] == "IMPORTED"


def _run_again(name: str) -> None:
    """Run a module's code once more, and leave the module that was there in its place."""
    kept = sys.modules[name]
    spec = kept.__spec__
    if spec is None or spec.loader is None:
        raise Skipped("its module was not made by an import")
    sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(sys.modules[name])
    except Exception as error:
        raise Skipped(f"its module cannot be run twice: {reason(error)}") from None
    finally:
        sys.modules[name] = kept
