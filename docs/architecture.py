"""Draw the layers of icbench from the import contracts: python docs/architecture.py > docs/architecture.svg"""

import ast
import textwrap
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
WIDTH, GAP, LINE = 900, 10, 18
LEFT = 46
"""The room for the arrow beside the boxes, in pixels as all lengths."""
LETTER = 6.6
"""About the width of a letter of a description."""
STYLE = """
text { font: 13px system-ui, 'DejaVu Sans', sans-serif; fill: #3b4351; }
.name { font: 600 14px ui-monospace, 'DejaVu Sans Mono', monospace; fill: #10243e; }
.box { fill: #eef3fa; stroke: #b9cbe3; }
.arrow { stroke: #6b7a90; stroke-width: 1.5; fill: none; }
"""


def layers() -> list[list[str]]:
    """The packages of each layer, as the first contract has them: each may import those beneath it."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    written = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [layer.split(" | ") for layer in written]


def summary(name: str) -> str:
    """What the docstring of a package or module says first."""
    folder = ROOT / "icbench" / name
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    return (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0].replace("`", "")


def draw_layer(names: list[str], top: int) -> tuple[list[str], int]:
    """The boxes of a layer, side by side, and how high they are."""
    width = (WIDTH - LEFT - GAP * len(names)) // len(names)
    texts = [textwrap.wrap(summary(name), int((width - 24) / LETTER)) for name in names]
    height = LINE * (1 + max(map(len, texts))) + 16
    parts = []
    for place, (name, lines) in enumerate(zip(names, texts, strict=True)):
        left = LEFT + place * (width + GAP)
        parts.append(f'<rect class="box" x="{left}" y="{top}" width="{width}" height="{height}" rx="6"/>')
        parts.append(f'<text class="name" x="{left + 12}" y="{top + 22}">{name}</text>')
        for number, line in enumerate(lines, start=1):
            parts.append(f'<text x="{left + 12}" y="{top + 22 + LINE * number}">{escape(line, quote=False)}</text>')
    return parts, height


def main() -> None:
    parts, top = [], GAP
    for names in layers():
        drawn, height = draw_layer(names, top)
        parts += drawn
        top += height + GAP
    arrow = f"M23 {GAP + 8} V{top - 24} m-6 -10 l6 10 l6 -10"
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}">')
    print(f"<title>The layers of icbench, each of which imports only what is beneath it</title><style>{STYLE}</style>")
    print(f'<rect width="{WIDTH}" height="{top}" rx="10" fill="#fff"/>', f'<path class="arrow" d="{arrow}"/>', sep="\n")
    print(*parts, "</svg>", sep="\n")


if __name__ == "__main__":
    main()
