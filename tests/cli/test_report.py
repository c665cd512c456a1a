"""`icbench report`: records in, a page out."""

import json
from pathlib import Path

import pytest
from command_line import icbench
from record_factory import RESULTS, finished, right, unfinished

from icbench.cli import report
from icbench.ranking.collection import state_of
from icbench.report.embedding import has_chart_library

QUIET = ("--pictures", "0")
needs_plotly = pytest.mark.skipif(not has_chart_library(), reason="plotly is not installed")


@needs_plotly
def test_a_page_is_written_where_it_is_asked_for(capsys):
    finished(right(20, 1))
    code, out, err = icbench(capsys, "report", RESULTS, "--out", "there/report", *QUIET)
    assert (code, out) == (0, "")
    page = Path("there/report/index.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "digits test, 20 images" in page
    assert "page: there/report/index.html" in err
    assert [file.name for file in Path("there/report").iterdir()] == ["index.html"]


@needs_plotly
def test_json_says_where_the_page_is_and_what_was_left_out(capsys):
    finished(right(20, 1))
    finished(right(30), folder="odd")
    (RESULTS / "odd" / "images.npz").write_bytes(b"")
    code, out, _ = icbench(capsys, "report", RESULTS, "--out", "r.html", "--json", *QUIET)
    document = json.loads(out)
    assert code == 0
    assert document["data"] == {"page": "r.html", "bytes": Path("r.html").stat().st_size, "tracks": 1, "entries": 1}
    assert len(document["warnings"]) == 1


@needs_plotly
def test_pictures_are_made_by_inverting_again(capsys, toy_plugin):
    entry = ("--dataset", "toy", "--generator", "normed", "--steps", 3, "--limit", 12)
    assert icbench(capsys, "run", *entry, "--device", "cpu", "--quiet")[0] == 0
    code, _, _ = icbench(capsys, "report", "--out", "r.html", "--device", "cpu")
    page = Path("r.html").read_text(encoding="utf-8")
    assert code == 0
    assert "The winning reconstruction" in page
    assert "Paths of class vectors" in page


@needs_plotly
def test_it_can_be_opened(capsys, monkeypatch):
    finished(right(20, 1))
    opened = []
    monkeypatch.setattr("click.launch", opened.append)
    icbench(capsys, "report", RESULTS, "--out", "r.html", "--open", *QUIET)
    assert opened == [Path("r.html").resolve().as_uri()]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere"], 2, "there is no folder nowhere"),
        ([], 2, "there are no records to show in icbench-results. Make some with `icbench run`."),
        ([str(RESULTS), "--out", "file/r.html"], 1, "file cannot be made"),
        (["--pictures", "-1"], 2, "--pictures"),
    ],
)
@needs_plotly
def test_what_cannot_be_done_is_said_in_a_line(capsys, arguments, code, said):
    Path("file").write_text("")
    Path("icbench-results").mkdir()
    finished(right(20))
    found, _, err = icbench(capsys, "report", *arguments)
    assert found == code
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert not Path("report").exists()


def test_without_plotly_the_way_out_is_said_before_anything_is_made(capsys, monkeypatch):
    monkeypatch.setattr("icbench.report.embedding.find_spec", lambda name: None)
    finished(right(20))
    code, _, err = icbench(capsys, "report", RESULTS)
    assert code == 2
    assert "pip install 'icbench[report]'" in err
    assert not Path("report").exists()


def test_a_watched_page_is_made_anew_when_a_record_has_come_or_grown_until_it_is_stopped(monkeypatch):
    finished(right(20))
    known = state_of((RESULTS,))
    finished(right(20, 2), seed=3)
    made = []
    changes = iter(
        [
            lambda: None,
            lambda: finished(right(20, 1), seed=1),
            lambda: None,
            lambda: unfinished(right(5), seed=2, stop=None),
            lambda: None,
            stop,
        ]
    )
    report._watch((RESULTS,), known, lambda: made.append(1), lambda seconds: next(changes)())
    # What came before the first wait counts too.
    assert len(made) == 3


@needs_plotly
def test_a_folder_may_be_watched_before_it_has_a_record(capsys, monkeypatch):
    RESULTS.mkdir()
    monkeypatch.setattr(report, "_watch", lambda folders, known, make: finished(right(20)) and make())
    code, _, err = icbench(capsys, "report", RESULTS, "--out", "r.html", "--watch", *QUIET)
    assert code == 0
    assert err.count("page: r.html") == 2
    assert "digits test, 20 images" in Path("r.html").read_text(encoding="utf-8")


def stop():
    raise KeyboardInterrupt
