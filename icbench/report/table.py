"""A table before it has a form: written for a terminal, as Markdown, LaTeX or HTML from one and the same content."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

BETWEEN = 3
"""Blank cells between two columns of a terminal."""
ESSENTIAL = 2
"""Columns of up to this priority stay while names can be wrapped closer."""
CLOSE, CLOSEST = 12, 4
"""How narrow a column of words may become for the sake of numbers; the second where nothing else is left to give."""

MARKDOWN = "\\|*_<>[]`&~$"
LATEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}"}
LATEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "−": "$-$", "·": r"$\cdot$"}
LATEX |= {"◆": r"$\blacklozenge$", "±": r"$\pm$", "<": "$<$", ">": "$>$", "|": "$|$"}


@dataclass(frozen=True)
class Column:
    """One column.

    Args:
        heading: its title.
        priority: columns of the highest numbers are dropped first where there is no room; numbers of 0 never are, and
            words of 0 go into the first column of words.
        words: the width that a column of words is given if its cells need as much; they are aligned left and wrapped.
            0 for a column of numbers, which are aligned right and never wrapped.
    """

    heading: str
    priority: int
    words: int = 0


@dataclass(frozen=True)
class Section:
    """Rows that belong together, under a heading of their own if they have one."""

    rows: list[list[str]]
    heading: str = ""


@dataclass(frozen=True)
class Footnote:
    """A line beneath a table, and the heading of the column it explains; it is dropped with that."""

    text: str
    column: str = ""


@dataclass(frozen=True)
class Grid:
    """A titled table.

    Args:
        title: what it is about; empty where a terminal shows it elsewhere.
        columns: as many as each row has cells.
        sections: the rows.
        footnotes: what is said beneath.
    """

    title: str
    columns: list[Column]
    sections: list[Section]
    footnotes: list[Footnote] = field(default_factory=list)

    @property
    def heading_place(self) -> int:
        """The number of the column that headings of sections stand in: the first one of words."""
        return next((number for number, column in enumerate(self.columns) if column.words), 0)

    def rows(self) -> list[list[str]]:
        """The rows of all sections, top to bottom."""
        return [row for section in self.sections for row in section.rows]

    def fit(self, width: int) -> "Grid":
        """The grid with as many columns as fit into `width`; essential ones go when no words can be wrapped closer."""
        fitted = self._drop_columns(width, self._needed_widths(), ESSENTIAL)
        fitted = fitted._drop_columns(width, fitted._least(), 0)
        return fitted if _width(fitted._least()) <= width else fitted._with_words_joined()

    def widths(self, width: int) -> list[int]:
        """The widths of the columns in `width` altogether: what is to spare goes to the words, from the left."""
        needed = self._needed_widths()
        widths = needed if _width(needed) <= width else self._least()
        if _width(widths) > width and self.columns[self.heading_place].words:
            rest = width - (_width(widths) - widths[self.heading_place])
            widths[self.heading_place] = max(CLOSEST, rest)
        spare = max(0, width - _width(widths))
        for number, column in enumerate(self.columns):
            if column.words:
                more = min(spare, max(0, self._widest(number) - widths[number]))
                widths[number] += more
                spare -= more
        return widths

    def only(self, kept: Sequence[int]) -> "Grid":
        """The grid with the columns of these numbers."""
        columns = [self.columns[number] for number in kept]
        sections = [
            Section([[row[number] for number in kept] for row in part.rows], part.heading) for part in self.sections
        ]
        headings = {"", *(column.heading for column in columns)}
        return Grid(self.title, columns, sections, [note for note in self.footnotes if note.column in headings])

    def _drop_columns(self, width: int, needed: Sequence[int], least: int) -> "Grid":
        """The grid without the columns above priority `least` that have no room, of whose widths `needed` tells."""
        kept = list(range(len(self.columns)))
        while _width([needed[number] for number in kept]) > width:
            last = max(kept, key=lambda number: (self.columns[number].priority, number))
            if self.columns[last].priority <= least:
                break
            kept.remove(last)
        return self.only(kept)

    def _with_words_joined(self) -> "Grid":
        """The grid with what its other columns of words say in brackets behind the first's, so that none is lost."""
        name = self.heading_place
        others = [number for number, column in enumerate(self.columns) if column.words and number != name]
        sections = [
            Section([_join_words(row, name, others) for row in part.rows], part.heading) for part in self.sections
        ]
        kept = [number for number in range(len(self.columns)) if number not in others]
        return Grid(self.title, self.columns, sections, self.footnotes).only(kept)

    def _least(self) -> list[int]:
        """The least width of each column, words broken where they have to be."""
        return [
            max(cell_len(column.heading), min(needed, CLOSE)) if column.words else needed
            for column, needed in zip(self.columns, self._needed_widths(), strict=True)
        ]

    def _needed_widths(self) -> list[int]:
        """The least width of each column, its words wrapped if it has any."""
        widths = []
        for number, column in enumerate(self.columns):
            words = [cell_len(word) for cell in self._cells(number) for word in cell.split()]
            least = max([min(self._widest(number), column.words), *words]) if column.words else self._widest(number)
            widths.append(max(cell_len(column.heading), least))
        return widths

    def _widest(self, number: int) -> int:
        return max(map(cell_len, self._cells(number)), default=0)

    def _cells(self, number: int) -> list[str]:
        """What stands in a column: cells, and the headings of sections if they are in it."""
        headings = [part.heading for part in self.sections if part.rows] if number == self.heading_place else []
        return [*(row[number] for row in self.rows()), *headings]


def _join_words(row: list[str], name: int, others: Sequence[int]) -> list[str]:
    said = ", ".join(row[number] for number in others if row[number])
    return [*row[:name], f"{row[name]} ({said})" if said else row[name], *row[name + 1 :]]


def _width(columns: Sequence[int]) -> int:
    return sum(columns) + BETWEEN * (len(columns) - 1)


def printable(text: str) -> str:
    """`text` with control characters, which could move a terminal's cursor, shown by their codes."""
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)


def terminal_tables(grids: Sequence[Grid], width: int) -> RenderableType:
    """Grids for a terminal of `width` columns, one below the other."""
    tables = [terminal_table(grid, width) for grid in grids]
    return Group(*(part for number, table in enumerate(tables) for part in ([""] if number else []) + [table]))


def terminal_table(grid: Grid, width: int) -> RenderableType:
    """The grid for a terminal of `width` columns."""
    fitted = grid.fit(width)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    widths = fitted.widths(width)
    for column, cells in zip(fitted.columns, widths, strict=True):
        table.add_column(
            Text(column.heading),
            width=cells if _width(widths) <= width else None,
            justify="left" if column.words else "right",
            no_wrap=not column.words,
            overflow="fold" if column.words else "ellipsis",
        )
    sections = [part for part in fitted.sections if part.rows]
    for section in sections:
        if section.heading:
            table.add_row(*(Text(cell, style="dim italic") for cell in _with_heading(fitted, section.heading)))
        for row in section.rows:
            table.add_row(*map(Text, row))
        if section is not sections[-1]:
            table.add_section()
    notes = [Text(note.text, style="dim") for note in fitted.footnotes]
    title = [Text(grid.title, style="bold")] if grid.title else []
    return Group(*title, "", table, *([""] if notes else []), *notes)


def markdown_table(grid: Grid) -> str:
    """The grid as a Markdown table with a heading."""
    lines = [f"### {_markdown(grid.title)}", "", _pipes([_markdown(column.heading) for column in grid.columns])]
    lines.append(_pipes(["---" if column.words else "---:" for column in grid.columns]))
    for section in grid.sections:
        if section.heading and section.rows:
            lines.append(_pipes(_with_heading(grid, f"*{_markdown(section.heading)}*")))
        lines += [_pipes(map(_markdown, row)) for row in section.rows]
    return "\n".join([*lines, *(f"\n{_markdown(note.text)}" for note in grid.footnotes), ""])


def latex_table(grid: Grid) -> str:
    """The grid as a LaTeX table; it needs the packages booktabs and amssymb."""
    form = "".join("l" if column.words else "r" for column in grid.columns)
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{_latex(grid.title)}}}", rf"\begin{{tabular}}{{{form}}}"]
    lines += [r"\toprule", _ampersands([_latex(column.heading) for column in grid.columns]), r"\midrule"]
    for number, section in enumerate(part for part in grid.sections if part.rows):
        lines += [r"\midrule"] if number else []
        if section.heading:
            lines.append(_ampersands(_with_heading(grid, rf"\emph{{{_latex(section.heading)}}}")))
        lines += [_ampersands(map(_latex, row)) for row in section.rows]
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\footnotesize {_latex(note.text)}" for note in grid.footnotes]
    return "\n".join([*lines, r"\end{table}", ""])


def _with_heading(grid: Grid, heading: str) -> list[str]:
    return [heading if number == grid.heading_place else "" for number in range(len(grid.columns))]


def _pipes(cells: "Sequence[str] | map[str]") -> str:
    return "| " + " | ".join(cells) + " |"


def _ampersands(cells: "Sequence[str] | map[str]") -> str:
    return " & ".join(cells) + r" \\"


def _markdown(text: str) -> str:
    return "".join(f"\\{character}" if character in MARKDOWN else character for character in text)


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)
