"""HTML from the templates beside this module; what is put into one is escaped there."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from icbench.report.table import Grid


def render(template: str, **values: Any) -> str:
    """What a template makes of values.

    Args:
        template: the name of its file.
        values: what it names.
    """
    return _environment().get_template(template).render(values)


def html_document(title: str, grids: "Sequence[Grid]") -> str:
    """A page of tables that needs no other file."""
    return render("tables.html", title=title, grids=grids)


def html_table(grid: "Grid") -> str:
    """The grid as an HTML table, which scrolls where a window is too narrow for it."""
    return render("table.html", grid=grid)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("icbench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
