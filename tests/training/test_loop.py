"""A training of any size ends, and what was trained is on disk before it is judged."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from toy import ToyDigits
from toy_training import SMALL, Stop, ToyTrainer

from icbench.errors import IntegrityError, OutputError, ResultsError, UsageError
from icbench.kinds.dataset import Split
from icbench.training import scoring
from icbench.training.budget import InversionBudget
from icbench.training.frechet import frechet_distance
from icbench.training.loop import TrainingObserver, train
from icbench.training.scoring import ScoredCheckpoint
from icbench.training.trainer import TrainingJob

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


class Failing(Counting):
    """Raises something when it is asked for a snapshot."""

    def __init__(self, failure: BaseException | type[BaseException]) -> None:
        super().__init__()
        self.failure = failure

    def snapshot(self):
        raise self.failure


def job(**changes):
    settings = {"name": "learner", "params": {}, "out": Path("out"), "epochs": 2, "seed": 0, "device": CPU}
    return TrainingJob(**{**settings, "dataset_name": "few", "data_dir": Path(), **changes})


@pytest.mark.parametrize(
    ("images", "chose", "measured"),
    [(1, 1, (1, 0)), (2, 1, (1, 1)), (7, 4, (4, 3)), (21, 11, (11, 10)), (39, 20, (20, 19)), (50, 20, (20, 20))],
)
def test_a_training_ends_with_however_few_validation_images_and_says_what_they_were_used_for(images, chose, measured):
    written = train(ToyTrainer(), FewDigits(images), job(), TrainingObserver()).record.as_data()
    assert (written["chosen"]["first"], written["chosen"]["images"]) == (0, chose)
    assert f"first {chose} validation images" in written["chosen"]["why"]
    assert (written["validation"]["first"], written["validation"]["images"]) == measured
    accuracies = [written["validation"][f"{name}_accuracy"] for name in ("joint", "exhaustive")]
    assert all(accuracy is None for accuracy in accuracies) == (measured[1] == 0)


def test_the_images_that_chose_are_none_of_those_that_measure(monkeypatch):
    seen: list[list[int]] = []
    invert = scoring.invert

    def noted(components, images, index, settings):
        seen.append(list(index))
        return invert(components, images, index, settings)

    monkeypatch.setattr(scoring, "invert", noted)
    train(ToyTrainer(), FewDigits(9), job(epochs=1), TrainingObserver())
    assert seen == [list(range(5))] * 2 + [list(range(5, 9))] * 2


def test_a_training_ends_with_one_training_image():
    assert train(ToyTrainer(), FewDigits(1, train=1), job(), TrainingObserver()).record.dataset.images == 1


@pytest.mark.parametrize(("train_images", "validation_images", "name"), [(0, 5, "train"), (5, 0, "validation")])
def test_an_empty_split_is_named_before_anything_is_trained(train_images, validation_images, name):
    trainer = Counting()
    with pytest.raises(UsageError, match=f"dataset few, split {name}: it has no images"):
        train(trainer, FewDigits(validation_images, train_images), job(), TrainingObserver())
    assert trainer.trained == []


class TwoChecks(Counting):
    budget = replace(SMALL, study_checks=2)


def test_a_study_without_images_for_its_full_inversions_is_refused_at_once():
    trainer = TwoChecks()
    with pytest.raises(UsageError, match="at least 2 validation images"):
        train(trainer, FewDigits(1), job(study=True), TrainingObserver())
    assert trainer.trained == []


def test_a_study_of_two_validation_images_ends():
    study = train(TwoChecks(), FewDigits(2), job(study=True), TrainingObserver()).study
    assert (study.short.images, study.full.first, study.full.images) == (1, 1, 1)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError("odd"), MemoryError])
def test_a_stop_or_a_failure_while_judging_loses_no_epoch_and_the_check_is_made_later(failure):
    whole = train(Counting(), FewDigits(40), job(out=Path("whole")), TrainingObserver())
    first, second = Failing(failure), Counting()
    with pytest.raises((KeyboardInterrupt, IntegrityError)):
        train(first, FewDigits(40), job(), TrainingObserver())
    resumed = train(second, FewDigits(40), job(), TrainingObserver())
    assert (first.trained, second.trained) == ([0], [1])
    assert resumed.record.checks == whole.record.checks
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()


def test_a_failure_while_judging_says_what_is_kept():
    with pytest.raises(IntegrityError, match="epoch 1 is trained but cannot be judged: ValueError: odd") as caught:
        train(Failing(ValueError("odd")), FewDigits(40), job(), TrainingObserver())
    assert "the same command judges it again" in caught.value.hint


def test_a_stop_after_the_last_check_judges_nothing_twice():
    checked: list[int] = []

    class Watch(TrainingObserver):
        def on_check(self, check: ScoredCheckpoint, best: bool) -> None:
            checked.append(check.epochs)

    class Stopped(Counting):
        def finalize(self, generator, scorer):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(Stopped(), FewDigits(40), job(), Watch())
    train(Counting(), FewDigits(40), job(), Watch())
    assert checked == [1, 2]


@pytest.mark.parametrize("begun_with", ["sha256:one", ""])
def test_a_stopped_training_does_not_go_on_with_other_code(begun_with):
    with pytest.raises(KeyboardInterrupt):
        train(Counting(), FewDigits(40), job(source=begun_with), Stop(after=1))
    kept = Path("out/checkpoint.pt").read_bytes()
    with pytest.raises(UsageError, match="out holds a training with other code"):
        train(Counting(), FewDigits(40), job(source="sha256:two"), TrainingObserver())
    assert Path("out/checkpoint.pt").read_bytes() == kept
    assert train(Counting(), FewDigits(40), job(source=begun_with), TrainingObserver()).record.source == begun_with


class Worsening(ToyTrainer):
    """Knows the patterns after its first epoch, and forgets them with its second."""

    check_every = 1

    def epoch(self, number, on_batch):
        self.done = 1000 * (1 - number)
        return {}


def test_the_best_check_is_kept_and_not_the_last():
    kept: list[bytes] = []

    class Watch(TrainingObserver):
        def on_check(self, check: ScoredCheckpoint, best: bool) -> None:
            kept.append(Path("out/learner.safetensors").read_bytes())

    result = train(Worsening(), FewDigits(40), job(), Watch())
    assert kept == [result.weights.read_bytes()] * 2
    assert result.record.chosen.checkpoint.epochs == 1


def test_a_trainer_of_a_large_generator_says_how_much_a_check_may_cost(monkeypatch):
    inversions = []
    invert = scoring.invert

    def counted(components, images, index, settings):
        inversions.append((len(index), settings.steps, settings.precision))
        return invert(components, images, index, settings)

    monkeypatch.setattr(scoring, "invert", counted)
    trainer = Counting()
    trainer.budget = replace(SMALL, check=InversionBudget(7, {"joint": 3, "exhaustive": 1}), precision="bfloat16")
    record = train(trainer, FewDigits(40), job(epochs=1), TrainingObserver()).record
    assert inversions == [(count, steps, torch.bfloat16) for count, steps in ((7, 3), (7, 1), (20, 2), (20, 1))]
    assert "first 7 validation images" in record.chosen.why


def test_a_folder_with_other_settings_is_not_touched():
    before = train(Counting(), FewDigits(40), job(), TrainingObserver()).weights.read_bytes()
    with pytest.raises(UsageError, match="other settings"):
        train(Counting(), FewDigits(40), job(seed=1), TrainingObserver())
    assert Path("out/learner.safetensors").read_bytes() == before


def test_a_check_counts_the_samples_that_it_measures():
    (check,) = train(Counting(), FewDigits(40), job(epochs=1), TrainingObserver()).record.checks
    assert (check.score.sample_accuracy, check.score.coverage) == (check.samples.agreement, check.samples.coverage)
    shares = [*check.score.inversion_accuracy.values(), check.samples.agreement, check.samples.coverage]
    assert check.as_data()["score"] == pytest.approx(sum(shares) / len(shares))


def test_a_check_is_shown_no_image_that_measures_what_was_chosen():
    record = train(Counting(), FewDigits(40), job(epochs=1), TrainingObserver()).record
    assert record.checks[0].samples.real_images == record.validation.first == 20
    assert record.samples.real_images == 40


def test_a_checkpoint_may_be_chosen_by_its_inversions_alone():
    trainer = Counting()
    trainer.by_samples = False
    record = train(trainer, FewDigits(40), job(epochs=1), TrainingObserver()).record
    accuracies = record.checks[0].score.inversion_accuracy
    assert record.checks[0].as_data()["score"] == pytest.approx(sum(accuracies.values()) / 2)
    assert "samples" not in record.chosen.why


def test_only_a_training_that_says_so_goes_on_to_more_epochs():
    train(Counting(), FewDigits(40), job(epochs=1), TrainingObserver())
    with pytest.raises(UsageError, match="other settings"):
        train(Counting(), FewDigits(40), job(epochs=2), TrainingObserver())
    trainer = Counting()
    trainer.extends = True
    record = train(trainer, FewDigits(40), job(epochs=2), TrainingObserver()).record
    assert (record.epochs, len(record.checks)) == (2, 2)
    assert trainer.trained == [1]


def test_a_torn_checkpoint_is_named():
    Path("out").mkdir()
    Path("out/checkpoint.pt").write_bytes(b"torn")
    with pytest.raises(IntegrityError, match="cannot be read"):
        train(Counting(), FewDigits(40), job(), TrainingObserver())


def test_a_folder_that_cannot_be_written_is_found_before_training():
    Path("out").write_text("in the way")
    trainer = Counting()
    with pytest.raises(ResultsError, match="cannot be written"):
        train(trainer, FewDigits(40), job(), TrainingObserver())
    assert trainer.trained == []


def test_a_disk_that_is_full_leaves_the_last_checkpoint_whole(fill_disk):
    train(Counting(), FewDigits(40), job(), TrainingObserver())
    before = {file.name: file.read_bytes() for file in Path("out").iterdir()}

    class Fills(TrainingObserver):
        def begin_epoch(self, number, images):
            fill_disk()

    trainer = Counting()
    trainer.extends = True
    with pytest.raises(OutputError, match="No space left") as caught:
        train(trainer, FewDigits(40), job(epochs=3), Fills())
    assert "space" in caught.value.hint
    assert {file.name: file.read_bytes() for file in Path("out").iterdir()} == before


def test_the_frechet_distance_of_a_single_image_is_not_finite():
    features = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).numpy()
    assert frechet_distance(features, features[:1]) == float("inf")


def test_a_generator_that_needs_images_of_each_class_names_the_classes_without():
    class Needing(Counting):
        images_per_class = 2

    with pytest.raises(
        UsageError, match=r"too few training images of class 2, 3, 4, 5, 6, 7, 8, 9: .* needs 2 of each"
    ):
        train(Needing(), FewDigits(5, train=12), job(), TrainingObserver())


def test_an_observer_is_told_how_far_a_training_is():
    told = []

    class Watch(TrainingObserver):
        def begin(self, label, images, done):
            told.append((label, images, done))

        def end(self):
            told.append("end")

    with pytest.raises(KeyboardInterrupt):
        train(Counting(), FewDigits(40), job(), Stop(after=1))
    train(Counting(), FewDigits(40), job(), Watch())
    assert told == [("training learner", 100, 50), "end"]
