"""How the site is built: sphinx-build -W -n docs build/site"""

import re
import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

from icbench.version import __version__

sys.path.insert(0, str(Path(__file__).parent))
from docstrings import convert

project = "icbench"
author = "The icbench maintainers"
copyright = "The icbench maintainers, MIT licence"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_click"]
exclude_patterns = ["commands.md"]  # for a browser of the repository; the site has the same from click
html_theme = "furo"
html_title = f"icbench {__version__}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_math_renderer = "mathml"
html_theme_options = {"navigation_with_keys": True}

myst_enable_extensions = ["dollarmath", "colon_fence", "attrs_inline"]
myst_heading_anchors = 3

# A block of no language is a command or its output, and dashes in it are options.
highlight_language = "text"
smartquotes = False

# Docstrings have single backticks around code, as a terminal shows them.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
# Names of Python and of other packages, whose sites a build must not need.
OTHERS = "DataFrame|Figure|PIL|abc|collections|concurrent|matplotlib|msgspec|numpy|pandas|pathlib|pluggy|torch|typing"
nitpick_ignore_regex = [("py:.*", rf"({OTHERS})(\..*)?")]

ELSEWHERE = {
    "../CONTRIBUTING.md": "contributing.md",
    "../CHANGELOG.md": "changelog.md",
    "commands.md": "reference/cli.md",
}
"""Pages that are not of the site, by their links, and the pages that have the same there."""


def show_inline_math(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula as MathML, which browsers show without any script."""
    translator.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def show_math(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own."""
    translator.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def point_into_the_site(app: Sphinx, page: str, source: list[str]) -> None:
    """Links to pages that are not of the site lead to where it has the same."""
    for link, inside in ELSEWHERE.items():
        up = "../" * page.count("/")
        source[0] = source[0].replace(f"]({up}{link}", f"]({up}{inside}")


def convert_docstring(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Each docstring that autodoc reads."""
    lines[:] = convert(lines)


def shorten_signature(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Types without the bounds that msgspec checks of them, and defaults that are made without their factory."""
    shorter = signature and re.sub(r"~?(?:typing\.)?Annotated\[(\w+), msgspec[^\]]*\]", r"\1", signature)
    return shorter and shorter.replace(" = <factory>", " = {}").replace("=<factory>", "={}"), returned


def show_examples_as_code(app: Sphinx, context: object, lines: list[str]) -> None:
    """What a help text has as examples, lines that a terminal does not wrap, as blocks of code."""
    shown: list[str] = []
    for line in lines:
        example = line.startswith("| ")
        if example and not (shown and shown[-1].startswith("   ")):
            shown += ["::", ""]
        shown.append(f"   {line[2:]}" if example else line)
    lines[:] = shown


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    app.add_html_math_renderer("mathml", (show_inline_math, None), (show_math, None))
    app.connect("autodoc-process-docstring", convert_docstring)
    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("sphinx-click-process-description", show_examples_as_code)
    app.connect("source-read", point_into_the_site)
