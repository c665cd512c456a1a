"""Estimates as text and as data."""

from icbench.statistics import Estimate

LEAST_P = 0.001


def interval(estimate: Estimate) -> str:
    """The interval of an accuracy."""
    return f"{estimate.low:.4f}–{estimate.high:.4f}"


def format_signed(value: float | None) -> str:
    """A difference of accuracies with its sign, or nothing."""
    return "" if value is None else f"{value:+.4f}".replace("-", "−")


def difference(estimate: Estimate | None) -> tuple[str, str]:
    """A difference of accuracies, and its interval; two times nothing for none."""
    if estimate is None:
        return "", ""
    return format_signed(estimate.value), f"{format_signed(estimate.low)} to {format_signed(estimate.high)}"


def lead(estimate: Estimate) -> str:
    """A difference of accuracies with its interval behind it."""
    return "{} ({})".format(*difference(estimate))


def p_value(p: float | None) -> str:
    """A p value, not more exactly than it is of use."""
    if p is None:
        return ""
    return f"<{LEAST_P}" if p < LEAST_P else f"{p:.3f}"


def estimate_data(estimate: Estimate | None) -> dict[str, float] | None:
    """An estimate as JSON has it."""
    return {name: value for name, value in vars(estimate).items() if value is not None} if estimate else None
