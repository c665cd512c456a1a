"""A training's course: the table that is always kept, and what TensorBoard is given."""

import csv
import sys
from pathlib import Path

import pytest
import torch
from command_line import icbench
from toy import ToyDigits
from toy_training import Stop, ToyTrainer

from icbench.errors import UsageError
from icbench.training import tensorboard
from icbench.training.loop import TrainingObserver, train
from icbench.training.trainer import TrainingJob

JOB = TrainingJob("learner", {}, Path("out"), 3, 0, torch.device("cpu"), "toy", Path(), check_every=2)


class Writer:
    """Stands in for TensorBoard's, and notes what it is told."""

    def __init__(self, folder, purge_step):
        self.folder, self.purge_step, self.scalars, self.images, self.closed = folder, purge_step, {}, [], False

    def add_scalar(self, tag, value, step):
        self.scalars[tag, step] = value

    def add_image(self, tag, image, step, dataformats):
        self.images.append((tag, image.shape[2], image.dtype.name, step, dataformats))

    def flush(self):
        pass

    def close(self):
        self.closed = True


@pytest.fixture
def log(monkeypatch):
    monkeypatch.setattr(tensorboard, "_import_writer", lambda: Writer)
    return tensorboard.TensorBoardLog(Path("events"))


def rows():
    with (JOB.out / "training.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_table_has_each_epoch_and_the_figures_of_those_that_were_checked():
    result = train(ToyTrainer(), ToyDigits(), JOB, TrainingObserver())
    assert [(row["epoch"], float(row["loss"])) for row in rows()] == [
        ("1", 1.0),
        ("2", 0.5),
        ("3", pytest.approx(1 / 3)),
    ]
    checks = {str(check.epochs): f"{check.score.value}" for check in result.record.checks}
    assert {row["epoch"]: row["score"] for row in rows() if row["score"]} == checks


def test_a_stopped_training_goes_on_with_the_same_table():
    train(ToyTrainer(), ToyDigits(), JOB, TrainingObserver())
    whole = rows()
    (JOB.out / "checkpoint.pt").unlink()
    with pytest.raises(KeyboardInterrupt):
        train(ToyTrainer(), ToyDigits(), JOB, Stop(after=1))
    assert [row["epoch"] for row in rows()] == ["1"]
    train(ToyTrainer(), ToyDigits(), JOB, TrainingObserver())
    assert rows() == whole


def test_tensorboard_is_given_losses_figures_and_sample_grids(log):
    result = train(ToyTrainer(), ToyDigits(), JOB, TrainingObserver(), log)
    writer = log.writer
    assert (writer.folder, writer.purge_step, writer.closed) == ("events", 1, True)
    assert [step for tag, step in writer.scalars if tag == "loss/loss"] == [1, 2, 3]
    scores = {step: value for (tag, step), value in writer.scalars.items() if tag == "validation/score"}
    assert scores == {check.epochs: check.score.value for check in result.record.checks}
    assert writer.images == [("samples", 3, "uint8", epochs, "HWC") for epochs in scores]


def test_what_tensorboard_has_of_epochs_that_are_trained_anew_is_hidden(log):
    with pytest.raises(KeyboardInterrupt):
        train(ToyTrainer(), ToyDigits(), JOB, Stop(after=2), log)
    train(ToyTrainer(), ToyDigits(), JOB, TrainingObserver(), log)
    assert log.writer.purge_step == 3


def test_without_tensorboard_it_is_said_before_anything_is_trained(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    with pytest.raises(UsageError, match="not installed") as missing:
        tensorboard.TensorBoardLog(Path("events"))
    assert "icbench[tensorboard]" in missing.value.hint
    code, _, err = icbench(capsys, "train", "cgan", "--log-dir", "events")
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert list(Path().iterdir()) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_tensorboard_reads_what_is_written():
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(ToyTrainer(), ToyDigits(), JOB, TrainingObserver(), tensorboard.TensorBoardLog(Path("events")))
    found = EventAccumulator("events").Reload()
    assert [event.step for event in found.Scalars("loss/loss")] == [1, 2, 3]
    assert [event.step for event in found.Images("samples")] == [2, 3]
