"""What the leaderboard's tables show, in every width and form."""

import csv
import io
import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from record_factory import RESULTS, finished, first, right, seeds, unfinished
from rich.cells import cell_len
from rich.console import Console

from icbench.cli.leaderboard import command
from icbench.ranking import collect, rank
from icbench.records import RECORD_FILE
from icbench.report.document import html_table
from icbench.report.leaderboard import CELLS, leaderboard_csv, leaderboard_data, track_grids
from icbench.report.table import latex_table, markdown_table, terminal_table

NAMES_IN_HELP = {
    "tier": "tier",
    "size": "size",
    "distance": "distance",
    "interval of the difference": "its interval",
    "images/s": "images/s",
    "NFE": "NFE",
    "suite": "suite",
    "deviation over seeds": "± seeds",
    "p": "p",
    "difference to the best": "to best",
    "interval": "95 % interval",
}


def board(**options):
    return rank(collect([RESULTS]), **options)


def table_grid(reference=False, **options):
    """The grid of the only track."""
    (grid,) = track_grids(board(**options), reference)
    return grid


def cells(grid, name):
    """The row that begins with an entry's name, by heading."""
    headings = [column.heading for column in grid.columns]
    place = headings.index("entry")
    (row,) = (row for row in grid.rows() if row[place].startswith(name))
    return dict(zip(headings, row, strict=True))


def text(grid, width=200):
    console = Console(width=width)
    with console.capture() as capture:
        console.print(terminal_table(grid, width))
    return capture.get()


def notes(grid):
    return " ".join(note.text for note in grid.footnotes)


@pytest.fixture
def full():
    """A track with something in every column and section."""
    label = "cgan:noise_dim=25 · lpips · adam:lr=0.1 · exhaustive"
    seeds([first(90, 100), first(92, 100)], label=label, tier="features", suite="paper")
    finished(first(80, 100), label="cgan · mse · adam · joint", flags=["trained on these images"])
    finished(first(70, 100), label="class-mean", direct=True)
    unfinished(first(40, 50), label="cgan · mse · sgd · joint", images=100)
    return table_grid()


def test_the_help_states_the_order_in_which_columns_go():
    stated = " ".join(command.help.split()).partition("in this order: ")[2].partition(".")[0]
    order = [NAMES_IN_HELP[name.strip()] for name in stated.split(", ")]
    dropped = [column for column in CELLS if column.priority]
    expected = sorted(dropped, key=lambda column: (column.priority, list(CELLS).index(column)), reverse=True)
    assert order == [column.heading for column in expected]


def test_columns_go_in_that_order(full):
    kept = [[column.heading for column in full.fit(width).columns] for width in range(250, 40, -1)]
    gone = [heading for before, after in pairwise(kept) for heading in before if heading not in after]
    assert gone == [*NAMES_IN_HELP.values(), "flags"]


@pytest.mark.parametrize("width", [24, 30, 40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_no_figure_is_cut(full, width):
    printed = text(full, width)
    assert max(map(cell_len, printed.splitlines())) <= width
    assert "…" not in printed
    for accuracy in ("0.9100", "0.8000", "0.7000"):
        assert accuracy in printed


def test_eighty_columns_have_what_a_comparison_needs(full):
    headings = [column.heading for column in full.fit(80).columns]
    assert headings == ["rank", "entry", "accuracy", "95 % interval", "flags"]
    finished(first(60, 100), Path("plain"), label="cgan · mse · adam · joint")
    finished(first(60, 100), Path("plain"), label="cgan · mse · adam · exhaustive")
    (grid,) = track_grids(rank(collect([Path("plain")])))
    headings = [column.heading for column in grid.fit(80).columns]
    assert headings == ["rank", "entry", "accuracy", "95 % interval", "to best", "p"]


@pytest.mark.parametrize("width", [30, 60, 80])
def test_flags_are_shown_however_narrow(full, width):
    assert re.search(r"trained on\W+these", " ".join(text(full, width).split()))


def test_figures_are_in_their_columns(full):
    best, other = cells(full, "cgan:noise_dim=25"), cells(full, "cgan · mse · adam")
    assert best["rank"] == "1"
    assert best["accuracy"] == "0.9100"
    assert best["± seeds"] == "0.0141 (2)"
    assert (best["to best"], best["p"]) == ("", "")
    assert best["tier"] == "features"
    assert other["95 % interval"] == "0.7112–0.8666"
    assert other["to best"] == "−0.1100"
    assert other["NFE"] == "401"
    assert best["NFE"] == "◆ 401"
    assert other["images/s"] == "10"
    assert other["distance"] == "0.01000"
    assert other["size"] == "1.5 M"
    assert other["flags"] == "trained on these images"


@pytest.mark.parametrize(
    ("parameters", "shown"),
    [(0, "0"), (999, "999"), (1500, "1.5 k"), (2_500_000, "2.5 M"), (3 * 10**9, "3.0 G")],
)
def test_sizes_are_rounded(parameters, shown):
    finished(right(20), parameters=parameters)
    assert cells(table_grid(), "cgan")["size"] == shown


def test_ranges_of_ranks_are_shown_as_such():
    finished(first(90, 100), label="a")
    finished(first(89, 100), label="b")
    grid = table_grid()
    assert cells(grid, "a")["rank"] == cells(grid, "b")["rank"] == "1–2"


def test_tracks_that_differ_in_content_alone_name_their_digests():
    finished(right(20), digest="a" * 64)
    finished(right(20), digest="b" * 64)
    finished(right(30))
    titles = [grid.title for grid in track_grids(board())]
    assert titles == ["digits test, 30 images", *(f"digits test, 20 images, digest {8 * name}…" for name in "ab")]


def test_a_p_of_nearly_nothing_is_shown_as_a_bound():
    finished(first(90, 100), label="a")
    finished(first(10, 100), label="b")
    assert cells(table_grid(), "b")["p"] == "<0.001"


def test_direct_classifiers_and_partial_runs_are_set_apart(full):
    headings = [part.heading for part in full.sections if part.rows]
    assert headings == ["", "direct classifiers", "not complete, not ranked"]
    partial = cells(full, "cgan · mse · sgd")
    assert partial.pop("entry") == "cgan · mse · sgd · joint: 50 of 100 images (50%), interrupted"
    assert set(partial.values()) == {""}
    direct = cells(full, "class-mean")
    assert (direct["rank"], direct["NFE"], direct["tier"]) == ("", "", "")
    assert direct["to best"] == "−0.2100"


def test_the_seed_of_a_partial_run_is_named():
    unfinished(right(5), seed=3)
    assert "joint, seed 3: 5 of 20 images (25%), interrupted" in text(table_grid())


def test_what_a_row_has_not_stays_blank():
    finished(right(20, 1), label="a", distance=0.5)
    finished(right(20, 2), label="b", distance=None, parameters=None)
    blank = cells(table_grid(), "b")
    assert (blank["distance"], blank["size"]) == ("", "")


def test_columns_in_which_nothing_stands_are_left_out():
    finished(right(20))
    headings = [column.heading for column in table_grid().columns]
    assert not {"± seeds", "tier", "flags", "to best", "p"} & set(headings)
    finished(right(20), Path("other"), distance=None, parameters=None)
    (grid,) = track_grids(rank(collect([Path("other")])))
    assert not {"distance", "size"} & {column.heading for column in grid.columns}


def test_direct_classifiers_alone_have_the_column_of_ranks_too():
    finished(right(20), label="class-mean", direct=True)
    assert cells(table_grid(), "class-mean")["rank"] == ""


def test_a_speed_of_another_machine_is_blank_with_a_footnote():
    finished(right(20), label="a")
    finished(right(20), label="b")
    assert "images/s" not in notes(table_grid())
    finished(right(20), label="c", cpu="another processor")
    finished(right(20), label="d", precision="bfloat16")
    grid = table_grid()
    assert [cells(grid, name)["images/s"] for name in "abcd"] == ["10", "10", "", ""]
    assert "cannot be compared: those of a processor, cpu float32 are shown" in notes(grid)


def test_a_footnote_about_a_column_goes_with_it():
    finished(right(20), label="a")
    finished(right(20), label="a", seed=1, cpu="another processor")
    finished(right(20), label="b")
    assert "images/s" in text(table_grid(), 200)
    assert "images/s" not in text(table_grid(), 60)
    assert "◆" not in text(table_grid(), 60)


def test_the_number_beyond_the_budget_is_said():
    finished(right(20), label="a", nfe=1000)
    finished(right(20), label="b", nfe=100)
    assert "beyond the budget and not ranked: 1" in notes(table_grid(budget=500))


def test_published_marks_are_shown_on_request_only_and_set_apart():
    finished(first(80, 100), dataset="mnist")
    assert "Hobbhahn" not in text(table_grid())
    grid = table_grid(reference=True)
    assert [part.heading for part in grid.sections if part.rows] == ["", "published elsewhere"]
    mark = cells(grid, "Hobbhahn 2020")
    assert mark.pop("accuracy") == "0.728"
    assert mark.pop("entry").endswith("(on 10,000 images)")
    assert set(mark.values()) == {""}


def test_marks_that_are_only_reported_are_not_shown():
    finished(first(80, 100), dataset="mnist")
    assert "LeCun" not in text(table_grid(reference=True))
    assert "LeCun" not in json.dumps(leaderboard_data(board(), reference=True))
    assert "LeCun" not in leaderboard_csv(board(), reference=True)


def test_marks_stand_beside_their_own_split_only():
    finished(first(80, 100), dataset="mnist", split="validation")
    assert "Hobbhahn" not in text(table_grid(reference=True))


def test_a_record_edited_by_hand_is_flagged_in_every_form():
    record = finished(first(80, 100))
    file = record.path / RECORD_FILE
    file.write_text(file.read_text().replace('"mean_distance": 0.0', '"mean_distance": 0.5'))
    grid = table_grid()
    assert cells(grid, "cgan")["flags"] == "edited by hand"
    assert leaderboard_data(board())["tracks"][0]["rows"][0]["flags"] == ["edited by hand"]
    for written in (markdown_table(grid), latex_table(grid), html_table(grid), leaderboard_csv(board())):
        assert "edited by hand" in written


def test_images_that_are_not_finite_are_flagged():
    finished(right(20, 0), arrays={"prediction": np.array([-1, *range(1, 10), *range(10)])})
    assert cells(table_grid(), "cgan")["flags"] == "1 not finite"


def test_entries_of_one_name_are_told_apart():
    finished(right(20), steps=100)
    finished(right(20), steps=200)
    assert "joint [steps 100]" in text(table_grid())


@pytest.mark.parametrize("write", [markdown_table, latex_table, html_table])
def test_other_forms_have_every_column_and_row(full, write):
    written = write(full)
    for heading in ("rank", "accuracy", "NFE", "images/s", "distance", "size", "tier", "flags"):
        assert heading in written
    for shown in ("0.9100", "0.8000", "0.7000", "features", "class-mean", "interrupted"):
        assert shown in written


def test_csv_has_every_row_with_full_figures(full):
    rows = list(csv.DictReader(io.StringIO(leaderboard_csv(board()))))
    assert [(row["section"], row["seeds"], row["images_done"]) for row in rows] == [
        ("inversion", "2", "100"),
        ("inversion", "1", "100"),
        ("direct", "1", "100"),
        ("partial", "1", "50"),
    ]
    (best, other, direct, partial) = rows
    assert float(best["accuracy"]) == pytest.approx(0.91)
    assert float(best["accuracy_deviation"]) == pytest.approx(0.02 / 2**0.5)
    assert (best["to_best"], best["rank_first"], best["rank_last"], best["pareto"]) == ("", "1", "1", "True")
    assert float(other["p_holm"]) < 0.05
    assert other["flags"] == "trained on these images"
    assert (direct["rank_first"], direct["nfe"]) == ("", "0")
    assert partial["accuracy"] == ""
    assert {(row["dataset"], row["split"], row["images"]) for row in rows} == {("digits", "test", "100")}


def test_published_rows_of_the_csv_say_how_many_images_they_are_about():
    finished(first(80, 100), dataset="mnist")
    rows = list(csv.DictReader(io.StringIO(leaderboard_csv(board(), reference=True))))
    published = {row["accuracy"]: row["images_done"] for row in rows if row["section"] == "published"}
    assert published["0.728"] == "10000"


def test_json_is_complete(full):
    (track,) = leaderboard_data(board())["tracks"]
    best, other = track["rows"]
    assert (track["dataset"], track["split"], track["images"], track["digest"]) == ("digits", "test", 100, "d" * 64)
    assert best["rank"] == [1, 1]
    assert best["accuracy"]["value"] == pytest.approx(0.91)
    assert {"low", "high", "deviation"} < set(best["accuracy"])
    assert best["to_best"] is None
    assert {"value", "low", "high", "p"} == set(other["to_best"])
    assert [run["seed"] for run in best["runs"]] == [0, 1]
    assert [row["label"] for row in track["direct"]] == ["class-mean"]
    assert [(run["status"], run["done"]) for run in track["partial"]] == [("interrupted", 50)]
    assert track["published"] == []


HOSTILE = "a|b · [red]c[/red] · <b>&_ · \x1b[31m\n"


def test_hostile_names_reach_no_output_as_they_are():
    finished(right(20), label=HOSTILE, dataset="d|<i>_\x1b[1m")
    unfinished(right(5), label=HOSTILE, dataset="d|<i>_\x1b[1m", seed=1)
    grid = table_grid()
    written = [write(grid) for write in (markdown_table, latex_table, html_table)]
    for form in (text(grid), *written, leaderboard_csv(board()), json.dumps(leaderboard_data(board()))):
        assert "\x1b" not in form
        assert "\\x0a" in form or "textbackslash{}x0a" in form or "\\n" in form
    assert "[red]c[/red]" in text(grid)
    assert "<b>" not in written[2]
    assert "<i>" not in written[2]
    assert re.search(r"(?<!\\)[|]b", written[0]) is None
    assert re.search(r"(?<!\\)[&_](?! )", written[1]) is None
