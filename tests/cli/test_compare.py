"""`icbench compare` as a user meets it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from command_line import icbench
from PIL import Image
from record_factory import RESULTS, finished, first, right, seeds, unfinished

from icbench.records import IMAGES_FILE, RECORD_FILE

TOY = ["run", "--generator", "linear", "--dataset", "toy", "--device", "cpu", "--quiet", "--results", str(RESULTS)]


def compare(capsys, *arguments):
    return icbench(capsys, "compare", *arguments, "--results", RESULTS)


def compared(capsys, *arguments):
    """The data of a comparison that succeeds."""
    code, out, _ = compare(capsys, *arguments, "--json")
    document = json.loads(out)
    assert set(document) == {"schema", "ok", "data", "warnings", "errors"}
    assert (code, document["schema"], document["ok"]) == (0, 1, True)
    return document["data"]


@pytest.fixture
def two():
    """Entry a errs at images 0 to 3, entry b at 3 to 8, of twenty."""
    return finished(right(20, 0, 1, 2, 3), label="a"), finished(right(20, 3, 4, 5, 6, 7, 8), label="b")


def test_two_runs_are_compared_image_by_image(capsys, two):
    code, out, err = compare(capsys, "a-", "b-")
    assert (code, err) == (0, "")
    assert re.search(r"A right +11 +5\n *A wrong +3 +1\n", out)
    assert "A − B: +0.1000" in out
    assert "exact p = 0.727" in out
    assert "only A right: 4, 5, 6, 7, 8" in out
    assert "only B right: 0, 1, 2" in out
    assert re.search(r"not told apart: needs about \d+ more images", out)


def test_json_has_the_same_figures(capsys, two):
    data = compared(capsys, "a-", "b-")
    table = {name: data["mcnemar"][name] for name in ("both", "only_first", "only_second", "neither")}
    assert table == {"both": 11, "only_first": 5, "only_second": 3, "neither": 1}
    assert data["mcnemar"]["p"] == pytest.approx(186 / 256)
    assert data["difference"]["value"] == pytest.approx(0.1)
    assert data["difference"]["low"] < 0 < data["difference"]["high"]
    assert (data["only_first"], data["only_second"]) == ([4, 5, 6, 7, 8], [0, 1, 2])
    assert (data["decided"], data["more_images"] > 0) == (False, True)
    assert data["track"] == {"dataset": "digits", "split": "test", "images": 20, "digest": "d" * 64}
    assert [entry["label"] for entry in data["entries"]] == ["a", "b"]


def test_the_order_of_the_two_turns_the_figures_round(capsys, two):
    there, back = compared(capsys, "a-", "b-"), compared(capsys, "b-", "a-")
    assert there["difference"]["value"] == -back["difference"]["value"]
    assert there["only_first"] == back["only_second"]


def test_a_run_can_be_named_by_its_folder_its_id_or_the_beginning_of_it(capsys, two):
    first_run, second_run = two
    for name in (first_run.path, first_run.metadata.id, first_run.metadata.id[:5]):
        assert compared(capsys, name, second_run.path)["entries"][0]["runs"] == [first_run.metadata.id]


def test_runs_of_other_folders_are_compared_by_path(capsys, two):
    other = finished(right(20, 5), Path("elsewhere"), label="c")
    data = compared(capsys, other.path, "b-")
    assert data["entries"][0]["label"] == "c"


def test_the_beginning_of_an_id_means_all_seeds_of_its_entry(capsys):
    runs = seeds([first(18, 20), first(16, 20), first(17, 20)], label="a")
    finished(first(10, 20), label="b")
    for name in ("a-", runs[1].metadata.id):
        data = compared(capsys, name, "b-")
        assert data["entries"][0]["seeds"] == [0, 1, 2]
        assert data["entries"][0]["accuracy"] == pytest.approx(17 / 20)
    _, out, _ = compare(capsys, "a-", "b-")
    assert "hierarchical bootstrap, seeds then images" in out
    assert "images, by what most seeds say" in out
    assert compared(capsys, runs[1].path, "b-")["entries"][0]["seeds"] == [1]


def test_an_entry_compared_with_itself_is_no_different(capsys, two):
    _, out, _ = compare(capsys, "a-", two[0].path)
    assert "A − B: +0.0000, 95 % interval +0.0000 to +0.0000" in out
    assert "as many images speak for A as for B" in out
    assert "only" not in out


def test_of_several_tracks_the_common_one_is_taken(capsys, two):
    finished(first(25, 30), label="a")
    assert compared(capsys, "a-", "b-")["track"]["images"] == 20
    finished(first(20, 30), label="b")
    assert compared(capsys, "a-", "b-")["track"]["images"] == 30


def test_of_several_tracks_one_where_both_are_finished_is_taken(capsys, two):
    finished(first(25, 30), label="a")
    unfinished(right(5), label="b", images=30)
    assert compared(capsys, "a-", "b-")["track"]["images"] == 20


@pytest.mark.parametrize(
    "other", [{"split": "validation"}, {"dataset": "letters"}, {"digest": "e" * 64}, {"images": 30}]
)
def test_runs_of_other_images_are_refused_with_both_named(capsys, other):
    finished(right(20), label="a")
    finished(right(other.get("images", 20)), label="b", **other)
    code, out, err = compare(capsys, "a-", "b-")
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    expected = {"dataset": "digits", "split": "test", "images": 20} | other
    assert "a-: digits test, 20 images, digest dddddddd…; b-: " in err
    assert f"b-: {expected['dataset']} {expected['split']}, {expected['images']} images" in err
    assert f"digest {expected.get('digest', 'd' * 64)[:8]}…). Run both" in err


def test_an_unknown_run_is_one_line_that_lists_the_known_ones(capsys, two):
    code, out, err = compare(capsys, "a-", "c-")
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert "there is no run 'c-'" in err
    assert all(run.path.name in err for run in two)


def test_of_many_runs_only_some_are_listed(capsys):
    for number in range(15):
        finished(right(20), label=f"entry{number:02}")
    _, _, err = compare(capsys, "other", "other")
    assert "entry09" in err
    assert "entry10" not in err
    assert "…" in err


def test_without_runs_the_way_out_is_said(capsys):
    code, _, err = compare(capsys, "a", "b")
    assert code == 2
    assert "There are no runs here; name a folder with --results." in err


def test_a_name_that_means_several_entries_is_refused_with_their_ids(capsys):
    runs = [finished(right(20), label=f"a · {name}") for name in ("one", "two")]
    finished(right(20), label="b")
    code, _, err = compare(capsys, "a-", "b-")
    assert code == 2
    assert "'a-' means several entries" in err
    assert all(run.metadata.id in err for run in runs)


def test_an_unfinished_run_is_refused(capsys, two):
    unfinished(right(5), label="c")
    code, out, err = compare(capsys, "a-", "c-")
    assert (code, out) == (2, "")
    assert "'c-' is not finished: 5 of 20 images" in err


def test_an_unfinished_seed_does_not_count(capsys, two):
    unfinished(right(5), label="a", seed=1)
    assert compared(capsys, "a-", "b-")["entries"][0]["seeds"] == [0]


def test_a_seed_that_cannot_be_read_is_left_out_and_said(capsys, two):
    torn = finished(right(20), label="a", seed=1)
    (torn.path / IMAGES_FILE).write_bytes(b"torn")
    code, out, err = compare(capsys, "a-", "b-", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["data"]["entries"][0]["seeds"] == [0]
    assert str(torn.path / IMAGES_FILE) in document["warnings"][0]
    assert str(torn.path / IMAGES_FILE) in err


def test_a_run_whose_images_are_torn_is_refused_with_the_reason(capsys, two):
    (two[1].path / IMAGES_FILE).write_bytes(b"torn")
    code, _, err = compare(capsys, "a-", "b-")
    assert code == 1
    assert "images.npz has SHA-256" in err


def test_a_broken_record_is_named_whether_asked_for_or_not(capsys, two):
    broken = finished(right(20), label="c")
    (broken.path / RECORD_FILE).write_text("{")
    code, _, err = compare(capsys, "a-", "b-")
    assert code == 0
    assert f"left out: {broken.path / RECORD_FILE} cannot be read" in err
    for name in (broken.path.name, broken.path):
        code, _, err = compare(capsys, "a-", name)
        assert code == 1
        assert f"{broken.path / RECORD_FILE} cannot be read" in err
        assert len(err.strip().splitlines()) == 1


def test_an_edited_record_is_flagged(capsys, two):
    file = two[0].path / RECORD_FILE
    file.write_text(file.read_text().replace('"nfe": 401', '"nfe": 4'))
    assert "A is flagged: edited by hand" in compare(capsys, "a-", "b-")[1]
    assert compared(capsys, "a-", "b-")["entries"][0]["flags"] == ["edited by hand"]


def test_names_with_markup_are_shown_as_they_are(capsys):
    runs = [finished(right(20), label=label) for label in ("[red]a[/red]", "b:smile:\x1b[2J")]
    code, out, _ = compare(capsys, runs[0].path, runs[1].path)
    assert code == 0
    assert "[red]a[/red]" in out
    assert "b:smile:\\x1b[2J" in out
    assert "\x1b" not in out


def test_names_in_errors_cannot_act(capsys):
    finished(right(20), label="a", folder="[red]a\x1b[2J")
    code, out, err = compare(capsys, "b\x1b[2J", "b")
    assert (code, out) == (2, "")
    assert "there is no run 'b\\x1b[2J'" in err
    assert "[red]a\\x1b[2J" in err
    assert "\x1b" not in err


def test_the_figure_shows_the_images_that_differ(capsys, toy_plugin):
    icbench(capsys, *TOY, "--steps", "20")
    icbench(capsys, *TOY, "--steps", "20", "--optimizer", "sgd:lr=0.001")
    code, _, err = compare(capsys, "linear-mse-adam", "linear-mse-sgd", "--figure", "out.png")
    assert code == 0
    assert "picture: out.png" in err
    with Image.open("out.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000
        colours = len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0))
    assert colours > 50


def test_a_figure_needs_the_very_images(capsys, toy_plugin):
    for label in ("a", "b"):
        finished(right(50), label=label, dataset="toy")
    code, out, err = compare(capsys, "a-", "b-", "--figure", "out.png")
    assert code == 1
    assert "A wrong" in out
    assert "the picture out.png is not made: toy test here has the digest" in err
    assert not Path("out.png").exists()


@pytest.fixture
def of_nowhere():
    for label in ("a", "b"):
        finished(right(50), label=label, dataset="nowhere")


def test_a_figure_that_fails_is_an_error_in_the_one_json_document(capsys, of_nowhere):
    code, out, _ = compare(capsys, "a-", "b-", "--figure", "out.png", "--json")
    document = json.loads(out)
    assert (code, document["ok"]) == (1, False)
    assert "there is no dataset 'nowhere'" in document["errors"][0]
    assert document["data"]["difference"]


def test_the_table_is_printed_also_where_the_figure_is_of_a_dataset_that_is_not_here(capsys, of_nowhere):
    code, out, err = compare(capsys, "a-", "b-", "--figure", "out.png")
    assert code == 1
    assert "A wrong" in out
    assert "there is no dataset 'nowhere'" in err


@pytest.mark.parametrize("file", ["nowhere/out.png", "out.unknown"])
def test_a_figure_that_cannot_be_written_is_one_line(capsys, toy_plugin, file):
    icbench(capsys, *TOY, "--steps", "1")
    icbench(capsys, *TOY, "--steps", "1", "--schedule", "class-only")
    code, out, err = compare(capsys, "linear-mse-adam-joint", "linear-mse-adam-class", "--figure", file)
    assert (code, out) == (2, "")
    assert file in err
    assert len(err.strip().splitlines()) == 1
