"""One content, many forms: nothing is cut off, nothing in a cell acts as markup."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from icbench.report.document import html_table
from icbench.report.table import (
    Column,
    Footnote,
    Grid,
    Section,
    latex_table,
    markdown_table,
    printable,
    terminal_table,
    terminal_tables,
)

HOSTILE = ["[red]a[/red]", "a|b", "a_b", "a & b", "<script>", "a*b*", "`a`", "$x^2$", "50 % #1 {~}", "back\\slash"]
HOSTILE += [":smile:", "[/]", "a[b](c)", "\\[bold]", "&lt;", "~~a~~"]
COLUMNS = [Column("n", 0), Column("name", 0, words=12), Column("first", 2), Column("second", 1), Column("third", 2)]


def grid(*rows, columns=COLUMNS, footnotes=()):
    return Grid("a title", list(columns), [Section([list(row) for row in rows])], list(footnotes))


def two_columns(*cells):
    """A grid with each cell in a row of its own, beside a number."""
    columns = [Column("n", 0), Column("name", 0, words=200)]
    return grid(*([str(number), cell] for number, cell in enumerate(cells)), columns=columns)


def shown(what, width, **options):
    console = Console(width=width, **options)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


def headings(grid, width):
    return [column.heading for column in grid.fit(width).columns]


class Cells(HTMLParser):
    """The text of the cells in an HTML table."""

    def __init__(self, text):
        super().__init__()
        self.cells, self.inside = [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        assert tag in ("div", "table", "caption", "thead", "tbody", "tr", "th", "td", "p")
        if tag == "td":
            self.inside = True
            self.cells.append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.cells[-1] += data


def test_columns_go_in_the_order_of_their_priorities_and_of_equal_ones_the_last():
    wide = grid(["1", "a", "12345678", "12345678", "12345678"])
    everything = ["n", "name", "first", "second", "third"]
    steps = [headings(wide, width) for width in range(60, 5, -1)]
    seen = [step for number, step in enumerate(steps) if number == 0 or step != steps[number - 1]]
    assert seen == [everything, ["n", "name", "first", "second"], ["n", "name", "second"], ["n", "name"]]


def test_a_column_is_dropped_at_the_width_where_it_does_not_fit_and_not_before():
    wide = grid(["1", "a", "12345678", "12345678", "12345678"])
    whole = 1 + 4 + 3 * 8 + 4 * 3
    assert len(headings(wide, whole)) == 5
    assert len(headings(wide, whole - 1)) == 4
    assert "12345678   12345678   12345678" in shown(terminal_table(wide, whole), whole)


CELL = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=40)


@settings(max_examples=60)
@given(rows=st.lists(st.lists(CELL, min_size=5, max_size=5), max_size=4), width=st.sampled_from([60, 80, 120, 200]))
def test_no_line_is_wider_than_the_terminal(rows, width):
    notes = [Footnote("a note " * 30)]
    lines = shown(terminal_table(grid(*rows, footnotes=notes), width), width).splitlines()
    assert max(map(cell_len, lines)) <= width


NUMBER = st.integers(0, 10**8).map(str)


@settings(max_examples=60)
@given(rows=st.lists(st.tuples(NUMBER, CELL, NUMBER, NUMBER, NUMBER), min_size=1, max_size=4))
def test_no_number_is_cut_where_words_can_be_wrapped(rows):
    fitting = grid(*rows, columns=COLUMNS[:2] + [Column(column.heading, 0) for column in COLUMNS[2:]])
    text = shown(terminal_table(fitting, 80), 80)
    assert all(number in text for row in rows for number in (row[0], *row[2:]))


def test_words_are_wrapped_and_none_is_lost():
    text = shown(terminal_table(grid(["1", "one two three four five six", "2", "3", "4"]), 34), 34)
    assert re.findall("one|two|three|four|five|six", text) == ["one", "two", "three", "four", "five", "six"]


def test_room_to_spare_goes_to_the_words_from_the_left():
    columns = [Column("one", 0, words=5), Column("two", 0, words=5), Column("n", 0)]
    wide = grid(["a a a a a a", "b b b b b b", "12345"], columns=columns)
    assert [wide.widths(width) for width in (21, 24, 30, 40)] == [[5, 5, 5], [8, 5, 5], [11, 8, 5], [11, 11, 5]]
    assert "a a a a a a   b b b b    12345" in shown(terminal_table(wide, 30), 30)


def test_a_footnote_goes_with_its_column():
    notes = [Footnote("about first", "first"), Footnote("about all")]
    narrow = shown(terminal_table(grid(["1", "a", "12345678", "2", "3"], footnotes=notes), 20), 20)
    assert "about all" in narrow
    assert "about first" not in narrow
    assert "about first" in shown(terminal_table(grid(["1", "a", "2", "2", "3"], footnotes=notes), 60), 60)


def test_sections_have_headings_and_empty_ones_none():
    parts = [Section([["1", "a"]]), Section([["2", "b"]], "others"), Section([], "nobody")]
    sections = Grid("title", [Column("n", 0), Column("name", 0, words=10)], parts)
    for text in (shown(terminal_table(sections, 80), 80), markdown_table(sections), latex_table(sections)):
        assert "others" in text
        assert "nobody" not in text
        assert text.index("a") < text.index("others") < text.rindex("b")
    assert "nobody" not in html_table(sections)


def test_tables_below_one_another_are_set_apart_by_a_line():
    text = shown(terminal_tables([two_columns("a"), two_columns("b")], 80), 80)
    assert text.count("a title") == 2
    assert "\n\na title" in text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_terminal_shows_markup_as_it_is(text):
    assert text in shown(terminal_table(two_columns(text), 200), 200)


@pytest.mark.parametrize("text", HOSTILE)
def test_html_shows_markup_as_it_is(text):
    written = html_table(two_columns(text))
    assert Cells(written).cells == ["0", text]


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_escapes_what_would_be_markup(text):
    line = markdown_table(two_columns(text)).splitlines()[4]
    cells = re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1]
    assert len(cells) == 2
    assert re.search(r"(?<!\\)(?:\\\\)*[|*_<>\[\]`&~$]", cells[1]) is None
    assert re.sub(r"\\(.)", r"\1", cells[1].strip()) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_latex_has_no_special_character_that_is_not_escaped(text):
    row = next(line for line in latex_table(two_columns(text)).splitlines() if line.startswith("0 & "))
    cell = row.removeprefix("0 & ").removesuffix(r" \\")
    known = r"\\textbackslash\{\}|\\textasciitilde\{\}|\\textasciicircum\{\}|\\[&%$#_{}]|\$[<>|]\$"
    assert not set(re.sub(known, "", cell)) & set("\\&%$#_{}~^<>|")


def test_titles_headings_and_footnotes_are_escaped_too():
    parts = [Section([["1", "a"]], "s_1 & <b>")]
    hostile = Grid("t_1 & <b>", [Column("n_1", 0), Column("<b>", 0, words=9)], parts, [Footnote("f_1 & <b>")])
    assert "<b>" not in html_table(hostile)
    assert html_table(hostile).count("&lt;b&gt;") == 5
    assert "<b>" not in latex_table(hostile)
    assert not re.search(r"(?<!\\)_", latex_table(hostile))
    assert not re.search(r"(?<!\\)[_<&]", markdown_table(hostile))


CONTROLS = ["\x1b[31mred\x1b[0m", "line\nbreak", "tab\there", "\r", "\x00", "\u202e", "\x7f", "\ud800"]


@pytest.mark.parametrize("text", CONTROLS)
def test_control_characters_are_shown_by_their_codes(text):
    assert all(character.isprintable() for character in printable(text))
    assert re.search(r"\\x[0-9a-f]{2,}", printable(text))


def test_what_can_be_printed_stays_as_it_is():
    assert printable("cgan · mse — ±1 é 生") == "cgan · mse — ±1 é 生"


def test_latex_has_as_many_cells_in_each_row():
    written = latex_table(grid(["1", "a", "2", "3", "4"]))
    rows = [line for line in written.splitlines() if line.endswith(r"\\")]
    assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {5}
    assert r"\begin{tabular}{rlrrr}" in written


def test_markdown_aligns_numbers_to_the_right():
    assert "| ---: | --- | ---: | ---: | ---: |" in markdown_table(grid(["1", "a", "2", "3", "4"]))


def test_names_are_wrapped_closer_before_an_essential_number_goes():
    columns = [Column("name", 0, words=26), Column("number", 0), Column("interval", 2), Column("more", 3)]
    table = grid(["a name of a good many words in it", "0.1234", "0.1111–0.2222", "12345"], columns=columns)
    assert headings(table, 80) == ["name", "number", "interval", "more"]
    assert headings(table, 50) == headings(table, 40) == ["name", "number", "interval"]
    assert headings(table, 36) == ["name", "number"]


def test_words_that_have_no_room_stand_behind_the_name():
    columns = [Column("name", 0, words=26), Column("number", 0), Column("flags", 0, words=12)]
    table = grid(["first", "0.1234", "seen before"], ["second", "0.2345", ""], columns=columns)
    assert headings(table, 24) == ["name", "number"]
    assert table.fit(24).rows() == [["first (seen before)", "0.1234"], ["second", "0.2345"]]
