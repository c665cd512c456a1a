"""`icbench leaderboard` as a user meets it."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import icbench
from record_factory import RESULTS, finished, first, right, seeds, unfinished

import icbench as package
from icbench.records import IMAGES_FILE, RECORD_FILE
from icbench.report.leaderboard import leaderboard_data

OLD = Path(__file__).parents[1] / "records" / "schema-1"
TOY = ["run", "--generator", "linear", "--dataset", "toy", "--device", "cpu", "--quiet"]


def document(out):
    """The one JSON document that stdout is."""
    found = json.loads(out)
    assert set(found) == {"schema", "ok", "data", "warnings", "errors"}
    assert found["schema"] == 1
    return found


@pytest.fixture
def baseline(capsys):
    """Writes the present leaderboard down as the baseline of a gate, and clears the results."""

    def keep():
        _, out, _ = icbench(capsys, "leaderboard", RESULTS, "--json")
        Path("baseline.json").write_text(out)
        shutil.rmtree(RESULTS)

    return keep


def gate(capsys, *options):
    return icbench(capsys, "leaderboard", RESULTS, "--gate", "baseline.json", *options)


def test_runs_are_ranked(capsys, toy_plugin):
    icbench(capsys, *TOY, "--schedule", "joint", "--schedule", "exhaustive", "--steps", "20", "--seeds", "2")
    icbench(capsys, *TOY, "--steps", "1")
    icbench(capsys, "run", "--dataset", "toy", "--classifier", "class-mean", "--quiet", "--device", "cpu")
    code, out, err = icbench(capsys, "leaderboard")
    assert (code, err) == (0, "")
    assert "toy test, 50 images" in out
    assert "linear · mse · adam · joint [steps 20]" in out
    assert "1–3" in out
    _, out, _ = icbench(capsys, "leaderboard", "--json")
    (track,) = document(out)["data"]["tracks"]
    rows = {row["label"]: row for row in track["rows"]}
    assert rows["linear · mse · adam · joint [steps 20]"]["nfe"] == 41
    assert [run["seed"] for run in rows["linear · mse · adam · exhaustive"]["runs"]] == [0, 1]
    assert [row["label"] for row in track["direct"]] == ["class-mean"]


def test_a_run_that_took_over_images_is_a_track_of_its_own(capsys, toy_plugin):
    icbench(capsys, *TOY, "--steps", "5", "--limit", "20")
    icbench(capsys, *TOY, "--steps", "5")
    tracks = document(icbench(capsys, "leaderboard", "--json")[1])["data"]["tracks"]
    assert [(track["images"], len(track["rows"])) for track in tracks] == [(50, 1), (20, 1)]


def test_python_has_the_same_leaderboard(capsys):
    finished(first(18, 20), label="a", nfe=10)
    finished(first(19, 20), label="b", nfe=1000)
    board = package.leaderboard(RESULTS, by="nfe", budget=100)
    _, out, _ = icbench(capsys, "leaderboard", RESULTS, "--by", "nfe", "--budget", "100", "--json")
    assert json.loads(json.dumps(leaderboard_data(board))) == document(out)["data"]
    assert [entry.row.label for entry in board.tracks[0].standings] == ["a"]


def test_python_takes_the_default_folder_and_several(capsys):
    finished(right(20), Path("icbench-results"))
    finished(right(20), Path("theirs"), seed=1)
    assert package.leaderboard().tracks[0].standings[0].row.seeds == [0]
    assert package.leaderboard("icbench-results", "theirs").tracks[0].standings[0].row.seeds == [0, 1]


def test_folders_are_merged_in_any_order(capsys):
    finished(first(18, 20), Path("mine"), label="a")
    finished(first(17, 20), Path("theirs"), label="b")
    unfinished(first(9, 20), Path("theirs"), label="c")
    shutil.copytree("mine", "copy")
    folders = ["mine", "theirs", "copy"]
    for form in ("table", "json", "csv"):
        forwards = icbench(capsys, "leaderboard", *folders, "--format", form)
        assert forwards == icbench(capsys, "leaderboard", *reversed(folders), "--format", form)
    assert forwards[2].count("is a copy of") == 1


@pytest.mark.parametrize(
    ("by", "order"), [("accuracy", ["a", "b"]), ("nfe", ["b", "a"]), ("speed", ["b", "a"]), ("distance", ["b", "a"])]
)
def test_rows_are_in_the_order_asked_for(capsys, by, order):
    finished(first(18, 20), label="a", nfe=1000, rate=5.0, distance=0.2)
    finished(first(17, 20), label="b", nfe=100, rate=50.0, distance=0.1)
    _, out, _ = icbench(capsys, "leaderboard", RESULTS, "--by", by, "--json")
    assert [row["label"] for row in document(out)["data"]["tracks"][0]["rows"]] == order
    _, out, _ = icbench(capsys, "leaderboard", RESULTS, "--by", by)
    assert re.findall(r"^ *1–2 +(a|b) ", out, re.MULTILINE) == order


@pytest.mark.parametrize("option", ["--json", "--format=json"])
def test_json_is_one_document_and_nothing_else(capsys, option):
    finished(right(20))
    (RESULTS / "broken").mkdir()
    (RESULTS / "broken" / RECORD_FILE).write_text("{")
    code, out, err = icbench(capsys, "leaderboard", RESULTS, option)
    found = document(out)
    assert (code, found["ok"], found["errors"]) == (0, True, [])
    assert "broken/record.json" in found["warnings"][0]
    assert "broken/record.json" in err
    assert [row["label"] for row in found["data"]["tracks"][0]["rows"]] == ["cgan · mse · adam · joint"]


@pytest.mark.parametrize(
    ("form", "starts"),
    [("table", "digits test"), ("csv", "dataset,"), ("markdown", "###"), ("latex", "\\b"), ("html", "<!doctype html>")],
)
def test_every_form_has_every_entry(capsys, form, starts):
    for label in ("a", "b"):
        finished(right(20), label=f"entry-{label}")
        finished(right(30), label=f"entry-{label}")
    code, out, err = icbench(capsys, "leaderboard", RESULTS, "--format", form)
    assert (code, err) == (0, "")
    assert out.startswith(starts)
    assert out.count("entry-a") == out.count("entry-b") == 2


def test_html_is_a_whole_page(capsys):
    finished(right(20))
    finished(right(30))
    out = icbench(capsys, "leaderboard", RESULTS, "--format", "html")[1]
    assert '<meta charset="utf-8">' in out
    assert "<style>" in out
    assert out.endswith("</body>\n</html>\n")
    # Each table scrolls in a frame of its own where a window is narrow.
    assert out.count('<div class="wide"') == out.count("</table></div>") == 2
    assert ".wide { overflow-x: auto;" in out


def test_csv_can_be_read_back(capsys):
    finished(right(20, 1), label='a "quoted", name\nin two lines')
    _, out, _ = icbench(capsys, "leaderboard", RESULTS, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(out))
    assert row["entry"] == 'a "quoted", name\\x0ain two lines'
    assert float(row["accuracy"]) == 0.95


def test_marks_are_shown_on_request(capsys):
    finished(first(80, 100), dataset="mnist")
    assert "Hobbhahn" not in icbench(capsys, "leaderboard", RESULTS)[1]
    _, out, _ = icbench(capsys, "leaderboard", RESULTS, "--reference")
    assert out.index("published elsewhere") < out.index("Hobbhahn 2020")
    _, out, _ = icbench(capsys, "leaderboard", RESULTS, "--reference", "--json")
    (track,) = document(out)["data"]["tracks"]
    assert 0.728 in [mark["accuracy"] for mark in track["published"]]
    assert len(track["rows"]) == 1


@pytest.mark.parametrize("width", ["60", "80", "120", "200"])
def test_a_terminal_s_width_is_kept(width):
    finished(right(20), label="cgan:noise_dim=25 · lpips · adam:lr=0.1 · exhaustive", flags=["trained on these images"])
    finished(right(20, 1), label="cgan · mse · adam · joint")
    environment = {**os.environ, "COLUMNS": width, "FORCE_COLOR": "1", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "icbench", "leaderboard", str(RESULTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    lines = re.sub("\x1b\\[[0-9;]*m", "", done.stdout).splitlines()
    assert max(map(len, lines)) <= int(width)
    assert max(map(len, lines)) > int(width) - 30


def test_an_empty_folder_is_no_error(capsys):
    RESULTS.mkdir()
    code, out, err = icbench(capsys, "leaderboard", RESULTS)
    assert (code, out) == (0, "")
    assert "there are no records here" in err
    _, out, _ = icbench(capsys, "leaderboard", RESULTS, "--json")
    assert document(out)["data"] == {"tracks": []}


@pytest.mark.parametrize("form", ["csv", "markdown", "latex", "html"])
def test_an_empty_folder_is_no_error_in_any_form(capsys, form):
    RESULTS.mkdir()
    code, out, _ = icbench(capsys, "leaderboard", RESULTS, "--format", form)
    assert code == 0
    assert len(out.splitlines()) == (1 if form == "csv" else 0)


def test_one_record_is_a_leaderboard(capsys):
    finished(right(20))
    code, out, err = icbench(capsys, "leaderboard", RESULTS)
    assert (code, err) == (0, "")
    assert re.search(r"^ *1 +cgan · mse · adam · joint +1\.0000", out, re.MULTILINE)


def test_unfinished_runs_alone_are_shown_unranked(capsys):
    unfinished(right(5))
    code, out, _ = icbench(capsys, "leaderboard", RESULTS)
    assert code == 0
    assert "not complete, not ranked" in out


def test_records_of_schema_1_are_ranked(capsys):
    code, out, err = icbench(capsys, "leaderboard", OLD, "--strict")
    assert (code, err) == (0, "")
    assert "linear · mse · adam · joint" in out
    assert "20 of 50" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no folder nowhere"),
        ([], "there is no folder icbench-results"),
        (["a-file"], "there is no folder a-file"),
        ([RESULTS, "--gate", "nowhere.json"], "nowhere.json cannot be read: No such file"),
        ([RESULTS, "--gate", "a-file"], "a-file is no leaderboard"),
        ([RESULTS, "--gate", "other.json"], "other.json is no leaderboard"),
        ([RESULTS, "--gate", "empty.json"], "empty.json has no entries"),
        ([RESULTS, "--by", "size"], "'size' is not one of"),
        ([RESULTS, "--format", "xml"], "'xml' is not one of"),
        ([RESULTS, "--margin", "2"], "2.0 is not in the range"),
        ([RESULTS, "--budget", "-1"], "-1 is not in the range"),
    ],
)
def test_bad_input_is_one_line_with_exit_code_2(capsys, arguments, said):
    finished(right(20))
    Path("a-file").write_text("no JSON")
    Path("other.json").write_text('{"schema": 1, "ok": true, "data": {"runs": []}, "warnings": [], "errors": []}')
    Path("empty.json").write_text('{"data": {"tracks": []}}')
    code, out, err = icbench(capsys, "leaderboard", *arguments)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert said in err
    code, out, _ = icbench(capsys, "leaderboard", *arguments, "--json")
    assert code == 2
    assert said in document(out)["errors"][0]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: (path / RECORD_FILE).write_text("{"), "record.json cannot be read"),
        (lambda path: (path / RECORD_FILE).write_text('{"schema": 99}'), "has schema 99, this icbench knows 2"),
        (lambda path: (path / IMAGES_FILE).write_bytes(b"torn"), "images.npz has SHA-256"),
        (lambda path: (path / IMAGES_FILE).unlink(), "images.npz cannot be read"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_rest_is_ranked(capsys, damage, said):
    damage(finished(right(20), label="broken").path)
    finished(right(20), label="whole")
    code, out, err = icbench(capsys, "leaderboard", RESULTS)
    assert code == 0
    assert "whole" in out
    assert "broken" not in out
    assert err.startswith("left out: results/broken-")
    assert said in err
    code, out, _ = icbench(capsys, "leaderboard", RESULTS, "--strict", "--json")
    found = document(out)
    assert (code, found["ok"]) == (1, False)
    assert said in found["errors"][0]
    assert [row["label"] for row in found["data"]["tracks"][0]["rows"]] == ["whole"]


def test_strict_has_nothing_against_whole_records(capsys):
    finished(right(20))
    finished(right(20), folder="again")
    assert icbench(capsys, "leaderboard", RESULTS, "--strict")[0] == 0


def test_names_with_control_characters_cannot_act(capsys):
    finished(right(20), label="[bold]a[/bold] \x1b[2J · b\nc", dataset="\x1b]0;title\x07")
    (RESULTS / "\x1b[31mbroken").mkdir()
    (RESULTS / "\x1b[31mbroken" / RECORD_FILE).write_text("{")
    for form in ("table", "json", "csv", "markdown", "latex", "html"):
        code, out, err = icbench(capsys, "leaderboard", RESULTS, "--format", form)
        assert code == 0
        assert not set(out + err) & {"\x1b", "\x07"}
    assert "[bold]a[/bold]" in icbench(capsys, "leaderboard", RESULTS)[1]


def test_the_gate_lets_the_same_results_pass(capsys, baseline):
    finished(first(900, 1000))
    baseline()
    finished(first(900, 1000))
    code, out, err = gate(capsys)
    assert (code, err) == (0, "")
    assert "gate with margin 0.005" in out
    assert "no worse" in out


def test_the_gate_stops_a_loss_and_names_the_entry(capsys, baseline):
    finished(first(900, 1000), label="steady")
    finished(first(900, 1000), label="fallen")
    baseline()
    finished(first(900, 1000), label="steady")
    finished(first(800, 1000), label="fallen")
    code, out, err = gate(capsys)
    assert code == 1
    assert "worse" in out
    assert err == "the gate is not met: fallen is worse\n"
    code, out, err = gate(capsys, "--format", "csv")
    assert code == 1
    assert err == "the gate is not met: fallen is worse\n"
    code, out, _ = gate(capsys, "--json")
    found = document(out)
    assert (code, found["ok"], found["errors"]) == (1, False, ["the gate is not met: fallen is worse"])
    verdicts = {result["label"]: result["verdict"] for result in found["data"]["gate"]}
    assert verdicts == {"fallen": "worse", "steady": "no worse"}


def test_the_margin_is_the_loss_that_is_accepted(capsys, baseline):
    finished(first(900, 1000))
    baseline()
    finished(first(860, 1000))
    assert gate(capsys, "--margin", "0.02")[0] == 1
    assert gate(capsys, "--margin", "0.1")[0] == 0


def test_the_gate_lets_chance_pass_and_says_so(capsys, baseline):
    finished(first(90, 100))
    baseline()
    finished(first(88, 100))
    code, out, _ = gate(capsys)
    assert code == 0
    assert "undecided" in out


def test_the_gate_misses_an_entry_that_is_gone(capsys, baseline):
    finished(right(20), label="gone")
    baseline()
    finished(right(20), label="other")
    code, out, err = gate(capsys)
    assert code == 1
    assert "missing" in out
    assert "gone is missing" in err


def test_the_gate_takes_several_seeds(capsys, baseline):
    seeds([first(900, 1000), first(905, 1000), first(895, 1000)])
    baseline()
    seeds([first(800, 1000), first(805, 1000), first(795, 1000)])
    assert gate(capsys)[0] == 1
    shutil.rmtree(RESULTS)
    seeds([first(899, 1000), first(905, 1000), first(896, 1000)])
    assert gate(capsys, "--margin", "0.05")[0] == 0


@pytest.mark.parametrize("form", ["markdown", "latex", "html"])
def test_the_gate_is_part_of_written_forms(capsys, baseline, form):
    finished(first(900, 1000))
    baseline()
    finished(first(900, 1000))
    assert "no worse" in gate(capsys, "--format", form)[1]


@pytest.mark.parametrize("form", ["table", "csv"])
def test_json_and_another_format_exclude_each_other(capsys, form):
    finished(right(20))
    code, out, err = icbench(capsys, "leaderboard", RESULTS, "--json", "--format", form)
    assert code == 2
    assert f"--json and --format {form} exclude each other" in err
    assert not document(out)["ok"]
    assert icbench(capsys, "leaderboard", RESULTS, "--json", "--format", "json")[0] == 0


def test_the_largest_track_is_the_last_on_a_screen_and_the_first_in_json(capsys):
    finished(right(30), images=30)
    finished(right(20), images=20)
    finished(right(40), images=40, split="train")
    _, out, _ = icbench(capsys, "leaderboard", RESULTS)
    assert re.findall(r"(\d+) images", out) == ["20", "30", "40"]
    tracks = document(icbench(capsys, "leaderboard", RESULTS, "--json")[1])["data"]["tracks"]
    assert [(track["split"], track["images"]) for track in tracks] == [("test", 30), ("test", 20), ("train", 40)]


def labels(capsys, *options):
    (track,) = document(icbench(capsys, "leaderboard", RESULTS, "--json", *options)[1])["data"]["tracks"]
    return {row["label"]: row["suites"] for row in track["rows"]}


def test_runs_of_suites_are_told_from_one_s_own(capsys):
    finished(right(20), label="a", suite="paper")
    finished(right(20), label="b")
    finished(right(20), label="c")
    assert labels(capsys) == {"a": ["paper"], "b": [], "c": []}
    assert labels(capsys, "--suite", "paper") == {"a": ["paper"]}
    assert labels(capsys, "--suite", "none") == {"b": [], "c": []}
    assert "paper" in icbench(capsys, "leaderboard", RESULTS)[1]
    code, _, err = icbench(capsys, "leaderboard", RESULTS, "--suite", "papre")
    assert code == 2
    assert "there is no run of suite 'papre' here" in err
    assert "Did you mean 'paper'?" in err
    assert icbench(capsys, "leaderboard", RESULTS, "--suite", "")[0] == 2


def test_without_suites_there_is_no_column_of_them(capsys):
    finished(right(20))
    assert "suite" not in icbench(capsys, "leaderboard", RESULTS)[1]
