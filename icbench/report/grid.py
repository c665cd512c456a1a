"""A table before it has a form: written for a terminal, as Markdown, LaTeX or HTML from one and the same content."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

PADDING = 2
LATEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}"}
LATEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "−": "$-$", "·": r"$\cdot$"}
LATEX |= {"◆": r"$\blacklozenge$", "±": r"$\pm$", "<": "$<$", ">": "$>$"}


@dataclass(frozen=True)
class Column:
    """One column.

    Args:
        heading: its title.
        priority: columns of the highest numbers are dropped first where there is no room; 0 is never dropped.
        text: a column of words, aligned left and wrapped; numbers are aligned right and never wrapped.
    """

    heading: str
    priority: int
    text: bool = False


@dataclass(frozen=True)
class Section:
    """Rows that belong together, under a heading of their own if they have one."""

    rows: list[list[str]]
    heading: str = ""


@dataclass(frozen=True)
class Grid:
    """A titled table.

    Args:
        title: what it is about.
        columns: as many as each row has cells.
        sections: the rows.
        footnotes: lines beneath.
    """

    title: str
    columns: list[Column]
    sections: list[Section]
    footnotes: list[str] = field(default_factory=list)

    def rows(self) -> list[list[str]]:
        return [row for section in self.sections for row in section.rows]

    def fitted(self, width: int, least_text: int = 26) -> "Grid":
        """The grid with as many columns as fit into `width`, a column of words counted as `least_text` if wider."""
        kept = list(range(len(self.columns)))
        rows = self.rows()

        def needed(number: int) -> int:
            column = self.columns[number]
            widest = max((len(row[number]) for row in rows), default=0)
            longest_word = max((len(word) for row in rows for word in row[number].split()), default=0)
            content = max(longest_word, min(widest, least_text)) if column.text else widest
            return max(len(column.heading), content) + PADDING

        while sum(map(needed, kept)) > width and any(self.columns[number].priority for number in kept):
            kept.remove(max(kept, key=lambda number: (self.columns[number].priority, number)))
        return self.only(kept)

    def only(self, kept: Sequence[int]) -> "Grid":
        """The grid with the columns of these numbers."""
        sections = [
            Section([[row[number] for number in kept] for row in part.rows], part.heading) for part in self.sections
        ]
        return Grid(self.title, [self.columns[number] for number in kept], sections, self.footnotes)


def printable(text: str) -> str:
    """`text` with control characters, which could move a terminal's cursor, shown by their codes."""
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)


def terminal_table(grid: Grid, width: int) -> RenderableType:
    """The grid for a terminal of `width` columns."""
    fitted = grid.fitted(width)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in fitted.columns:
        table.add_column(
            column.heading,
            justify="left" if column.text else "right",
            no_wrap=not column.text,
            overflow="fold" if column.text else "ellipsis",
        )
    for section in fitted.sections:
        if section.heading and section.rows:
            cells = [f"[dim italic]{escape(section.heading)}[/]" if column.text else "" for column in fitted.columns]
            first_text = next(number for number, column in enumerate(fitted.columns) if column.text)
            table.add_row(*[cell if number == first_text else "" for number, cell in enumerate(cells)])
        for number, row in enumerate(section.rows, 1):
            table.add_row(*map(escape, row), end_section=number == len(section.rows))
    notes = [Text(note, style="dim") for note in grid.footnotes]
    return Group(Text(grid.title, style="bold"), table, *notes)


def markdown_table(grid: Grid) -> str:
    """The grid as a Markdown table with a heading."""
    lines = [f"### {_markdown(grid.title)}", "", _pipes([_markdown(column.heading) for column in grid.columns])]
    lines.append(_pipes(["---" if column.text else "---:" for column in grid.columns]))
    for section in grid.sections:
        if section.heading and section.rows:
            lines.append(_pipes(_with_heading(grid, f"*{_markdown(section.heading)}*")))
        lines += [_pipes(map(_markdown, row)) for row in section.rows]
    return "\n".join([*lines, *(f"\n{_markdown(note)}" for note in grid.footnotes), ""])


def latex_table(grid: Grid) -> str:
    """The grid as a LaTeX table; it needs the packages booktabs and amssymb."""
    form = "".join("l" if column.text else "r" for column in grid.columns)
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{_latex(grid.title)}}}", rf"\begin{{tabular}}{{{form}}}"]
    lines += [r"\toprule", _ampersands([_latex(column.heading) for column in grid.columns]), r"\midrule"]
    for number, section in enumerate(part for part in grid.sections if part.rows):
        lines += [r"\midrule"] if number else []
        if section.heading:
            lines.append(_ampersands(_with_heading(grid, rf"\emph{{{_latex(section.heading)}}}")))
        lines += [_ampersands(map(_latex, row)) for row in section.rows]
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\footnotesize {_latex(note)}" for note in grid.footnotes]
    return "\n".join([*lines, r"\end{table}", ""])


def html_table(grid: Grid) -> str:
    """The grid as an HTML table."""
    heads = "".join(f"<th>{html.escape(column.heading)}</th>" for column in grid.columns)
    lines = ["<table>", f"<caption>{html.escape(grid.title)}</caption>", f"<thead><tr>{heads}</tr></thead>"]
    for section in (part for part in grid.sections if part.rows):
        lines.append("<tbody>")
        if section.heading:
            heading = html.escape(section.heading)
            lines.append(f'<tr><th colspan="{len(grid.columns)}" scope="rowgroup">{heading}</th></tr>')
        lines += [f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in section.rows]
        lines.append("</tbody>")
    lines.append("</table>")
    return "\n".join([*lines, *(f"<p>{html.escape(note)}</p>" for note in grid.footnotes), ""])


def _with_heading(grid: Grid, heading: str) -> list[str]:
    place = next(number for number, column in enumerate(grid.columns) if column.text)
    return [heading if number == place else "" for number in range(len(grid.columns))]


def _pipes(cells: "Sequence[str] | map[str]") -> str:
    return "| " + " | ".join(cells) + " |"


def _ampersands(cells: "Sequence[str] | map[str]") -> str:
    return " & ".join(cells) + r" \\"


def _markdown(text: str) -> str:
    return "".join(f"\\{character}" if character in "\\|*_<>[]`" else character for character in text)


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)
