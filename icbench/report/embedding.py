"""What lies within a page, so that it needs no other file: data and scripts, and what a browser may run of them."""

import base64
import gzip
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from icbench.errors import UsageError


def compress(text: str) -> str:
    """`text` as gzip in base64, which the page's script unpacks; the same for the same text."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def data_url(content: bytes, kind: str) -> str:
    """A file of a media type, such as `image/png`, as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def script_source(script: str) -> str:
    """How a content security policy names a script that it lets run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def has_chart_library() -> bool:
    """Whether what draws the charts of a page is installed."""
    return find_spec("plotly") is not None


def check_chart_library() -> None:
    """Check that a page can have charts.

    Raises:
        UsageError: what draws them is not installed.
    """
    if not has_chart_library():
        raise UsageError("the charts of the page need plotly, which is not here", "pip install 'icbench[report]'")


@cache
def chart_library() -> str:
    """The script that draws charts, as the Python package plotly has it."""
    spec = find_spec("plotly")
    assert spec is not None
    assert spec.origin is not None
    # As `plotly.offline.get_plotlyjs` reads it, which first imports all of plotly.
    return (Path(spec.origin).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
