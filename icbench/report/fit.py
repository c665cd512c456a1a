"""How accurate a product of experts is, member by member, once its numbers are fitted."""

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType

from icbench.report.table import Column, Grid, Section, terminal_table

if TYPE_CHECKING:
    from icbench.running.fitting import Fitted

COLUMNS = [
    Column("members up to", 0, words=12),
    Column("images asked", 0),
    Column("accuracy of the fit", 1, words=10),
    Column("five-fold", 0),
]


def fit_table(found: "Fitted", width: int) -> RenderableType:
    """A row for each member: what those up to it come to, on images of the fit and on images apart from it."""
    rows = [
        [stage.member, f"{stage.images:,}", f"{stage.accuracy:.4f}", f"{stage.cross_validated:.4f}"]
        for stage in found.stages
    ]
    title = f"fitted to {found.fit.images:,} images of {found.fit.fitted_on}"
    return Group(terminal_table(Grid(title, COLUMNS, [Section(rows)]), width), "")


def fit_data(found: "Fitted") -> dict[str, Any]:
    """The same as data."""
    return {
        "fitted_on": found.fit.fitted_on,
        "images": found.fit.images,
        "stages": [vars(stage) for stage in found.stages],
    }
