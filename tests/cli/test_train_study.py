"""`icbench train --study` on a toy that takes no time: what is printed, and what lies in the folder."""

import json
from pathlib import Path

import pytest
from command_line import icbench


@pytest.fixture(autouse=True)
def _toys(use_plugins):
    use_plugins("toy", "toy_training")


def trained(capsys, *arguments):
    return icbench(capsys, "train", "learner", "--dataset", "toy", "--device", "cpu", "--out", "out", *arguments)


def test_a_study_prints_its_table_and_its_recommendation(capsys):
    code, out, err = trained(capsys, "--study")
    assert code == 0
    assert "20 checkpoints of one training" in out
    assert "recommendation: choose by" in out
    assert "picture: out/study.png" in err.replace("\\", "/")
    assert {"study.json", "study.png", "learner.safetensors", "learner.json"} <= {
        path.name for path in Path("out").iterdir()
    }


def test_a_study_as_json_is_the_file_in_the_folder(capsys):
    code, out, _ = trained(capsys, "--study", "--json", "--quiet")
    assert code == 0
    data = json.loads(out)["data"]
    assert data["study"] == json.loads(Path("out/study.json").read_text())
    assert len(data["study"]["checks"]) == 20
    assert data["record"]["epochs"] == 20


def test_a_training_without_study_says_nothing_of_one(capsys):
    code, out, _ = trained(capsys, "--json")
    assert code == 0
    assert "study" not in json.loads(out)["data"]
    assert not Path("out/study.json").exists()


def test_a_training_whose_code_changed_is_one_line(capsys, monkeypatch):
    assert trained(capsys, "--quiet")[0] == 0
    monkeypatch.setattr("icbench.running.source_closure.engine_digest", lambda: "sha256:other")
    code, out, err = trained(capsys, "--quiet")
    assert (code, out) == (2, "")
    assert "out holds a training with other code" in err


def test_fewer_than_twenty_checks_are_a_usage_error(capsys):
    code, out, err = trained(capsys, "--study", "--epochs", "19")
    assert (code, out) == (2, "")
    assert "at least 20 checks" in err
    assert not Path("out").exists()


def test_more_checks_are_welcome(capsys):
    code, out, _ = trained(capsys, "--study", "--epochs", "21", "--json")
    assert code == 0
    assert len(json.loads(out)["data"]["study"]["checks"]) == 21
