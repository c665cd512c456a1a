"""A dataset of any shape and classes goes the whole way: run, ranked, drawn, diagnosed, verified, inverted."""

import base64
import gzip
import json
import re
from pathlib import Path

import pytest
import toy
from command_line import icbench
from PIL import Image

from icbench.testing.runner import check_component
from icbench.testing.subject import subject_of

NAMES = {"colours": list(toy.COLOUR_NAMES), "digits": [str(number) for number in range(10)]}
GENERATORS = {"colours": "colour", "digits": "linear"}
SHAPES = {"colours": [3, 32, 32], "digits": [1, 8, 8]}
LIMIT = ["--limit", "12", "--device", "cpu", "--quiet"]


@pytest.fixture(params=NAMES)
def dataset(request, use_plugins):
    if request.param == "digits":
        pytest.importorskip("sklearn")
    use_plugins("toy")
    return request.param


def did(capsys, *arguments):
    code, out, err = icbench(capsys, *arguments)
    assert code == 0, err
    return out


def run_of(part):
    return next(path for path in sorted(Path("icbench-results").iterdir()) if part in path.name)


def check_pictures(*files):
    for file in files:
        with Image.open(file) as picture:
            assert min(picture.size) > 50


def test_it_is_run_ranked_shown_compared_and_verified(capsys, dataset):
    entry = ["--generator", GENERATORS[dataset], "--dataset", dataset, "--steps", "2"]
    schedules = ["--schedule", "exhaustive", "--schedule", "class-only"]
    did(capsys, "run", *entry, *schedules, *LIMIT, "--figure", "made.png")
    did(capsys, "run", "--classifier", "class-mean", "--dataset", dataset, *LIMIT)
    (track,) = json.loads(did(capsys, "leaderboard", "--json"))["data"]["tracks"]
    assert (track["dataset"], len(track["rows"]), len(track["direct"])) == (dataset, 2, 1)
    check_show(capsys, dataset, run_of("exhaustive"))
    check_page(capsys, dataset)
    did(capsys, "compare", run_of("exhaustive"), run_of("class-only"), "--figure", "apart.png")
    did(capsys, "verify", run_of("exhaustive"), "--sample", "2")
    check_pictures("made.png", "apart.png")


def check_show(capsys, dataset, run):
    """Classes have their names in the table by class and in the confusion matrix."""
    text = did(capsys, "show", run, "--diagnose", "--device", "cpu")
    assert "Jacobian" in text
    names = NAMES[dataset]
    for name in (name if name == str(number) else f"{number} {name}" for number, name in enumerate(names)):
        assert len(re.findall(rf"^ *{name} ", text, re.MULTILINE)) >= 2
    shown = json.loads(did(capsys, "show", run, "--json"))["data"]
    assert [one["name"] for one in shown["classes"]] == names


def check_page(capsys, dataset):
    """Classes have their names in the charts, in the tables, and where two entries are compared."""
    did(capsys, "report", "--pictures", "1", "--device", "cpu", "--quiet")
    page, names = Path("report/index.html").read_text(), NAMES[dataset]
    payload = json.loads(gzip.decompress(base64.b64decode(re.search(r'id="payload"[^>]*>([^<]+)<', page)[1])))
    confusions = [chart for name, chart in payload["charts"].items() if name.endswith("confusion")]
    assert len(confusions) == 3
    assert all(chart["data"][0]["y"] == names for chart in confusions)
    (track,) = payload["tracks"].values()
    assert track["names"] == [name for number, name in enumerate(names) if name != str(number)]
    for number, name in enumerate(track["names"]):
        assert f">{number} {name}<" in page
        assert f"{name}, found" in page


def test_an_image_of_it_is_inverted(capsys, dataset):
    entry = ["--generator", GENERATORS[dataset], "--dataset", dataset, "--schedule", "exhaustive", "--steps", "2"]
    given = ["invert", "--index", "1", *entry, "--device", "cpu", "--quiet"]
    (answer,) = json.loads(did(capsys, *given, "--json"))["data"]["images"]
    assert {one["name"] for one in answer["classes"]} == {*NAMES[dataset]}
    text = did(capsys, *given, "--png", "strip.png", "--gif", "film.gif")
    assert f"class {NAMES[dataset][answer['prediction']]}" in text
    check_pictures("strip.png", "film.gif")


@pytest.mark.parametrize("kind", ["dataset", "generator"])
def test_colours_pass_the_kit(kind):
    hook = {"dataset": toy.icbench_datasets, "generator": toy.icbench_generators}[kind]
    record = next(one for one in hook() if one.name.startswith("colour"))
    checked = check_component(subject_of(kind, record))
    assert not checked.failed
    assert len(checked.passed) > 8


def test_its_images_are_drawn(capsys, dataset):
    shown = json.loads(did(capsys, "data", "show", dataset, "--figure", "images.svg", "--json"))["data"]
    assert shown["image_shape"] == SHAPES[dataset]
    drawn = Path("images.svg").read_text()
    assert all(f"<!-- {name} -->" in drawn for name in NAMES[dataset])


def test_a_generator_of_another_shape_is_refused_before_anything_is_computed(capsys, dataset):
    other = next(name for name in GENERATORS if name != dataset)
    code, out, err = icbench(capsys, "run", "--generator", GENERATORS[other], "--dataset", dataset, *LIMIT)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert not Path("icbench-results").exists()
