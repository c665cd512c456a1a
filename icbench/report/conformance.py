"""What a conformance check of components came to, for people and as data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from icbench.report.table import printable

if TYPE_CHECKING:
    from icbench.testing.runner import Checked, Outcome


def conformance_data(checked: "Sequence[Checked]") -> dict[str, Any]:
    """The content of `plugins check --json`."""
    return {"components": [_component(one) for one in checked]}


def conformance_errors(checked: "Sequence[Checked]") -> list[str]:
    """A line for each failure, and for each component that could not be checked."""
    failed = [f"{_name(one)}: {outcome.check}: {outcome.reason}" for one in checked for outcome in one.failed]
    return failed + [f"{_name(one)} was not checked: {one.unchecked}" for one in checked if one.unchecked]


def conformance_report(checked: "Checked") -> RenderableType:
    """One component: how many checks passed, then each failure and each skipped check with its reason."""
    parts = [(f"{len(checked.passed)} passed", "green"), (f"{len(checked.failed)} failed", "bold red")]
    parts.append((f"{len(checked.skipped)} skipped", "yellow"))
    counts = [Text(words, style) for words, style in parts if not words.startswith("0 ")]
    source = f"  from {checked.registered.dist} {checked.registered.version}".rstrip()
    title = Text.assemble((_name(checked), "bold"), printable(source), ": ", Text(", ").join(counts))
    title.append(f"  ({checked.seconds:.1f} s)", "dim")
    if checked.unchecked:
        title.append("\n  NOT CHECKED", "bold red").append(f": {printable(checked.unchecked)}")
    failed = [_lines(outcome, "FAILED", "bold red") for outcome in checked.failed]
    return Group(title, *failed, *_skipped_lines(checked.skipped, checked.unchecked))


def _component(checked: "Checked") -> dict[str, Any]:
    registered = checked.registered
    return {
        "kind": registered.kind,
        "name": registered.name,
        "dist": registered.dist,
        "version": registered.version,
        "passed": [outcome.check for outcome in checked.passed],
        "failed": [_outcome(outcome) for outcome in checked.failed],
        "skipped": [_outcome(outcome) for outcome in checked.skipped],
        "seconds": checked.seconds,
    }


def _outcome(outcome: "Outcome") -> dict[str, str]:
    return {"check": outcome.check, "claim": outcome.claim, "reason": outcome.reason}


def _name(checked: "Checked") -> str:
    return f"{checked.registered.kind} {checked.registered.name}"


def _lines(outcome: "Outcome", word: str, style: str) -> RenderableType:
    """The claim, and beneath it why it does not hold."""
    claim = Text.assemble((word, style), f" {outcome.check}: {printable(outcome.claim)}")
    return Group(
        Padding(claim, (0, 0, 0, 2), expand=False), Padding(Text(printable(outcome.reason)), (0, 0, 0, 6), expand=False)
    )


def _skipped_lines(outcomes: "Sequence[Outcome]", said: str) -> list[RenderableType]:
    """A line per reason, since what builds on a failure is skipped for one and the same; not what was `said`."""
    checks: dict[str, list[str]] = {}
    for outcome in outcomes:
        checks.setdefault(outcome.reason, []).append(outcome.check)
    return [
        Padding(Text.assemble(("skipped", "yellow"), f" {_few(names)}: {printable(why)}"), (0, 0, 0, 2), expand=False)
        for why, names in checks.items()
        if why != said
    ]


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"
