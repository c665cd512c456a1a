"""A training of any size ends, and what was trained is on disk before it is judged."""

import errno
import json
from pathlib import Path

import pytest
import torch
from toy import ToyDigits
from toy_training import ToyTrainer

from icbench.errors import IntegrityError, OutputError, UsageError
from icbench.kinds.dataset import Split
from icbench.training import selection
from icbench.training import trainer as training
from icbench.training.batches import full_batches
from icbench.training.frechet import frechet_distance
from icbench.training.trainer import Check, Monitor, TrainingJob, train

CPU = torch.device("cpu")


class FewDigits(ToyDigits):
    """The first of the toy digits, of some classes only where there are few."""

    def __init__(self, validation: int, train: int = 50) -> None:
        self.images = {"validation": validation, "train": train}

    def split(self, name: str, folder: Path) -> Split:
        whole = super().split(name, folder)
        return Split(whole.images[: self.images[name]], whole.labels[: self.images[name]])


class Counting(ToyTrainer):
    """Notes the epochs it trains."""

    check_every = 1

    def __init__(self) -> None:
        self.trained: list[int] = []

    def epoch(self, number, on_batch):
        self.trained.append(number)
        return super().epoch(number, on_batch)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(selection, "STEPS", {"joint": 4, "exhaustive": 2})
    monkeypatch.setattr(selection, "IMAGES", 20)
    monkeypatch.setattr(selection, "SAMPLES", 100)
    monkeypatch.setattr(training, "FINAL_STEPS", {"joint": 4, "exhaustive": 2})
    monkeypatch.setattr(training, "FINAL_IMAGES", 20)


def job(**changes):
    settings = {"name": "learner", "params": {}, "out": Path("out"), "epochs": 2, "seed": 0, "device": CPU}
    return TrainingJob(**{**settings, "dataset_name": "few", "data_dir": Path(), **changes})


def record(file):
    return json.loads(file.with_suffix(".json").read_text())


@pytest.mark.parametrize(
    ("images", "chose", "measured"),
    [(1, 1, (1, 0)), (2, 1, (1, 1)), (7, 4, (4, 3)), (21, 11, (11, 10)), (39, 20, (20, 19)), (50, 20, (20, 20))],
)
def test_a_training_ends_with_however_few_validation_images_and_says_what_they_were_used_for(images, chose, measured):
    written = record(train(ToyTrainer(), FewDigits(images), job(), Monitor()))
    assert (written["chosen"]["first"], written["chosen"]["images"]) == (0, chose)
    assert f"first {chose} validation images" in written["chosen"]["why"]
    assert (written["validation"]["first"], written["validation"]["images"]) == measured
    accuracies = [written["validation"][f"{name}_accuracy"] for name in ("joint", "exhaustive")]
    assert all(accuracy is None for accuracy in accuracies) == (measured[1] == 0)


def test_the_images_that_chose_are_none_of_those_that_measure(monkeypatch):
    seen: list[list[int]] = []
    invert = selection.invert

    def noted(parts, images, index, settings):
        seen.append(list(index))
        return invert(parts, images, index, settings)

    monkeypatch.setattr(selection, "invert", noted)
    train(ToyTrainer(), FewDigits(9), job(epochs=1), Monitor())
    assert seen == [list(range(5))] * 2 + [list(range(5, 9))] * 2


def test_a_training_ends_with_one_training_image():
    written = record(train(ToyTrainer(), FewDigits(1, train=1), job(), Monitor()))
    assert written["dataset"]["images"] == 1


@pytest.mark.parametrize(("train_images", "validation_images", "name"), [(0, 5, "train"), (5, 0, "validation")])
def test_an_empty_split_is_named_before_anything_is_trained(train_images, validation_images, name):
    trainer = Counting()
    with pytest.raises(UsageError, match=f"dataset few, split {name}: it has no images"):
        train(trainer, FewDigits(validation_images, train_images), job(), Monitor())
    assert trainer.trained == []


def test_a_study_without_images_for_its_full_inversions_is_refused_at_once(monkeypatch):
    monkeypatch.setattr("icbench.training.study.LEAST_CHECKS", 2)
    trainer = Counting()
    with pytest.raises(UsageError, match="at least 2 validation images"):
        train(trainer, FewDigits(1), job(study=True), Monitor())
    assert trainer.trained == []


def test_a_study_of_two_validation_images_ends(monkeypatch):
    monkeypatch.setattr("icbench.training.study.LEAST_CHECKS", 5)
    file = train(ToyTrainer(), FewDigits(2), job(study=True, epochs=5), Monitor())
    study = json.loads((file.parent / "study.json").read_text())
    assert (study["short"]["images"], study["full"]["first"], study["full"]["images"]) == (1, 1, 1)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError("odd"), MemoryError])
def test_a_stop_or_a_failure_while_judging_loses_no_epoch_and_the_check_is_made_later(failure, monkeypatch):
    whole = train(Counting(), FewDigits(40), job(out=Path("whole")), Monitor())
    judge = training.judge

    def stopped(*given):
        raise failure

    monkeypatch.setattr(training, "judge", stopped)
    first = Counting()
    with pytest.raises((KeyboardInterrupt, IntegrityError)):
        train(first, FewDigits(40), job(), Monitor())
    monkeypatch.setattr(training, "judge", judge)
    second = Counting()
    resumed = train(second, FewDigits(40), job(), Monitor())
    assert (first.trained, second.trained) == ([0], [1])
    assert record(resumed)["checks"] == record(whole)["checks"]
    assert resumed.read_bytes() == whole.read_bytes()


def test_a_failure_while_judging_says_what_is_kept(monkeypatch):
    def fails(*given):
        raise ValueError("odd")

    monkeypatch.setattr(training, "judge", fails)
    with pytest.raises(IntegrityError, match="epoch 1 is trained but cannot be judged: ValueError: odd") as caught:
        train(Counting(), FewDigits(40), job(), Monitor())
    assert "the same command judges it again" in caught.value.hint


def test_a_stop_after_the_last_check_judges_nothing_twice(monkeypatch):
    checked: list[int] = []

    class Watch(Monitor):
        def on_check(self, check: Check, best: bool) -> None:
            checked.append(check.epochs)

    finish = training._finish

    def stopped(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "_finish", stopped)
    with pytest.raises(KeyboardInterrupt):
        train(Counting(), FewDigits(40), job(), Watch())
    monkeypatch.setattr(training, "_finish", finish)
    train(Counting(), FewDigits(40), job(), Watch())
    assert checked == [1, 2]


def test_a_disk_that_is_full_leaves_the_last_checkpoint_whole(monkeypatch):
    train(Counting(), FewDigits(40), job(), Monitor())
    before = {file.name: file.read_bytes() for file in Path("out").iterdir()}

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Counting, "extends", True)
    monkeypatch.setattr(training, "_make_folder", lambda folder: None)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="No space left") as caught:
        train(Counting(), FewDigits(40), job(epochs=3), Monitor())
    assert "space" in caught.value.hint
    assert {file.name: file.read_bytes() for file in Path("out").iterdir()} == before


def test_the_frechet_distance_of_a_single_image_is_not_finite():
    features = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).numpy()
    assert frechet_distance(features, features[:1]) == float("inf")


def test_a_generator_that_needs_images_of_each_class_names_the_classes_without(monkeypatch):
    monkeypatch.setattr(Counting, "images_per_class", 2)
    with pytest.raises(
        UsageError, match=r"too few training images of class 2, 3, 4, 5, 6, 7, 8, 9: .* needs 2 of each"
    ):
        train(Counting(), FewDigits(5, train=12), job(), Monitor())


@pytest.mark.parametrize(("images", "rows"), [(1, [[0, 0, 0]]), (2, [[0, 1, 0]]), (3, [[0, 1, 2]]), (5, [[0, 1, 2]])])
def test_batches_are_full_however_few_images_there_are(images, rows):
    assert full_batches(torch.arange(images), 3).tolist() == rows
