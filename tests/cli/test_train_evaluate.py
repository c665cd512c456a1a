"""`icbench train --evaluate`: the figures of weights that were trained anywhere, of any generator."""

import json
from pathlib import Path

import pytest
from command_line import icbench
from toy import LinearGenerator, patterns

from icbench import Component, hookimpl
from icbench.training.weights import save_weights


class Stranger(LinearGenerator):
    """Without a parameter that names a file, and without a trainer."""

    def __init__(self) -> None:
        super().__init__()
        self.patterns.zero_()


@hookimpl
def icbench_generators():
    yield Component("stranger", "test_train_evaluate:Stranger", "untrained")


@pytest.fixture(autouse=True)
def _toys(use_plugins):
    use_plugins("toy", "toy_training", "test_train_evaluate")


def evaluated(capsys, generator, *arguments):
    return icbench(capsys, "train", generator, "--dataset", "toy", "--device", "cpu", "--evaluate", *arguments)


def saved(generator, file="weights.safetensors"):
    return save_weights({"patterns": generator.patterns}, Path(file))


def test_a_stranger_s_generator_is_measured_with_the_weights_of_the_file(capsys):
    digest = saved(LinearGenerator())
    code, out, _ = evaluated(capsys, "stranger", "weights.safetensors", "--json")
    assert code == 0
    data = json.loads(out)["data"]
    assert data["sha256"] == digest
    assert data["samples"]["class_share"] > 0.99
    assert data["samples"]["real_images"] == 50
    saved(Stranger(), "untrained.safetensors")
    _, out, _ = evaluated(capsys, "stranger", "untrained.safetensors", "--json")
    untrained = json.loads(out)["data"]["samples"]
    assert untrained["class_share"] < 0.9
    assert untrained["frechet_distance"] > data["samples"]["frechet_distance"]


def test_a_generator_that_takes_a_weights_file_is_given_it(capsys, tmp_path):
    file = Path(__file__).parents[2] / "icbench/builtin/generators/weights/cgan-10.safetensors"
    code, out, err = evaluated(capsys, "cgan", file)
    assert (code, out) == (2, "")
    assert "the generator makes 10 classes of images of (1, 28, 28), the dataset has 10 of (1, 8, 8)" in err
    assert "--dataset" in err


def test_the_figures_are_printed_with_what_they_are(capsys):
    saved(LinearGenerator())
    code, out, err = evaluated(capsys, "learner", "weights.safetensors", "--quiet")
    assert (code, err) == (0, "")
    assert "of 200 samples are of the class asked for" in out
    assert "Frechet distance to 50 validation images (64 of the reference CNN's hidden layer)" in out
    assert "density, with 5 neighbours" in out
    assert not list(Path().glob("trained*"))


def test_weights_of_another_generator_are_refused(capsys):
    save_weights({"other": patterns()}, Path("other.safetensors"))
    code, out, err = evaluated(capsys, "stranger", "other.safetensors")
    assert (code, out) == (1, "")
    assert "other.safetensors does not hold weights of stranger" in err


@pytest.mark.parametrize("idle", [("--epochs", "3"), ("--study",), ("--out", "there")])
def test_what_only_a_training_needs_is_refused(capsys, idle):
    saved(LinearGenerator())
    code, _, err = evaluated(capsys, "stranger", "weights.safetensors", *idle)
    assert code == 2
    assert f"{idle[0]} would do nothing" in err


def test_a_file_that_is_not_there_is_a_usage_error(capsys):
    code, _, err = evaluated(capsys, "stranger", "nowhere.safetensors")
    assert code == 2
    assert "nowhere.safetensors" in err


def test_a_training_measures_its_checks_and_the_chosen_weights(capsys):
    code, out, err = icbench(capsys, "train", "learner", "--dataset", "toy", "--device", "cpu", "--out", "o", "--json")
    assert code == 0, err
    record = json.loads(out)["data"]["record"]
    assert record["samples"]["samples"] == record["checks"][0]["samples"]["samples"] == 200
    assert record["samples"] != record["checks"][0]["samples"]
    assert "Frechet distance" in err
    _, out, _ = evaluated(capsys, "learner", "o/learner.safetensors", "--json", "--seed", "1000003")
    again = json.loads(out)["data"]["samples"]
    assert again.pop("features") == record["samples"].pop("features")
    assert again == pytest.approx(record["samples"], rel=1e-3, abs=1e-3)
