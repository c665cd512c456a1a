"""Whatever is done to a record by hand: it is flagged or left out with a reason, and nothing else goes wrong."""

import contextlib
import copy
import json

import numpy as np
import pytest
from record_factory import RESULTS, finished, right
from rich.console import Console

from icbench.errors import IntegrityError
from icbench.ranking import collect, rank
from icbench.ranking.members import asked_members
from icbench.ranking.per_class import class_figures, confusion_matrix, run_calibration
from icbench.records import IMAGES_FILE, RECORD_FILE, read_record
from icbench.records.schema import sign
from icbench.report.document import html_table
from icbench.report.json_output import envelope
from icbench.report.leaderboard import leaderboard_csv, leaderboard_data, track_grids
from icbench.report.run import run_data, run_report
from icbench.report.table import latex_table, markdown_table, terminal_table

VALUES = [None, True, -1, 0, 10**30, 1.5, "", "x\x1b[31m", "\ud800", [], [1], ["x"], {}, {"a": [None]}]


def places(value, path=()):
    """The path of every value in nested dicts and lists."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def changed(facts, path, value):
    """`facts` with another value at a place, or without that place if the value is `...`."""
    facts = copy.deepcopy(facts)
    inside = facts
    for key in path[:-1]:
        inside = inside[key]
    if value is ...:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    return facts


def say_everything():
    """Every form of the leaderboard, and the run by itself; returns the leaderboard's data."""
    board = rank(collect([RESULTS]), by="speed")
    grids = track_grids(board, reference=True)
    console = Console(width=80)
    with console.capture():
        for grid in grids:
            console.print(terminal_table(grid, 80))
        with contextlib.suppress(IntegrityError):
            show(console)
    for form in (markdown_table, latex_table, html_table):
        for grid in grids:
            form(grid).encode()
    leaderboard_csv(board, reference=True).encode()
    return json.loads(envelope(leaderboard_data(board), [*board.problems, *board.notes]))


def show(console):
    record = read_record(RESULTS / "edited")
    confusion = confusion_matrix(record)
    calibrated = run_calibration(record, [record])
    content = (record, confusion, class_figures(confusion), calibrated, None, asked_members(record))
    console.print(run_report(*content, 80))
    envelope(run_data(*content))


@pytest.fixture
def record():
    finished(right(20, 1), label="another", gpus=["a gpu"], device="cuda")
    edited = finished(right(20, 2, 3), folder="edited", gpus=["a gpu"], device="cuda", flags=["a flag"])
    return edited.path / RECORD_FILE


def test_no_edit_of_a_record_ends_in_anything_but_a_flag_or_a_reason(record):
    facts = json.loads(record.read_text())
    edits = [(path, ...) for path in places(facts)]
    random = np.random.default_rng(0)
    for path in places(facts):
        edits.append((path, VALUES[random.integers(len(VALUES))]))
    for path, value in edits:
        edit = changed(facts, path, value)
        if edit == facts:
            continue
        record.write_text(json.dumps(edit))
        document = say_everything()
        rows = [row for table in document["data"]["tracks"] for row in (*table["rows"], *table["direct"])]
        partial = [run for table in document["data"]["tracks"] for run in table["partial"]]
        flagged = [row for row in rows if "edited by hand" in row["flags"]]
        reasons = [line for line in document["warnings"] if str(record.parent) in line]
        gone = [run for run in partial if run["path"] == str(record.parent)]
        assert flagged or reasons or gone, (path, value)


def test_an_edited_accuracy_does_not_count_and_is_flagged(record):
    facts = json.loads(record.read_text())
    facts["metrics"]["accuracy"] = 1.0
    record.write_text(json.dumps(facts))
    document = say_everything()
    row = next(row for row in document["data"]["tracks"][0]["rows"] if row["name"] != "another")
    assert row["accuracy"]["value"] == 0.9
    assert row["flags"] == ["a flag", "edited by hand"]


@pytest.mark.parametrize("with_digest", [True, False], ids=["signed", "edited"])
@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("accuracy", 0.999, 0.9),
        ("accuracy", None, 0.9),
        ("accuracy_low", 0.99, pytest.approx(0.699, abs=1e-3)),
        ("correct", 20, 18),
        ("images", 19, 20),
        ("mean_distance", 0.001, pytest.approx(0.01)),
        ("mean_distance", None, pytest.approx(0.01)),
        ("images_per_second", 9999.0, pytest.approx(10.0)),
        ("not_finite", 3, 0),
        ("nfe", 1, 401),
    ],
)
def test_a_figure_that_its_images_do_not_bear_out_is_never_shown(record, name, value, found, with_digest):
    facts = json.loads(record.read_text())
    facts["metrics"][name] = value
    record.write_text(json.dumps(sign(facts) if with_digest else facts))
    summary = read_record(record.parent).summary()
    assert summary["metrics"][name] == found
    assert summary["flags"] == ["a flag", "edited by hand"]


def test_costs_that_were_edited_are_kept_and_flagged(record):
    facts = json.loads(record.read_text())
    facts["metrics"] |= {"seconds": 4.0, "peak_memory_bytes": 3}
    record.write_text(json.dumps(facts))
    edited = read_record(record.parent)
    assert (edited.metrics.seconds, edited.metrics.images_per_second, edited.edited) == (4.0, 5.0, True)


def test_a_figure_that_was_put_in_is_not_shown(record):
    facts = json.loads(record.read_text())
    facts["metrics"]["wrongly_dropped"] = 5
    record.write_text(json.dumps(facts))
    assert read_record(record.parent).metrics.wrongly_dropped is None


def test_rounding_on_another_machine_is_no_edit(record):
    facts = json.loads(record.read_text())
    facts["metrics"]["mean_distance"] *= 1 + 1e-7
    record.write_text(json.dumps(sign(facts)))
    assert not read_record(record.parent).edited


def test_a_record_whose_images_are_gone_is_left_out_rather_than_shown_as_it_says(record):
    facts = json.loads(record.read_text())
    facts["metrics"]["accuracy"] = 1.0
    record.write_text(json.dumps(facts))
    (record.parent / IMAGES_FILE).unlink()
    with pytest.raises(IntegrityError, match=IMAGES_FILE):
        read_record(record.parent)
    (reason,) = collect([RESULTS]).problems
    assert str(record.parent / IMAGES_FILE) in reason


def test_calling_a_record_one_of_schema_1_hides_no_edit(record):
    facts = json.loads(record.read_text())
    record.write_text(json.dumps(facts | {"schema": 1}))
    assert read_record(record.parent).edited


def test_white_space_and_the_order_of_keys_are_no_edit(record):
    facts = json.loads(record.read_text())
    record.write_text(json.dumps(dict(reversed(facts.items())), indent=7))
    assert not read_record(record.parent).edited
