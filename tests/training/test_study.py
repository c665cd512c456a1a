"""A study measures what it says, goes on where it was stopped, and changes no weights."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy import LinearGenerator, NaNGenerator, ToyDigits, patterns
from toy_training import Stop, ToyTrainer

from icbench.engine.invert import Components, Settings, invert
from icbench.engine.prepare import prepare
from icbench.errors import UsageError
from icbench.training import selection, study
from icbench.training.findings import studied
from icbench.training.reference_cnn import train_reference_cnn
from icbench.training.selection import Effort, judge
from icbench.training.study import measure
from icbench.training.trainer import Monitor, TrainingJob, train

SCHEDULES = ("joint", "exhaustive")
SETTINGS = Settings()
CPU = torch.device("cpu")
JOB = TrainingJob("learner", {}, Path("out"), 5, 0, CPU, "toy", Path(), study=True)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(selection, "STEPS", {"joint": 4, "exhaustive": 2})
    monkeypatch.setattr(selection, "IMAGES", 20)
    monkeypatch.setattr(selection, "SAMPLES", 100)
    monkeypatch.setattr(study, "FULL_STEPS", {"joint": 6, "exhaustive": 3})
    monkeypatch.setattr(study, "FULL_IMAGES", 25)
    monkeypatch.setattr(study, "LEAST_CHECKS", 5)
    monkeypatch.setattr("icbench.training.trainer.FINAL_STEPS", {"joint": 2, "exhaustive": 1})
    monkeypatch.setattr("icbench.training.trainer.FINAL_IMAGES", 20)


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


def measured(made, validation, reference, schedules=SCHEDULES):
    return measure(made, 1, validation, reference, schedules, SETTINGS)


def document(folder="out"):
    return json.loads((Path(folder) / study.FILE).read_text())


def untimed(checks):
    return [{name: value for name, value in check.items() if "seconds" not in name} for check in checks]


def test_the_quality_is_the_one_a_training_without_study_finds(validation, reference):
    quality, snapshot = measured(generator(), validation, reference)
    assert quality == judge(generator(), validation, reference, SCHEDULES, SETTINGS)
    assert quality.figures().items() <= snapshot.figures.items()


def test_error_and_margin_are_those_of_the_short_inversion(host, validation, reference):
    _, snapshot = measured(generator(blur=0.2), validation, reference)
    parts = [host.select(kind, name).build() for kind, name in (("distance", "mse"), ("optimizer", "adam"))]
    whole = Components(generator(blur=0.2), *parts, host.select("schedule", "exhaustive").build())
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


def test_the_full_accuracy_is_of_images_no_figure_has_seen(validation, reference, monkeypatch):
    seen = []
    inverted = selection.inverted

    def watched(generator, schedule, split, rows, steps, settings):
        seen.append((schedule, steps, *rows.indices(len(split))[:2]))
        return inverted(generator, schedule, split, rows, steps, settings)

    monkeypatch.setattr(selection, "inverted", watched)
    measured(generator(), validation, reference)
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
    train(ToyTrainer(), ToyDigits(), JOB, Monitor())
    found = document()
    assert [check["epochs"] for check in found["checks"]] == [1, 2, 3, 4, 5]
    assert found["short"] == {"first": 0, "images": 20, "steps": {"joint": 4, "exhaustive": 2}}
    assert found["full"] == {"first": 20, "images": 25, "steps": {"joint": 6, "exhaustive": 3}}
    assert found["threads"] == torch.get_num_threads()
    assert found["recommended"]["criterion"] == studied(found)[1].recommended
    record = json.loads(Path("out/learner.json").read_text())
    assert [check["score"] for check in record["checks"]] == [check["figures"]["score"] for check in found["checks"]]


def test_a_validation_split_that_ends_early_is_counted_as_it_is(monkeypatch):
    monkeypatch.setattr(study, "FULL_IMAGES", 1000)
    train(ToyTrainer(), ToyDigits(), JOB, Monitor())
    assert document()["full"]["images"] == 30


@pytest.mark.parametrize("after", [1, 4])
def test_a_stopped_study_goes_on_to_the_same_rows(after):
    train(ToyTrainer(), ToyDigits(), JOB, Monitor())
    stopped = replace(JOB, out=Path("stopped"))
    with pytest.raises(KeyboardInterrupt):
        train(ToyTrainer(), ToyDigits(), stopped, Stop(after))
    assert not (stopped.out / study.FILE).exists()
    train(ToyTrainer(), ToyDigits(), stopped, Monitor())
    assert untimed(document("stopped")["checks"]) == untimed(document()["checks"])


def test_a_finished_study_is_read_again_and_not_made_anew(monkeypatch):
    train(ToyTrainer(), ToyDigits(), JOB, Monitor())
    before = document()["checks"]
    monkeypatch.setattr(study, "measure", None)
    train(ToyTrainer(), ToyDigits(), JOB, Monitor())
    assert document()["checks"] == before


def test_a_study_changes_no_weights():
    studied_weights = train(ToyTrainer(), ToyDigits(), JOB, Monitor())
    plain = train(ToyTrainer(), ToyDigits(), replace(JOB, out=Path("plain"), study=False, check_every=1), Monitor())
    assert plain.read_bytes() == studied_weights.read_bytes()
    assert not Path("plain", study.FILE).exists()


def test_a_trainer_that_makes_less_effort_makes_it_in_a_study_too():
    class Lazy(ToyTrainer):
        effort = Effort(images=10, steps={"joint": 3, "exhaustive": 1})

    weights = train(Lazy(), ToyDigits(), JOB, Monitor())
    assert document()["short"] == {"first": 0, "images": 10, "steps": {"joint": 3, "exhaustive": 1}}
    plain = train(Lazy(), ToyDigits(), replace(JOB, out=Path("plain"), study=False, check_every=1), Monitor())
    checks = [json.loads(file.with_suffix(".json").read_text())["checks"] for file in (weights, plain)]
    assert checks[0] == checks[1]


def test_a_training_that_was_begun_without_study_is_not_continued_with_one():
    train(ToyTrainer(), ToyDigits(), replace(JOB, study=False), Monitor())
    with pytest.raises(UsageError, match="other settings"):
        train(ToyTrainer(), ToyDigits(), JOB, Monitor())


def test_too_few_checks_are_refused_before_anything_is_written():
    with pytest.raises(UsageError, match=r"at least 5 checks.* would make 4"):
        train(ToyTrainer(), ToyDigits(), replace(JOB, epochs=4), Monitor())
    assert not JOB.out.exists()


def test_a_study_that_cannot_be_written_leaves_the_one_before(monkeypatch):
    train(ToyTrainer(), ToyDigits(), JOB, Monitor())
    before = (JOB.out / study.FILE).read_bytes()
    monkeypatch.setattr(study.json, "dumps", lambda *_, **__: 1 / 0)
    snapshots, _ = studied(json.loads(before))
    record = dict.fromkeys(("generator", "params", "dataset", "seed", "epochs", "device", "versions"), 0)
    with pytest.raises(ZeroDivisionError):
        study.save_study(JOB.out, snapshots, ToyDigits().split("validation", Path()), record, 1.0)
    assert (JOB.out / study.FILE).read_bytes() == before
