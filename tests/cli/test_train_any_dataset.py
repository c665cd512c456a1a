"""Any dataset: a generator is trained for its images and classes, found by it, refused where it does not fit."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import toy
import toy_training
from command_line import icbench

from icbench import Component, hookimpl
from icbench.builtin.generators.cgan_training import CGANTrainer
from icbench.training.weights import read_shape

GREY, COLOURS = "toy", "colours"
SHAPES = {GREY: toy.SHAPE, COLOURS: (3, 32, 32)}
CLASSES = {GREY: 10, COLOURS: 4}


class Halved(toy.ToyDigits):
    """The same images in half as many classes."""

    num_classes = 5

    def split(self, name, folder):
        whole = super().split(name, folder)
        return replace(whole, labels=whole.labels // 2)


class Wide(toy.ToyDigits):
    """The same images with a margin at both sides."""

    def split(self, name, folder):
        whole = super().split(name, folder)
        return replace(whole, images=np.pad(whole.images, ((0, 0), (0, 0), (0, 0), (1, 1))))


@hookimpl
def icbench_datasets():
    yield Component("again", "toy:ToyDigits", "the same under another name")
    yield Component("wide", f"{__name__}:Wide", "wider images")
    yield Component("halved", f"{__name__}:Halved", "half as many classes")


@pytest.fixture(autouse=True)
def _short(use_plugins, monkeypatch):
    use_plugins("toy", __name__)
    monkeypatch.setattr(CGANTrainer, "budget", toy_training.SMALL)


def trained(capsys, dataset, *more):
    return icbench(capsys, "train", "cgan:noise_dim=4", "--dataset", dataset, "--epochs", "2", *more)


def run(capsys, dataset, generator="cgan:noise_dim=4", *more):
    options = ("--steps", "2", "--limit", "6", "--split", "validation", "--device", "cpu", "--json", *more)
    code, out, err = icbench(capsys, "run", "--generator", generator, "--dataset", dataset, *options)
    return code, json.loads(out), err


@pytest.mark.parametrize("dataset", [GREY, COLOURS])
def test_a_training_is_for_the_shape_of_its_dataset_and_a_run_on_that_finds_it(capsys, dataset):
    code, _, _ = trained(capsys, dataset)
    assert code == 0
    folder = f"trained/cgan-noise4-{dataset}-seed0"
    shape = read_shape(Path(f"{folder}/cgan.safetensors"))
    assert (shape.num_classes, shape.image_shape) == (CLASSES[dataset], SHAPES[dataset])
    record = json.loads(Path(f"{folder}/cgan.json").read_text())
    assert (record["dataset"]["name"], record["dataset"]["key"]) == (dataset, dataset)
    code, answer, _ = run(capsys, dataset)
    (made,) = answer["data"]["runs"]
    assert code == 0
    assert made["entry"]["generator"]["weights"] == record["weights"]["sha256"]
    assert made["flags"] == []


def test_without_weights_of_a_dataset_the_command_that_makes_them_is_said(capsys):
    code, answer, err = run(capsys, COLOURS)
    assert code == 2
    assert "no weights for cgan with noise_dim=4 trained on colours" in answer["errors"][0]
    assert "`icbench train cgan:noise_dim=4 --dataset colours`" in err
    assert not Path("icbench-results").exists()


def test_weights_of_another_dataset_are_taken_where_they_are_named_and_flagged(capsys):
    trained(capsys, GREY)
    code, answer, _ = run(capsys, "again", "cgan:noise_dim=4,trained_on=toy")
    assert code == 0
    assert answer["data"]["runs"][0]["flags"] == ["trained on toy"]
    _, out, _ = icbench(capsys, "leaderboard", "--json")
    (track,) = json.loads(out)["data"]["tracks"]
    assert track["rows"][0]["flags"] == ["trained on toy"]
    code, answer, _ = run(capsys, "again", "cgan:noise_dim=4,weights=trained/cgan-noise4-toy-seed0/cgan.safetensors")
    assert answer["data"]["runs"][0]["flags"] == ["trained on toy"]


@pytest.mark.parametrize(
    ("dataset", "said"),
    [("wide", "makes images of (1, 8, 8), the dataset has (1, 8, 10)"), ("halved", "makes 10 classes, halved has 5")],
)
def test_weights_that_do_not_fit_are_refused_before_anything_is_written(capsys, dataset, said):
    trained(capsys, GREY)
    code, answer, _ = run(capsys, dataset, "cgan:noise_dim=4,trained_on=toy")
    assert code == 2
    assert said in answer["errors"][0]
    assert not list(Path().glob("icbench-results/*/*"))


def test_a_parameter_that_is_not_for_trainings_says_what_is(capsys):
    code, _, err = icbench(capsys, "train", "cgan:trained_on=toy")
    assert code == 2
    assert "--dataset" in err


def test_a_run_on_what_chose_the_weights_is_flagged(capsys):
    trained(capsys, GREY)
    # A training of one check has chosen nothing; that of a run says so.
    _, answer, _ = run(capsys, GREY, "cgan:noise_dim=4", "--split", "train")
    assert answer["data"]["runs"][0]["flags"] == ["trained on these images"]


def test_weights_of_another_seed_are_not_taken(capsys):
    trained(capsys, GREY, "--seed", "1")
    code, answer, _ = run(capsys, GREY)
    assert code == 2
    assert "no weights for cgan with noise_dim=4 trained on toy" in answer["errors"][0]


def test_weights_without_a_record_are_of_unknown_training(capsys):
    """As a training leaves them that was stopped after a check."""
    trained(capsys, GREY)
    Path("trained/cgan-noise4-toy-seed0/cgan.json").unlink()
    for generator in ("cgan:noise_dim=4", "cgan:noise_dim=4,weights=trained/cgan-noise4-toy-seed0/cgan.safetensors"):
        _, answer, _ = run(capsys, GREY, generator)
        assert answer["data"]["runs"][0]["flags"] == ["trained on unknown images"]


def test_losses_and_figures_are_kept_as_a_table_and_drawn(capsys):
    code, _, _ = trained(capsys, GREY, "--figure", "curves.svg")
    assert code == 0
    with Path("trained/cgan-noise4-toy-seed0/training.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(float(row["reconstruction"]) > 0 for row in rows)
    assert rows[0]["score"] == ""
    assert 0 <= float(rows[1]["score"]) <= 1
    assert "reconstruction" in Path("curves.svg").read_text()
