"""`icbench data` lists, fetches and shows datasets; what is shown is what is there."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import icbench
from PIL import Image
from toy import COLOUR_NAMES, ColourPatches


@pytest.fixture(autouse=True)
def _installed(use_plugins):
    use_plugins("toy")


def test_the_list_has_what_needs_a_parameter_or_is_far_away(capsys):
    code, out, _ = icbench(capsys, "data", "--json")
    by_name = {one["name"]: one for one in json.loads(out)["data"]["datasets"]}
    assert code == 0
    assert by_name["image-folder"]["status"] == "Name it: image-folder:path=DIR."
    assert by_name["fashion-mnist"]["source"].startswith("https://")
    assert by_name["distant"]["status"] == "not here"
    assert {"emnist", "usps", "svhn", "cifar10", "cifar100", "digits", "kmnist"} <= {*by_name}


def test_show_says_what_a_dataset_is_of(capsys):
    code, out, _ = icbench(capsys, "data", "show", "colours")
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["0", "red", "left", "20", "10", "10"] in lines
    assert ["all", "80", "40", "40"] in lines
    for said in ("coloured patches", "CC0", "32 x 32, 3 channels, 4 classes", "made when asked for"):
        assert said in out
    for name in ("train", "validation", "test"):
        assert ColourPatches().split(name, Path()).digest in out
    assert "░" in out or "▒" in out  # images, without colours where there is no terminal


def test_show_as_json(capsys):
    code, out, _ = icbench(capsys, "data", "show", "colours", "--json")
    shown = json.loads(out)["data"]
    assert code == 0
    assert shown["class_names"] == list(COLOUR_NAMES)
    assert shown["image_shape"] == [3, 32, 32]
    assert shown["splits"]["train"]["by_class"] == [20, 20, 20, 20]
    assert shown["splits"]["test"]["digest"] == ColourPatches().split("test", Path()).digest


def test_the_figure_has_a_row_for_each_class(capsys):
    code, _, err = icbench(capsys, "data", "show", "colours", "--figure", "samples.png")
    assert code == 0, err
    assert "picture: samples.png" in err
    pixels = np.asarray(Image.open("samples.png").convert("RGB")).astype(int)
    strong = [(pixels[:, :, one] - pixels[:, :, other] > 100).any(axis=1) for one, other in ((0, 1), (1, 0), (2, 0))]
    first = [int(rows.argmax()) for rows in strong]
    assert first == sorted(first)
    assert all(rows.any() for rows in strong)


def test_what_is_not_here_is_not_fetched_by_being_looked_at(capsys):
    code, out, err = icbench(capsys, "data", "show", "distant", "--data-dir", "data")
    assert (code, out) == (2, "")
    assert err == "distant is not here. Fetch it: icbench data fetch distant\n"
    assert not Path("data").exists()


def test_fetch_reads_and_checks_every_split(capsys):
    code, out, err = icbench(capsys, "data", "fetch", "colours")
    assert (code, out) == (0, "")
    assert "colours is made when asked for: 80 train, 40 validation, 40 test images" in err
    code, out, _ = icbench(capsys, "data", "fetch", "colours", "--json")
    assert json.loads(out)["data"]["splits"]["validation"]["images"] == 40


@pytest.mark.parametrize("verb", ["show", "fetch"])
def test_a_folder_without_images_is_one_line(capsys, verb):
    Path("empty").mkdir()
    code, out, err = icbench(capsys, "data", verb, "image-folder:path=empty")
    assert (code, out) == (2, "")
    assert err.startswith("empty has no folders")
    assert len(err.splitlines()) == 1
