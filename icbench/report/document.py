"""HTML from the templates beside this module; what is put into one is escaped there."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from icbench.report.embedding import script_source

if TYPE_CHECKING:
    from icbench.report.table import Grid

SCRIPT = Path(__file__).parent / "templates" / "page.js"


def render(template: str, scripts: Sequence[str] = (), **values: Any) -> str:
    """What a template makes of values.

    Args:
        template: the name of its file.
        scripts: those that the page's own script brings to run, besides which nothing does.
        values: what it names.
    """
    script = SCRIPT.read_text(encoding="utf-8")
    # What the policy has in it are digests, which hold no character that would need to be escaped.
    allowed = [Markup(script_source(each)) for each in (script, *scripts)]
    return _environment().get_template(template).render(values, script=Markup(script), allowed=allowed)


def html_document(title: str, grids: "Sequence[Grid]") -> str:
    """A page of tables that needs no other file."""
    return render("tables.html", title=title, grids=grids)


def html_table(grid: "Grid") -> str:
    """The grid as an HTML table, which scrolls where a window is too narrow for it."""
    return render("table.html", grid=grid)


def _break_name(text: str) -> Markup:
    """A name with the places where a line may break: behind what separates its parts, but in no number."""
    return Markup(re.sub(r"([,:=/])(?!\d)", r"\1<wbr>", str(escape(text))))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("icbench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["breakable"] = _break_name
    return environment
