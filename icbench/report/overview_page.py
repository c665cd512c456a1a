"""Records as one HTML page that needs no other file, and that makes no request."""

from pathlib import Path
from typing import Any

from icbench.report.document import render
from icbench.report.embedding import chart_library, compress, has_chart_library
from icbench.report.views import Overview
from icbench.storage import write_output
from icbench.version import __version__

NO_LIBRARY = (
    "The charts that one can point at need icbench[report]: pip install 'icbench[report]', and make the page again."
)


def write_overview(content: Overview, title: str, file: Path) -> int:
    """Write the page of records.

    Args:
        content: what it shows.
        title: its heading.
        file: the page to write.

    Returns:
        its size in bytes.

    Raises:
        OutputError: it cannot be written.
    """
    page = render_overview("report.html", content, title=title).encode()
    write_output(file, page)
    return len(page)


def render_overview(template: str, content: Overview, **values: Any) -> str:
    """What a template that extends `report.html` makes of records; without the chart library it has no charts.

    Args:
        template: the name of its file.
        content: the records.
        values: what the template names besides.
    """
    library = chart_library() if has_chart_library() else ""
    return render(
        template,
        scripts=[library] if library else [],
        overview=content,
        payload=compress(content.payload),
        library=compress(library),
        lacking_charts="" if library else NO_LIBRARY,
        made=f"Made by icbench {__version__}.",
        **values,
    )
