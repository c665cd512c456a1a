"""The loop that runs any trainer: resumable, watched, and stopped at the best checkpoint."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from icbench.compute.devices import choose_precision, torch_dtype
from icbench.compute.environment import library_versions
from icbench.engine.decode import sample_images
from icbench.engine.prepare import prepare
from icbench.engine.settings import Settings
from icbench.errors import IcbenchError, IntegrityError, ResultsError, UsageError
from icbench.kinds.dataset import Dataset, DataShape, Split
from icbench.kinds.generator import Generator
from icbench.plugins.isolation import isolate
from icbench.running.datasets import load_split
from icbench.running.image_grid import image_grid, save_picture
from icbench.running.observer import Observer
from icbench.storage import reason, remove_leftovers, try_folder, way_out
from icbench.training import study
from icbench.training.checkpoint import Progress, checkpoint_file, restore_checkpoint, save_checkpoint
from icbench.training.log import TrainingLog, write_table
from icbench.training.record import Choice, TrainingImages, TrainingRecord, Validation, WeightsFile
from icbench.training.reference_cnn import train_reference_cnn
from icbench.training.samples import SampleQuality
from icbench.training.scoring import CheckpointScore, ScoredCheckpoint, Scorer
from icbench.training.trainer import Trainer, TrainingJob
from icbench.training.weights import read_weights, save_weights
from icbench.version import __version__

COLUMNS = 10
"""How many samples of each class are drawn at a check."""
FINAL_SEED = 1_000_003
"""Of the noise of the samples that the chosen weights are measured by: no check draws the same."""


class TrainingObserver(Observer):
    """Is told of a training's epochs and checks too; the default ignores it."""

    def begin_epoch(self, number: int, images: int) -> None:
        """Epoch `number` of `images` images begins."""

    def end_epoch(self, number: int, losses: dict[str, float]) -> None:
        """An epoch is done."""

    def on_check(self, check: ScoredCheckpoint, best: bool) -> None:
        """A snapshot was measured."""


@dataclass(frozen=True)
class TrainingResult:
    """What a training made.

    That is the file of the weights, the record beside it, the study if there was to be one, and the training's course.
    """

    weights: Path
    record: TrainingRecord
    study: study.Study | None
    progress: Progress


@isolate()
def train(
    trainer: Trainer, dataset: Dataset, job: TrainingJob, observer: TrainingObserver, log: TrainingLog | None = None
) -> TrainingResult:
    """Train a generator, or go on with a training of the same settings in `job.out`.

    Args:
        trainer: of the generator.
        dataset: to train on.
        job: where and how.
        observer: is told what goes on.
        log: is told of losses, figures and samples, besides the table of them in `job.out`.

    Raises:
        UsageError: `job.out` holds a training with other settings, or a study would have too few checks.
        ResultsError: `job.out` cannot be written.
    """
    if job.study:
        study.require_checks(job.epochs, trainer.budget)
    _make_folder(job.out)
    with observer.working(f"loading {job.dataset_name}"):
        names = ("train", "validation")
        split, validation = (load_split(dataset, job.dataset_name, name, job.data_dir) for name in names)
    if job.study:
        study.require_images(len(validation))
    _require_classes(trainer, split, dataset.num_classes, job.dataset_name)
    trainer.begin(split, dataset.num_classes, job)
    progress = _resume(trainer, job, observer)
    with observer.working("training the reference CNN that judges the samples"):
        reference, seconds = study.measure_seconds(lambda: train_reference_cnn(split, dataset.num_classes, job.device))
    scorer = Scorer(
        validation, reference, trainer.schedules, _settings(trainer, job), trainer.budget, trainer.by_samples
    )
    return _Training(trainer, job, split, scorer, progress, observer, log or TrainingLog(), seconds, dataset).run()


@dataclass(frozen=True)
class _Training:
    """A training that has begun.

    Args:
        trainer, job, observer, log: as for `train`.
        split: the training images.
        scorer: measures snapshots.
        progress: how far it is.
        reference_seconds: what training the reference CNN took.
        dataset: whose images they are.
    """

    trainer: Trainer
    job: TrainingJob
    split: Split
    scorer: Scorer
    progress: Progress
    observer: TrainingObserver
    log: TrainingLog
    reference_seconds: float
    dataset: Dataset

    def run(self) -> TrainingResult:
        """Train all epochs that are left, and measure the best checkpoint."""
        job, progress = self.job, self.progress
        check_every = 1 if job.study else job.check_every or self.trainer.check_every
        size = len(self.split)
        self.observer.begin(f"training {job.name}", job.epochs * size, progress.done * size)
        self.log.begin(progress.done)
        while True:
            if progress.lacks_check(check_every, job.epochs):
                with self.observer.working(f"judging epoch {progress.done}"):
                    self._check()
                self._save()
            if progress.done >= job.epochs:
                with self.observer.working("measuring what was chosen"):
                    result = self._finish()
                self.observer.end()
                self.log.end()
                return result
            self._train_epoch()
            # Before the check: what was trained is on disk, whatever becomes of judging it.
            self._save()

    def _save(self) -> None:
        save_checkpoint(self.trainer, self.progress, self.job)
        write_table(self.progress, self.job.out)

    def _train_epoch(self) -> None:
        number = self.progress.done
        self.observer.begin_epoch(number, len(self.split))
        started = time.perf_counter()
        losses = self.trainer.epoch(number, self.observer.on_batch)
        self.progress.seconds += time.perf_counter() - started
        self.progress.done = number + 1
        self.progress.losses[number + 1] = losses
        self.observer.end_epoch(number, losses)
        self.log.log_losses(number + 1, losses)

    def _check(self) -> None:
        """Measure what is trained, and keep it if it is the best so far.

        Raises:
            IntegrityError: it cannot be measured.
        """
        done = self.progress.done
        try:
            snapshot = self.trainer.snapshot()
            weights = _floating(snapshot)
            frozen = prepare(snapshot, self.job.device)
            samples = self.scorer.draw_samples(frozen)
            quality = self.scorer.measure_samples(frozen, samples, self.scorer.reserved_images)
            score = self._study(frozen, quality) if self.job.study else self.scorer.score(frozen, quality)
        except IcbenchError:
            raise
        except Exception as error:
            raise IntegrityError(
                f"epoch {done} is trained but cannot be judged: {type(error).__name__}: {error}",
                f"It is kept in {checkpoint_file(self.job)}, and the same command judges it again.",
            ) from error
        self._keep(frozen, weights, ScoredCheckpoint(done, score, quality))

    def _study(self, frozen: Generator, quality: SampleQuality) -> CheckpointScore:
        """Measure a snapshot for the study; returns what it is chosen by, as without a study."""
        score, snapshot = study.measure_snapshot(frozen, self.progress.done, quality, self.scorer)
        self.progress.study.append(snapshot)
        accuracies = ", ".join(f"{name} {value:.4f}" for name, value in snapshot.accuracy.items())
        self.observer.say(
            f"  full inversion after epoch {snapshot.epochs}: {accuracies} ({snapshot.full_seconds:.0f} s)"
        )
        return score

    def _keep(self, frozen: Generator, weights: Mapping[str, Tensor], check: ScoredCheckpoint) -> None:
        """Note a check, draw its samples, and keep its weights if it is the best so far."""
        self.progress.checks.append(check)
        best = self.progress.best is check
        if best:
            save_weights(weights, self.job.weights_file, _shape_of(frozen))
        images = sample_images(frozen, COLUMNS, self.job.device).cpu().numpy()
        grid = image_grid(images, self.dataset.light_on_dark, self.dataset.class_names)
        save_picture(grid, self.job.out / f"samples-{check.epochs:03d}.png")
        self.log.log_check(check, grid)
        self.observer.on_check(check, best)

    def _finish(self) -> TrainingResult:
        """Measure the chosen weights on validation images that did not choose them, and write the training record."""
        file = self.job.weights_file
        frozen, fitted = self._finalize(file)
        record = _make_record(frozen, self.job, self.split, self.scorer, self.progress, fitted)
        record.save(file.with_suffix(".json"))
        return TrainingResult(file, record, self._conclude(record), self.progress)

    def _finalize(self, file: Path) -> tuple[Generator, tuple[str, ...]]:
        """The chosen generator, frozen, and the names of what is fitted to validation images.

        What is fitted is in its weights file then, too.
        """
        generator = self.trainer.snapshot()
        generator.load_state_dict(read_weights(file), strict=False)
        frozen = prepare(generator, self.job.device)
        fitted = self.trainer.finalize(frozen, self.scorer)
        if fitted:
            save_weights({**read_weights(file), **fitted}, file, _shape_of(frozen))
        return frozen, tuple(fitted)

    def _conclude(self, record: TrainingRecord) -> study.Study | None:
        if not self.job.study:
            return None
        found = study.conclude(record, self.progress.study, self.scorer, self.reference_seconds)
        found.save(self.job.out)
        return found


def _settings(trainer: Trainer, job: TrainingJob) -> Settings:
    """How snapshots are inverted; the steps are the budget's."""
    precision = choose_precision(trainer.budget.precision, job.device)
    return Settings(seed=job.seed, device=job.device, precision=torch_dtype(precision))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        try_folder(folder)
    except OSError as error:
        hint = way_out(error, "Choose another folder with --out.")
        raise ResultsError(f"{folder} cannot be written: {reason(error)}", hint) from None


def _require_classes(trainer: Trainer, split: Split, num_classes: int, dataset: str) -> None:
    few = np.flatnonzero(np.bincount(split.labels, minlength=num_classes) < trainer.images_per_class)
    if len(few):
        raise UsageError(
            f"{dataset} has too few training images of class {', '.join(map(str, few))}: "
            f"this generator needs {trainer.images_per_class} of each class",
            "Choose another dataset.",
        )


def _resume(trainer: Trainer, job: TrainingJob, observer: TrainingObserver) -> Progress:
    progress = restore_checkpoint(trainer, job)
    if progress is None:
        return Progress()
    observer.say(f"going on after epoch {progress.done} of {job.epochs}")
    return progress


def _shape_of(generator: Generator) -> DataShape:
    return DataShape(generator.num_classes, generator.image_shape)


def _floating(module: torch.nn.Module) -> dict[str, Tensor]:
    """Copies of the weights and running statistics, which folding the module later does not touch."""
    return {name: tensor.clone() for name, tensor in module.state_dict().items() if tensor.is_floating_point()}


def _make_record(
    frozen: Generator, job: TrainingJob, split: Split, scorer: Scorer, progress: Progress, fitted: tuple[str, ...]
) -> TrainingRecord:
    """Measure the chosen weights, and say how they came about."""
    return TrainingRecord(
        generator=job.name,
        params=job.params,
        options=dict(job.options),
        source=job.source,
        weights=WeightsFile.of(job.weights_file),
        dataset=TrainingImages(
            job.dataset_name, job.dataset_key or job.dataset_name, "train", len(split), split.digest
        ),
        seed=job.seed,
        epochs=job.epochs,
        chosen=_choose(progress, scorer),
        validation=_measure_chosen(frozen, scorer),
        samples=_measure_chosen_samples(frozen, scorer),
        checks=tuple(progress.checks),
        fitted=fitted,
        training_seconds=round(progress.seconds, 1),
        device=job.device.type,
        versions={"icbench": __version__, **library_versions()},
    )


def _choose(progress: Progress, scorer: Scorer) -> Choice:
    """The best check, and in words what it was chosen by."""
    images = scorer.choosing_rows.stop
    why = f"highest mean of short {' and '.join(scorer.specs())} accuracy (first {images:,} validation images)"
    by_samples = " and reference-CNN accuracy and coverage of samples" if scorer.by_samples else ""
    return Choice(progress.best, why + by_samples, images)


def _measure_chosen_samples(frozen: Generator, scorer: Scorer) -> SampleQuality:
    """The figures of the chosen weights' samples, from noise that no check has drawn, against more real images."""
    samples = scorer.draw_samples(frozen, FINAL_SEED)
    return scorer.measure_samples(frozen, samples, scorer.validation.images[: scorer.budget.samples])


def _measure_chosen(frozen: Generator, scorer: Scorer) -> Validation:
    """The accuracies of the chosen weights; none where no validation image is left for them."""
    final = scorer.budget.final
    rows = scorer.unseen_rows(final.images)
    left = rows.stop - rows.start
    accuracy: dict[str, float | None] = dict.fromkeys(scorer.specs())
    if left:
        accuracy |= scorer.accuracies(frozen, rows, final.steps)
    return Validation(rows.start, left, scorer.schedules, {name: final.steps[name] for name in accuracy}, accuracy)
