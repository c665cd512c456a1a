"""An HTML page that needs no other file."""

import html
from collections.abc import Iterable

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.55 system-ui, sans-serif; color: #24292f; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }}
h1 {{ font-size: 1.6rem; line-height: 1.25; }} h2 {{ font-size: 1.2rem; margin-top: 2.5rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; margin: 2rem 0 .6rem; font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; font-weight: 600; padding-bottom: .5rem; }}
th, td {{ text-align: right; padding: .25rem .8rem; border-bottom: 1px solid #e6e9ee; white-space: nowrap; }}
th:first-child, td:first-child {{ text-align: left; padding-left: 0; white-space: normal; }}
.wide ~ p {{ margin: .15rem 0; color: #57606a; font-size: .9rem; }}
figure {{ margin: 1.5rem 0; }} figure img {{ max-width: 100%; height: auto; }}
figcaption {{ color: #57606a; font-size: .9rem; }}
section p, section li {{ max-width: 44rem; }} section ul {{ padding-left: 1.2rem; }}
blockquote {{ margin: .6rem 0; padding-left: 1rem; border-left: 3px solid #d0d7de; }} a {{ color: #1f6feb; }}
</style>
</head>
<body>
"""


def html_document(title: str, parts: Iterable[str]) -> str:
    """A whole page.

    Args:
        title: as text.
        parts: what stands in its body, as HTML.
    """
    return "\n".join([HEAD.format(title=html.escape(title)) + "\n".join(parts), "</body>", "</html>", ""])
