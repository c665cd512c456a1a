"""`icbench suite` and `icbench reproduce`, from the declaration to tables, chart and page."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import icbench
from PIL import Image

from icbench import Component, hookimpl
from icbench.kinds.suite import Suite, read_suite
from icbench.plugins.discovery import PluginSource
from icbench.records import read_record
from icbench.records.record import write_record

QUICK = ("--device", "cpu", "--quiet")
TOML = Path(__file__).parent / "toy_suite.toml"
DECLARED = {"toy-paper": TOML}


def mine() -> Suite:
    return read_suite(DECLARED["toy-paper"])


@hookimpl
def icbench_suites():
    yield Component("toy-paper", "test_suites:mine", "a paper about toys")


@pytest.fixture(autouse=True)
def _installed(use_plugins):
    use_plugins("toy", PluginSource("paper", "icbench-paper", "1", "test_suites"))


def reproduced(capsys, *arguments):
    """The exit code and the data of a reproduction."""
    code, out, _ = icbench(capsys, "reproduce", "toy-paper", "--json", *QUICK, *arguments)
    return code, json.loads(out)


def test_suites_are_listed_and_shown(capsys):
    _, out, _ = icbench(capsys, "suite", "list")
    assert "toy-paper" in out
    assert "hobbhahn2020" in out
    _, out, _ = icbench(capsys, "suite", "show", "toy-paper")
    assert "linear:noise_dim=3" in out
    assert "run only when asked for: extra" in out
    _, out, _ = icbench(capsys, "suite", "show", "toy-paper", "--json")
    assert [one["name"] for one in json.loads(out)["data"]["experiments"]] == ["size", "steps", "extra"]


def test_cells_that_tables_share_are_run_once(capsys):
    code, document = reproduced(capsys)
    assert code == 0
    runs = document["data"]["runs"]
    # noise 3 at 20 steps is in both tables and in a claim; a claim needs its first seed alone.
    assert len(runs) == len({run["id"] for run in runs}) == 2 * 3 + 1
    size, steps = document["data"]["experiments"]
    assert size["cells"][0]["runs"] == steps["cells"][1]["runs"]
    assert len(size["cells"][0]["accuracies"]) == 2


def test_what_was_run_before_is_taken_from_its_record(capsys):
    reproduced(capsys)
    _, document = reproduced(capsys)
    assert all(run["reused"] for run in document["data"]["runs"])


def with_engine(path, engine):
    """The record of a run as another engine would have left it."""
    record = read_record(path)
    return write_record(path, replace(record.metadata, engine=engine), record.images())


def test_tables_are_made_from_records_of_other_code_and_nothing_is_run(capsys):
    _, document = reproduced(capsys)
    for run in document["data"]["runs"]:
        with_engine(Path(run["path"]), "sha256:" + "0" * 64)
    folder = Path(document["data"]["runs"][0]["path"]).parent
    code, out, _ = icbench(capsys, "suite", "table", "toy-paper", folder, "--json")
    made = json.loads(out)["data"]
    assert code == 0
    assert (made["experiments"], made["claims"]) == (document["data"]["experiments"], document["data"]["claims"])
    assert len(list(folder.glob("*/record.json"))) == len(document["data"]["runs"])


def test_a_table_has_the_rows_that_there_are_records_of(capsys):
    run = ["run", "--dataset", "toy", *QUICK, "--generator"]
    own = [*run, "linear:noise_dim=3", "--limit", "20"]
    # The last is of the suite. Before it: other steps, another rate, another seed, and more images than the suite has.
    for arguments in (
        [*own, "--steps", "7"],
        [*own, "--steps", "20", "--lr", "0.3"],
        [*own, "--steps", "20", "--seed", "5"],
        [*run, "linear:noise_dim=5", "--steps", "20", "--seeds", "2"],
        [*own, "--steps", "20", "--seeds", "2"],
    ):
        icbench(capsys, *arguments)
    _, out, _ = icbench(capsys, "suite", "table", "toy-paper", "--json")
    size, steps = json.loads(out)["data"]["experiments"]
    assert [len(cell["runs"]) for cell in size["cells"]] == [2, 0]
    assert [len(cell["runs"]) for cell in steps["cells"]] == [0, 2, 0]
    _, out, _ = icbench(capsys, "suite", "table", "toy-paper")
    assert "not complete" in out


def test_the_chart_of_a_table_is_drawn(capsys):
    reproduced(capsys, "--experiment", "steps")
    code, _, _ = icbench(capsys, "suite", "table", "toy-paper", "--experiment", "steps", "--figure", "chart.png")
    assert code == 0
    assert Path("chart.png").stat().st_size > 1000


def test_one_experiment_can_be_chosen_and_what_is_optional_is_asked_for(capsys):
    _, document = reproduced(capsys, "--experiment", "steps")
    assert [one["name"] for one in document["data"]["experiments"]] == ["steps"]
    assert document["data"]["claims"] == []
    _, document = reproduced(capsys, "--ablate")
    (extra,) = document["data"]["experiments"]
    assert extra["name"] == "extra"
    assert extra["cells"][1]["to_baseline"]["value"] == pytest.approx(-0.9, abs=0.1)
    assert [cell["images"] for cell in extra["cells"]] == [20, 10]


def test_limit_and_seeds_make_it_smaller(capsys):
    _, document = reproduced(capsys, "--limit", "12", "--seeds", "1")
    assert document["data"]["dataset"]["images"] == 12
    assert all(run["dataset"]["images"] == 12 and run["seed"] == 0 for run in document["data"]["runs"])


def test_an_accuracy_below_the_published_one_is_the_exit_code(capsys, monkeypatch):
    text = TOML.read_text().replace("published = [0.9, 0.92]", "published = [1.3]")
    Path("worse.toml").write_text(text)
    monkeypatch.setitem(DECLARED, "toy-paper", Path("worse.toml"))
    code, document = reproduced(capsys)
    assert code == 1
    assert not document["ok"]
    assert "size: 3 is more than 0.02 below the published mean" in document["errors"]


def test_the_tables_are_followed_by_their_verdicts(capsys):
    code, out, err = icbench(capsys, "reproduce", "toy-paper", *QUICK)
    assert code == 0
    for said in ("same best setting?", "same order?", "a maximum inside?", "statements without a number", "0.9100 ±"):
        assert said in out
    assert err == ""


def test_a_chart_and_a_page_are_made(capsys):
    code, _, err = icbench(capsys, "reproduce", "toy-paper", *QUICK, "--figure", "f.png", "--page", "p.html")
    assert code == 0
    assert "picture: f.png" in err
    with Image.open("f.png") as picture:
        assert picture.width > picture.height
    page = Path("p.html").read_text()
    assert page.count("<figure>") == 4
    assert page.partition('<h2 id="pictures">')[0].count("<table>") == 3
    # What was run is beneath, as in any report.
    assert page.count('<table class="board">') == 1
    concluded, found = page.split("<h2>What was found here</h2>")
    assert "Toys are &lt;easy&gt;" in concluded
    assert "<blockquote>" not in found
    assert "2 of 2 settings are more accurate than published, by 9.0 to 20.0 points." in found
    assert "Holds: it is exact (median distance" in found
    assert set(re.findall(r"https?://[^\"<]*", page)) == {"https://example.org/toys"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["reproduce", "toy-papers"], 2, "Did you mean 'toy-paper'?"),
        (["reproduce", "toy-paper", "--experiment", "sizes"], 2, "Did you mean 'size'?"),
        (["reproduce", "toy-paper", "--figure", "no/such/f.png", "--limit", "5"], 2, "cannot be written"),
        (["reproduce", "toy-paper", "--page", "no/such/p.html", "--limit", "5"], 2, "cannot be written"),
        (["plugins", "check", "toy-paper"], 2, "is a suite"),
    ],
)
def test_what_a_user_can_get_wrong_is_one_line(capsys, arguments, code, said):
    found, _, err = icbench(capsys, *arguments, *(QUICK if arguments[0] == "reproduce" else ()))
    assert found == code
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_a_suite_without_published_values_is_run_and_not_reproduced(capsys, monkeypatch):
    text = TOML.read_text()
    text = text[: text.index("[[claim]]")].replace("published", "# published")
    text = "\n".join(
        line.partition(", # published")[0] + (" }," if ", # published" in line else "") for line in text.splitlines()
    )
    Path("plain.toml").write_text(text)
    monkeypatch.setitem(DECLARED, "toy-paper", Path("plain.toml"))
    code, _, err = icbench(capsys, "reproduce", "toy-paper", *QUICK)
    assert code == 2
    assert "icbench suite run toy-paper" in err
    code, out, _ = icbench(capsys, "suite", "run", "toy-paper", *QUICK)
    assert code == 0
    assert "published" not in out


def test_a_suite_whose_plugin_is_missing_says_so_before_anything_runs(capsys, monkeypatch):
    text = TOML.read_text().replace("linear:noise_dim=5", "linaer:noise_dim=5")
    Path("missing.toml").write_text(text)
    monkeypatch.setitem(DECLARED, "toy-paper", Path("missing.toml"))
    code, _, err = icbench(capsys, "reproduce", "toy-paper", *QUICK)
    assert code == 2
    assert "there is no generator 'linaer'" in err
    assert not Path("icbench-results").exists()


def interrupt_run(monkeypatch, number):
    """Ctrl-C as the run of this number begins; returns what it replaces."""
    from icbench.running.session import Session

    begun, original = [], Session._grow

    def interrupted(session, run, settings):
        begun.append(settings)
        if len(begun) == number:
            raise KeyboardInterrupt
        return original(session, run, settings)

    monkeypatch.setattr(Session, "_grow", interrupted)
    return original


def test_an_interruption_keeps_what_is_finished_and_says_how_to_go_on(capsys, monkeypatch):
    original = interrupt_run(monkeypatch, 3)
    code, out, err = icbench(capsys, "reproduce", "toy-paper", "--device", "cpu", "--quiet")
    assert code == 130
    assert "not complete" in out
    assert "interrupted; go on with: icbench" in err
    monkeypatch.setattr("icbench.running.session.Session._grow", original)
    _, document = reproduced(capsys)
    assert sum(run["reused"] for run in document["data"]["runs"]) == 2


def test_a_cell_without_all_its_seeds_is_not_complete(capsys, monkeypatch):
    interrupt_run(monkeypatch, 2)
    code, document = reproduced(capsys)
    assert code == 130
    assert [run["seed"] for run in document["data"]["runs"]] == [0]
    assert all(cell["accuracies"] is None for one in document["data"]["experiments"] for cell in one["cells"])


def test_a_record_says_which_suite_it_was_made_for(capsys):
    reproduced(capsys, "--experiment", "size")
    icbench(capsys, "run", "--generator", "linear", "--dataset", "toy", "--steps", "7", *QUICK)
    _, out, _ = icbench(capsys, "leaderboard", "--suite", "none", "--json")
    (track,) = json.loads(out)["data"]["tracks"]
    assert [row["entry"]["steps"] for row in track["rows"]] == [7]
    _, out, _ = icbench(capsys, "leaderboard", "--suite", "toy-paper", "--json")
    rows = [row for track in json.loads(out)["data"]["tracks"] for row in track["rows"]]
    assert rows
    assert all(row["suites"] == ["toy-paper"] and row["entry"]["steps"] != 7 for row in rows)
