"""A study measures what it says, goes on where it was stopped, and changes no weights."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy import LinearGenerator, NaNGenerator, ToyDigits, patterns
from toy_training import SMALL, Stop, ToyTrainer

from icbench.engine.invert import invert
from icbench.engine.prepare import prepare
from icbench.engine.settings import Components, Settings
from icbench.errors import OutputError, UsageError
from icbench.training import study
from icbench.training.budget import InversionBudget
from icbench.training.criteria import read_study
from icbench.training.loop import TrainingObserver, train
from icbench.training.reference_cnn import train_reference_cnn
from icbench.training.scoring import Scorer
from icbench.training.study import measure_snapshot
from icbench.training.trainer import TrainingJob

SCHEDULES = ("joint", "exhaustive")
SETTINGS = Settings()
CPU = torch.device("cpu")
JOB = TrainingJob("learner", {}, Path("out"), 5, 0, CPU, "toy", Path(), study=True)


class FiveChecks(ToyTrainer):
    budget = replace(SMALL, study_checks=5)


@pytest.fixture(scope="module")
def validation():
    return ToyDigits().split("validation", Path())


@pytest.fixture(scope="module")
def reference():
    return train_reference_cnn(ToyDigits().split("train", Path()), 10, CPU)


def generator(shift=0, blur=0.0):
    """The exact one, its classes shifted by some and its patterns faded."""
    made = LinearGenerator()
    made.patterns = patterns().roll(shift, 0) * (1 - blur)
    return prepare(made, CPU)


def scorer(validation, reference, schedules=SCHEDULES):
    return Scorer(validation, reference, schedules, SETTINGS, SMALL)


def measure(made, scorer):
    quality = scorer.measure_samples(made, scorer.draw_samples(made), scorer.reserved_images)
    return measure_snapshot(made, 1, quality, scorer)


def measured(made, validation, reference, schedules=SCHEDULES):
    return measure(made, scorer(validation, reference, schedules))


def document(folder="out"):
    return json.loads((Path(folder) / study.FILE).read_text())


def untimed(checks):
    return [{name: value for name, value in check.items() if "seconds" not in name} for check in checks]


def test_the_score_is_the_one_a_training_without_study_finds(validation, reference):
    score, snapshot = measured(generator(), validation, reference)
    plain = scorer(validation, reference)
    quality = plain.measure_samples(generator(), plain.draw_samples(generator()), plain.reserved_images)
    assert score == plain.score(generator(), quality)
    assert score.figures().items() <= snapshot.figures.items()
    assert (quality.agreement, quality.coverage) == (snapshot.figures["sample_accuracy"], snapshot.figures["coverage"])
    assert {"drawing", "classifying", "comparing", "covering"} <= set(snapshot.seconds)


def test_error_and_margin_are_those_of_the_short_inversion(manager, validation, reference):
    _, snapshot = measured(generator(blur=0.2), validation, reference)
    parts = [manager.select(kind, name).build() for kind, name in (("distance", "mse"), ("optimizer", "adam"))]
    whole = Components(generator(blur=0.2), *parts, manager.select("schedule", "exhaustive").build())
    (run,) = invert(whole, validation.images, np.arange(20), Settings(2))
    margins = []
    for scores, label in zip(run.class_scores, validation.labels[:20], strict=True):
        energies = -scores.astype(np.float64)
        margins.append(np.delete(energies, label).min() - energies[label])
    assert snapshot.figures["class_margin"] == pytest.approx(np.mean(margins), rel=1e-5)
    assert snapshot.figures["exhaustive_error"] == pytest.approx(run.distance.mean(), rel=1e-5)


def test_a_better_generator_has_better_figures(validation, reference):
    good, bad = (measured(made, validation, reference)[1] for made in (generator(), generator(shift=1)))
    assert good.figures["class_margin"] > 0 > bad.figures["class_margin"]
    assert good.accuracy["exhaustive"] > bad.accuracy["exhaustive"]
    faded = measured(generator(blur=0.5), validation, reference)[1]
    for figure in ("joint_error", "exhaustive_error", "frechet_distance"):
        assert good.figures[figure] < faded.figures[figure]


def test_the_full_accuracy_is_of_images_no_figure_has_seen(validation, reference):
    seen = []

    class Watched(Scorer):
        def invert(self, generator, schedule, rows, steps):
            seen.append((schedule, steps, *rows.indices(len(self.validation))[:2]))
            return super().invert(generator, schedule, rows, steps)

    measure(generator(), Watched(validation, reference, SCHEDULES, SETTINGS, SMALL))
    assert seen == [("joint", 4, 0, 20), ("exhaustive", 2, 0, 20), ("joint", 6, 20, 45), ("exhaustive", 3, 20, 45)]


def test_the_reference_is_shown_no_image_of_the_full_inversions(validation, reference):
    other = replace(validation, images=validation.images.copy())
    other.images[20:] = 0
    first, second = (measured(generator(), split, reference)[1].figures for split in (validation, other))
    assert first == second


def test_a_generator_that_is_not_finite_has_figures_that_are_none(validation, reference):
    _, snapshot = measured(prepare(NaNGenerator(), CPU), validation, reference)
    assert snapshot.figures["joint_error"] is None
    assert snapshot.figures["frechet_distance"] is None
    assert snapshot.accuracy == {"joint": 0, "exhaustive": 0}


def test_one_schedule_gives_its_figures_alone(validation, reference):
    _, snapshot = measured(generator(), validation, reference, ("joint:noise_rate=2",))
    assert {"joint_accuracy", "joint_error"} <= set(snapshot.figures)
    assert not {"exhaustive_accuracy", "exhaustive_error", "class_margin"} & set(snapshot.figures)
    assert list(snapshot.accuracy) == ["joint"]


def test_a_study_checks_after_every_epoch():
    train(FiveChecks(), ToyDigits(), JOB, TrainingObserver())
    found = document()
    assert [check["epochs"] for check in found["checks"]] == [1, 2, 3, 4, 5]
    assert found["short"] == {"first": 0, "images": 20, "steps": {"joint": 4, "exhaustive": 2}}
    assert found["full"] == {"first": 20, "images": 25, "steps": {"joint": 6, "exhaustive": 3}}
    assert found["threads"] == torch.get_num_threads()
    assert found["recommended"]["criterion"] == read_study(found)[1].recommended
    record = json.loads(Path("out/learner.json").read_text())
    assert [check["score"] for check in record["checks"]] == [check["figures"]["score"] for check in found["checks"]]


def test_a_validation_split_that_ends_early_is_counted_as_it_is():
    trainer = FiveChecks()
    trainer.budget = replace(trainer.budget, full=InversionBudget(1000, {"joint": 1, "exhaustive": 1}))
    assert train(trainer, ToyDigits(), JOB, TrainingObserver()).study.full.images == 30


@pytest.mark.parametrize("after", [1, 4])
def test_a_stopped_study_goes_on_to_the_same_rows(after):
    train(FiveChecks(), ToyDigits(), JOB, TrainingObserver())
    stopped = replace(JOB, out=Path("stopped"))
    with pytest.raises(KeyboardInterrupt):
        train(FiveChecks(), ToyDigits(), stopped, Stop(after))
    assert not (stopped.out / study.FILE).exists()
    train(FiveChecks(), ToyDigits(), stopped, TrainingObserver())
    assert untimed(document("stopped")["checks"]) == untimed(document()["checks"])


def test_a_finished_study_is_read_again_and_not_made_anew():
    train(FiveChecks(), ToyDigits(), JOB, TrainingObserver())
    before = document()["checks"]
    train(FiveChecks(), ToyDigits(), JOB, TrainingObserver())
    assert document()["checks"] == before  # Seconds included, that are never the same twice.


def test_a_study_changes_no_weights():
    studied = train(FiveChecks(), ToyDigits(), JOB, TrainingObserver())
    plain = train(
        FiveChecks(), ToyDigits(), replace(JOB, out=Path("plain"), study=False, check_every=1), TrainingObserver()
    )
    assert plain.weights.read_bytes() == studied.weights.read_bytes()
    assert plain.study is None
    assert not Path("plain", study.FILE).exists()


def test_what_is_returned_is_what_was_written():
    result = train(FiveChecks(), ToyDigits(), JOB, TrainingObserver())
    assert json.loads(json.dumps(result.study.as_data())) == document()
    assert json.loads(json.dumps(result.record.as_data())) == json.loads(Path("out/learner.json").read_text())


def test_a_trainer_that_has_a_smaller_budget_keeps_to_it_in_a_study_too():
    class Lazy(FiveChecks):
        budget = replace(FiveChecks.budget, check=InversionBudget(10, {"joint": 3, "exhaustive": 1}))

    studied = train(Lazy(), ToyDigits(), JOB, TrainingObserver())
    assert document()["short"] == {"first": 0, "images": 10, "steps": {"joint": 3, "exhaustive": 1}}
    plain = train(Lazy(), ToyDigits(), replace(JOB, out=Path("plain"), study=False, check_every=1), TrainingObserver())
    assert studied.record.checks == plain.record.checks


def test_a_training_that_was_begun_without_study_is_not_continued_with_one():
    train(FiveChecks(), ToyDigits(), replace(JOB, study=False), TrainingObserver())
    with pytest.raises(UsageError, match="other settings"):
        train(FiveChecks(), ToyDigits(), JOB, TrainingObserver())


def test_too_few_checks_are_refused_before_anything_is_written():
    with pytest.raises(UsageError, match=r"at least 5 checks.* would make 4"):
        train(FiveChecks(), ToyDigits(), replace(JOB, epochs=4), TrainingObserver())
    assert not JOB.out.exists()


def test_a_study_that_cannot_be_written_leaves_the_one_before(fill_disk):
    result = train(FiveChecks(), ToyDigits(), JOB, TrainingObserver())
    before = (JOB.out / study.FILE).read_bytes()

    fill_disk()
    with pytest.raises(OutputError, match="No space left"):
        replace(result.study, threads=-1).save(JOB.out)
    assert (JOB.out / study.FILE).read_bytes() == before
