"""A checkpoint's file keeps its layout, so that a training can be gone on with by a later icbench."""

from pathlib import Path

import pytest
import torch
from toy import ToyDigits
from toy_training import Stop, ToyTrainer

from icbench.training.checkpoint import Progress
from icbench.training.criteria import Snapshot
from icbench.training.loop import TrainingObserver, train
from icbench.training.trainer import TrainingJob

CPU = torch.device("cpu")
JOB = TrainingJob("learner", {}, Path("out"), 2, 0, CPU, "toy", Path(), check_every=1)
SAMPLES = {
    "samples": 200,
    "real_images": 50,
    "features": "64 of the reference CNN's hidden layer",
    "neighbours": 5,
    "agreement": 0.5,
    "class_kept": 0.5,
    "class_share": None,
    "frechet_distance": 1.5,
    "density": 1.0,
    "coverage": 1.0,
}
FIGURES = {"joint_accuracy": 0.25, "exhaustive_accuracy": 0.5, "sample_accuracy": 0.75, "score": 0.5}
IDENTITY = {"name": "learner", "params": {}, "epochs": 2, "seed": 0, "dataset": "toy", "source": ""}


def written(check):
    """A checkpoint after one epoch, as it was always written; losses came later."""
    progress = {"done": 1, "seconds": 1.5, "checks": [check], "best_score": 0.5, "study": []}
    return {"schema": 1, "identity": IDENTITY, "progress": progress, "trainer": {"done": 1}}


def saved(state):
    JOB.out.mkdir()
    torch.save(state, JOB.out / "checkpoint.pt")


@pytest.mark.parametrize("check", [{"epochs": 1, **FIGURES, "samples": SAMPLES}, {"epochs": 1, **FIGURES}])
def test_a_checkpoint_of_an_older_icbench_is_gone_on_with(check):
    saved(written(check))
    record = train(ToyTrainer(), ToyDigits(), JOB, TrainingObserver()).record.as_data()
    assert record["checks"][0] == check
    assert [each["epochs"] for each in record["checks"]] == [1, 2]


def test_a_checkpoint_is_written_in_the_same_layout():
    with pytest.raises(KeyboardInterrupt):
        train(ToyTrainer(), ToyDigits(), JOB, Stop(after=1))
    state = torch.load(JOB.out / "checkpoint.pt", weights_only=True)
    expected = written({"epochs": 1, **FIGURES, "samples": SAMPLES})
    assert list(state) == list(expected)
    assert state["identity"] == IDENTITY
    assert list(state["progress"]) == [*expected["progress"], "losses"]
    assert state["progress"]["losses"] == {1: {"loss": 1.0}}
    (check,) = state["progress"]["checks"]
    *first, score = FIGURES
    assert list(check) == ["epochs", *first, "coverage", score, "samples"]
    assert list(check["samples"]) == list(SAMPLES)
    assert state["progress"]["best_score"] == check["score"]


def test_progress_is_read_as_it_was_written():
    snapshot = Snapshot(1, {"score": 0.5}, {"joint": 1.0}, {"joint": 0.5}, 2.0)
    data = written({"epochs": 1, **FIGURES, "samples": SAMPLES})["progress"]
    data |= {"study": [vars(snapshot)], "losses": {1: {"loss": 0.5}}}
    progress = Progress.from_data(data, by_samples=True)
    assert progress.study == [snapshot]
    assert progress.as_data() == data
