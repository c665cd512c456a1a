"""What came of checking a component."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from icbench.plugins.component import Registered
from icbench.testing.assertions import Lacking, Skipped, reason
from icbench.testing.registry import KITS, run
from icbench.testing.subject import Check, Subject, claim


@dataclass(frozen=True)
class Outcome:
    """What came of one check.

    Args:
        check: its name.
        claim: what it claims of the component.
        state: "passed", "failed" or "skipped".
        reason: why it failed or was skipped; empty if it passed.
        lacking: it was skipped as the component's weights are not here.
    """

    check: str
    claim: str
    state: Literal["passed", "failed", "skipped"]
    reason: str = ""
    lacking: bool = False


@dataclass(frozen=True)
class Checked:
    """What came of all checks of one component.

    Args:
        registered: the component.
        outcomes: in the order in which they were made.
        seconds: what they took.
    """

    registered: Registered
    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def passed(self) -> tuple[Outcome, ...]:
        """The checks that found no fault."""
        return self._in("passed")

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The checks that found one."""
        return self._in("failed")

    @property
    def skipped(self) -> tuple[Outcome, ...]:
        """The checks that do not apply or could not be made."""
        return self._in("skipped")

    @property
    def unchecked(self) -> str:
        """Why the component could not be made, so that next to nothing was checked; empty if it could."""
        return next((outcome.reason for outcome in self.outcomes if outcome.lacking), "")

    def _in(self, state: str) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.state == state)


def check_component(subject: Subject, on_check: Callable[[str], None] = lambda name: None) -> Checked:
    """Make every check of a component's kind.

    Args:
        subject: the component.
        on_check: told of each check's name before it is made.
    """
    started, outcomes = time.perf_counter(), []
    for check in KITS[subject.kind].all:
        on_check(check.__name__)
        outcomes.append(outcome_of(subject, check))
    return Checked(subject.selection.registered, tuple(outcomes), time.perf_counter() - started)


def outcome_of(subject: Subject, check: Check) -> Outcome:
    """Make one check. Never raises for what the component does."""
    try:
        run(subject, check)
    except Skipped as skipped:
        return Outcome(check.__name__, claim(check), "skipped", reason(skipped), isinstance(skipped, Lacking))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Outcome(check.__name__, claim(check), "failed", reason(error))
    return Outcome(check.__name__, claim(check), "passed")
