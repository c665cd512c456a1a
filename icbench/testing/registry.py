"""The one list of checks per kind, which the pytest classes and `icbench plugins check` both go through."""

from dataclasses import dataclass

from icbench.plugins.shared_state import preserve_state
from icbench.testing.assertions import Skipped
from icbench.testing.checks import (
    classifier,
    dataset,
    distance,
    executor,
    generator,
    isolation,
    optimizer,
    other_data,
    product,
    registration,
    schedule,
)
from icbench.testing.subject import Check, Subject


@dataclass(frozen=True)
class Kit:
    """The checks of one kind.

    Args:
        gates: what all else builds on, in order: where one fails, those after it and all checks are skipped, so that
            one fault is one failure.
        checks: the others.
    """

    gates: tuple[Check, ...]
    checks: tuple[Check, ...]

    @property
    def all(self) -> tuple[Check, ...]:
        """Gates first, in the order in which they are made."""
        return self.gates + self.checks


def _kit(gates: tuple[Check, ...], checks: tuple[Check, ...]) -> Kit:
    """A kind's own checks, among those that every component passes."""
    return Kit(
        registration.GATES + gates + isolation.GATES,
        registration.CHECKS + checks + isolation.CHECKS,
    )


KITS = {
    "generator": _kit(generator.GATES, generator.CHECKS + other_data.CHECKS),
    "distance": _kit(distance.GATES, distance.CHECKS),
    "optimizer": _kit(optimizer.GATES, optimizer.CHECKS),
    "schedule": _kit(schedule.GATES, schedule.CHECKS),
    "dataset": _kit(dataset.GATES, dataset.CHECKS),
    "classifier": _kit(classifier.GATES, classifier.CHECKS),
    "product": _kit(product.GATES, product.CHECKS),
    "executor": _kit(executor.GATES, executor.CHECKS),
}


def run(subject: Subject, check: Check) -> None:
    """Make one check of a component, whatever state it leaves behind.

    Raises:
        AssertionError: it finds a fault; or whatever else the component raises.
        Skipped: it does not apply, or another check has to pass first.
    """
    gates = KITS[subject.kind].gates
    for gate in gates[: gates.index(check)] if check in gates else gates:
        if not subject.passes(gate):
            raise Skipped(f"{gate.__name__} has to pass first")
    with preserve_state():
        check(subject)
