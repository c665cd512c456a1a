"""What a trainer is, and the loop that runs any of them: resumable, watched, and stopped at the best checkpoint."""

import hashlib
import io
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from safetensors.torch import load_file
from safetensors.torch import save as safetensors
from torch import Tensor

from icbench.compute.devices import chosen_precision, torch_dtype
from icbench.compute.environment import library_versions
from icbench.engine.decode import generate, sample_vectors
from icbench.engine.invert import Settings
from icbench.engine.prepare import prepare
from icbench.errors import IcbenchError, IntegrityError, ResultsError, UsageError
from icbench.kinds.dataset import Dataset, Split
from icbench.kinds.generator import Generator
from icbench.plugins.isolation import isolated
from icbench.running.datasets import load_split
from icbench.running.observer import Onlooker
from icbench.storage import reason, remove_leftovers, try_folder, way_out, write_output
from icbench.training import selection, study
from icbench.training.findings import Snapshot
from icbench.training.reference_cnn import ReferenceCNN, train_reference_cnn
from icbench.training.samples import SampleQuality, measure_samples
from icbench.training.selection import Effort, Quality, inversion_accuracies, judge, usual_effort
from icbench.version import __version__

SCHEMA = 1
FINAL_IMAGES = 1_000
FINAL_STEPS = {"joint": 200, "relaxed": 200, "exhaustive": 60}
FINAL_SEED = 1_000_003
"""Of the noise of the samples that the chosen weights are measured by: no check draws the same."""


class Trainer(ABC):
    """Trains one generator. A component names its trainer in `Component.trainer`; parameters come as keywords."""

    default_epochs: int
    check_every: int = 3
    """Epochs between two checks of a snapshot, and after the last."""
    schedules: Sequence[str] = ("joint", "exhaustive")
    """The schedules, as specs, that judge a snapshot on validation images: of `joint`, `relaxed` and `exhaustive`."""
    effort: Effort | None = None
    """How much of that there is, or None for the usual."""
    by_samples: bool = True
    """Whether a checkpoint is also chosen by its samples; not, where only what can be inverted is wanted."""
    extends: bool = False
    """Whether a training of more epochs begins as one of fewer, so that a finished one can go on: no rate may depend on
    how many there will be."""

    def judging(self, job: "TrainingJob") -> Settings:
        """How snapshots are inverted; the number of steps is set elsewhere."""
        precision = chosen_precision((self.effort or usual_effort()).precision, job.device)
        return Settings(seed=job.seed, device=job.device, precision=torch_dtype(precision))

    @property
    def images_per_class(self) -> int:
        """The training images that each class must have; a class without one learns nothing."""
        return 0

    @abstractmethod
    def begin(self, split: Split, num_classes: int, job: "TrainingJob") -> None:
        """Build the models and optimizers for a training of `job.epochs` epochs on `split`."""

    @abstractmethod
    def epoch(self, number: int, on_batch: Callable[[int], None]) -> dict[str, float]:
        """Train for epoch `number`, counted from 0; returns mean losses by name. Must depend on the seed alone."""

    def completed(self, generator: Generator, validation: Split, settings: Settings) -> dict[str, Tensor]:
        """What is not trained but fitted to validation images, once the checkpoint is chosen.

        Args:
            generator: the chosen one, frozen.
            validation: the images to fit to.
            settings: how snapshots are inverted.

        Returns:
            tensors of the generator's state by name, which replace those in the weights file.
        """
        return {}

    @abstractmethod
    def snapshot(self) -> Generator:
        """The generator as it would be shipped now, on its own storage."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All that a resumed training needs: tensors, numbers and containers of them."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""


@dataclass(frozen=True)
class TrainingJob:
    """Where and how to train.

    Args:
        name: the generator component's name.
        params: its parameters.
        out: the folder for checkpoints, sample grids, weights and record.
        epochs, seed, device: as named.
        dataset_name: the dataset's spec, for the record.
        data_dir: where fetched data is kept.
        check_every: epochs between two checks of a snapshot, or None for as many as the trainer says.
        study: check after every epoch, and study which cheap figure chooses a checkpoint well.
        source: the digest of the trainer's code, as of `icbench.running.source_closure.training_digest`.
    """

    name: str
    params: dict[str, Any]
    out: Path
    epochs: int
    seed: int
    device: torch.device
    dataset_name: str
    data_dir: Path
    check_every: int | None = None
    study: bool = False
    source: str = ""

    @property
    def identity(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to be continued."""
        # Named only where it is one, so that checkpoints from before there were studies can be continued.
        kind = {"study": True} if self.study else {}
        return {
            "name": self.name,
            "params": self.params,
            "epochs": self.epochs,
            "seed": self.seed,
            "dataset": self.dataset_name,
            "source": self.source,
            **kind,
        }


class Monitor(Onlooker):
    """Receives a training's progress; the default ignores it."""

    def message(self, text: str) -> None:
        """Something worth a line."""

    def begin_epoch(self, number: int, images: int) -> None:
        """Epoch `number` of `images` images begins."""

    def on_batch(self, images: int) -> None:
        """Some images have been trained on."""

    def end_epoch(self, number: int, losses: dict[str, float]) -> None:
        """An epoch is done."""

    def on_check(self, check: "Check", best: bool) -> None:
        """A snapshot was judged."""


@dataclass(frozen=True)
class Check:
    """A judged snapshot: after how many epochs, its quality, and that of samples with noise drawn anew."""

    epochs: int
    quality: Quality
    samples: SampleQuality


@dataclass
class _Progress:
    """What the loop itself has to remember over a restart."""

    done: int = 0
    seconds: float = 0.0
    checks: list[dict[str, Any]] = field(default_factory=list)
    best_score: float = -1.0
    study: list[dict[str, Any]] = field(default_factory=list)

    @property
    def best(self) -> dict[str, Any]:
        return max(self.checks, key=lambda check: check["score"])

    def lacks_check(self, every: int, epochs: int) -> bool:
        """Whether the epochs that are done end with one that has to be judged and is not yet."""
        due = self.done > 0 and (self.done % every == 0 or self.done == epochs)
        return due and all(check["epochs"] != self.done for check in self.checks)


@isolated()
def train(trainer: Trainer, dataset: Dataset, job: TrainingJob, monitor: Monitor) -> Path:
    """Train a generator, or go on with a training of the same settings in `job.out`.

    Returns:
        the path of the weights; the record lies beside it with the suffix `.json`.

    Raises:
        UsageError: `job.out` holds a training with other settings, or a study would have too few checks.
        ResultsError: `job.out` cannot be written.
    """
    if job.study:
        study.require_checks(job.epochs)
    _make_folder(job.out)
    with monitor.working(f"loading {job.dataset_name}"):
        names = ("train", "validation")
        split, validation = (load_split(dataset, job.dataset_name, name, job.data_dir) for name in names)
    if job.study:
        study.require_images(len(validation))
    _require_classes(trainer, split, dataset.num_classes, job.dataset_name)
    trainer.begin(split, dataset.num_classes, job)
    progress = _resume(trainer, job, monitor)
    with monitor.working("training the reference CNN that judges the samples"):
        reference, reference_seconds = study.timed(lambda: train_reference_cnn(split, dataset.num_classes, job.device))
    check_every = 1 if job.study else job.check_every or trainer.check_every
    while True:
        if progress.lacks_check(check_every, job.epochs):
            with monitor.working(f"judging epoch {progress.done}"):
                _check(trainer, validation, reference, progress, job, monitor)
            _save_checkpoint(trainer, progress, job)
        if progress.done >= job.epochs:
            with monitor.working("measuring what was chosen"):
                return _finish(trainer, split, validation, reference, progress, job, reference_seconds)
        _train_epoch(trainer, progress.done, len(split), progress, monitor)
        # Before the check: what was trained is on disk, whatever becomes of judging it.
        _save_checkpoint(trainer, progress, job)


def save_samples(generator: Generator, file: Path, settings: Settings, columns: int = 10) -> None:
    """A PNG grid of samples: one row per class, the same noise in each column."""
    classes = generator.num_classes
    noise = torch.randn(columns, generator.noise_dim, generator=torch.Generator().manual_seed(0)).repeat(classes, 1)
    class_vector = sample_vectors(generator, columns)
    with torch.no_grad():
        images = generate(generator, class_vector.to(settings.device), noise.to(settings.device), settings.precision)
    stream = io.BytesIO()
    torchvision.utils.save_image(images, stream, nrow=columns, format="png")
    write_output(file, stream.getvalue())


def save_weights(weights: dict[str, Tensor], file: Path) -> str:
    """Write weights as float16 safetensors, atomically; returns the file's SHA-256."""
    content = safetensors({name: tensor.half().contiguous().cpu() for name, tensor in weights.items()})
    write_output(file, content)
    return hashlib.sha256(content).hexdigest()


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


def _train_epoch(trainer: Trainer, number: int, images: int, progress: _Progress, monitor: Monitor) -> None:
    monitor.begin_epoch(number, images)
    started = time.perf_counter()
    losses = trainer.epoch(number, monitor.on_batch)
    progress.seconds += time.perf_counter() - started
    progress.done = number + 1
    monitor.end_epoch(number, losses)


def _check(
    trainer: Trainer,
    validation: Split,
    reference: ReferenceCNN,
    progress: _Progress,
    job: TrainingJob,
    monitor: Monitor,
) -> None:
    """Judge what is trained, and keep it if it is the best so far.

    Raises:
        IntegrityError: it cannot be judged.
    """
    try:
        snapshot = trainer.snapshot()
        weights = _floating(snapshot)
        frozen = prepare(snapshot, job.device)
        settings = trainer.judging(job)
        if job.study:
            quality = _study(frozen, validation, reference, trainer, settings, progress, monitor)
        else:
            quality = judge(
                frozen, validation, reference, trainer.schedules, settings, trainer.effort, trainer.by_samples
            )
        samples = measure_samples(frozen, validation, reference, settings, progress.done)
    except IcbenchError:
        raise
    except Exception as error:
        raise IntegrityError(
            f"epoch {progress.done} is trained but cannot be judged: {type(error).__name__}: {error}",
            f"It is kept in {_checkpoint_file(job)}, and the same command judges it again.",
        ) from error
    _keep(frozen, weights, Check(progress.done, quality, samples), progress, job, monitor)


def _study(
    frozen: Generator,
    validation: Split,
    reference: ReferenceCNN,
    trainer: Trainer,
    settings: Settings,
    progress: _Progress,
    monitor: Monitor,
) -> Quality:
    """Measure a snapshot for the study; returns what it is chosen by, as without a study."""
    quality, snapshot = study.measure(
        frozen, progress.done, validation, reference, trainer.schedules, settings, trainer.effort
    )
    progress.study.append(vars(snapshot))
    accuracies = ", ".join(f"{name} {value:.4f}" for name, value in snapshot.accuracy.items())
    monitor.message(f"  full inversion after epoch {snapshot.epochs}: {accuracies} ({snapshot.full_seconds:.0f} s)")
    return quality


def _keep(
    frozen: Generator,
    weights: dict[str, Tensor],
    check: Check,
    progress: _Progress,
    job: TrainingJob,
    monitor: Monitor,
) -> None:
    """Note a check, draw its samples, and keep its weights if it is the best so far."""
    best = check.quality.score > progress.best_score
    progress.checks.append({"epochs": check.epochs, **check.quality.figures(), "samples": check.samples.as_data()})
    if best:
        progress.best_score = check.quality.score
        save_weights(weights, _weights_file(job))
    save_samples(frozen, job.out / f"samples-{check.epochs:03d}.png", Settings(device=job.device))
    monitor.on_check(check, best)


def _floating(module: torch.nn.Module) -> dict[str, Tensor]:
    """Copies of the weights and running statistics, which folding the module later does not touch."""
    return {name: tensor.clone() for name, tensor in module.state_dict().items() if tensor.is_floating_point()}


def _weights_file(job: TrainingJob) -> Path:
    return job.out / f"{job.name}.safetensors"


def _checkpoint_file(job: TrainingJob) -> Path:
    return job.out / "checkpoint.pt"


def _save_checkpoint(trainer: Trainer, progress: _Progress, job: TrainingJob) -> None:
    state = {"schema": SCHEMA, "identity": job.identity, "progress": asdict(progress), "trainer": trainer.state()}
    stream = io.BytesIO()
    torch.save(state, stream)
    write_output(_checkpoint_file(job), stream.getvalue())


def _resume(trainer: Trainer, job: TrainingJob, monitor: Monitor) -> _Progress:
    file = _checkpoint_file(job)
    if not file.exists():
        return _Progress()
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise IntegrityError(f"{file} cannot be read: {error}", "Remove it to start the training anew.") from error
    known = {"source": "", **state["identity"]}
    if known["source"] != job.source:
        raise UsageError(
            f"{job.out} holds a training with other code: its trainer, or what that computes with, has changed",
            "Choose another folder with --out, or go on with the code it was begun with.",
        )
    if _continued(known, trainer) != _continued(job.identity, trainer):
        raise UsageError(
            f"{job.out} holds a training with other settings: {state['identity']}", "Choose another folder with --out."
        )
    trainer.restore(state["trainer"])
    progress = _Progress(**state["progress"])
    monitor.message(f"going on after epoch {progress.done} of {job.epochs}")
    return progress


def _continued(identity: dict[str, Any], trainer: Trainer) -> dict[str, Any]:
    """What has to be equal in an identity for this trainer."""
    return {name: value for name, value in identity.items() if name != "epochs" or not trainer.extends}


def _finish(
    trainer: Trainer,
    split: Split,
    validation: Split,
    reference: ReferenceCNN,
    progress: _Progress,
    job: TrainingJob,
    reference_seconds: float,
) -> Path:
    """Measure the chosen weights on validation images that did not choose them, and write the training record."""
    file = _weights_file(job)
    generator = trainer.snapshot()
    generator.load_state_dict(_loaded(file), strict=False)
    frozen = prepare(generator, job.device)
    found = trainer.completed(frozen, validation, trainer.judging(job))
    if found:
        save_weights({**_loaded(file), **found}, file)
    record = {
        "schema": SCHEMA,
        "generator": job.name,
        "params": job.params,
        "source": job.source,
        "weights": {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()},
        "dataset": {"name": job.dataset_name, "split": "train", "images": len(split), "digest": split.digest},
        "seed": job.seed,
        "epochs": job.epochs,
        "chosen": _choice(trainer, progress, len(validation)),
        "validation": _measured(frozen, trainer, validation, job),
        "samples": measure_samples(frozen, validation, reference, trainer.judging(job), FINAL_SEED).as_data(),
        "checks": progress.checks,
        "training_seconds": round(progress.seconds, 1),
        "device": job.device.type,
        "versions": {"icbench": __version__, **library_versions()},
    }
    write_output(file.with_suffix(".json"), (json.dumps(record, indent=2) + "\n").encode())
    if job.study:
        snapshots = [Snapshot(**row) for row in progress.study]
        study.save_study(job.out, snapshots, validation, record, reference_seconds, trainer.effort)
    return file


def _choice(trainer: Trainer, progress: _Progress, images: int) -> dict[str, Any]:
    """The chosen check, as the record has it, with the rows of so many validation images that chose it."""
    rows = selection.choosing(images, trainer.effort or usual_effort())
    schedules = " and ".join(selection.by_name(trainer.schedules))
    return {
        "epochs": int(progress.best["epochs"]),
        "why": f"highest mean of short {schedules} accuracy (first {rows.stop:,} validation images)"
        + (" and reference-CNN accuracy of samples" if trainer.by_samples else ""),
        "first": 0,
        "images": rows.stop,
        **{name: value for name, value in progress.best.items() if name != "epochs"},
    }


def _measured(frozen: Generator, trainer: Trainer, validation: Split, job: TrainingJob) -> dict[str, Any]:
    """The accuracies of the chosen weights, as the record has them; null where no validation image is left for them."""
    rows = selection.unseen(len(validation), FINAL_IMAGES)
    left = rows.stop - rows.start
    schedules = selection.by_name(trainer.schedules)
    final: dict[str, float | None] = dict.fromkeys(schedules)
    if left:
        settings = trainer.judging(job)
        final |= inversion_accuracies(frozen, trainer.schedules, validation, rows, FINAL_STEPS, settings)
    return {
        "first": rows.start,
        "images": left,
        "schedules": list(trainer.schedules),
        "steps": {name: FINAL_STEPS[name] for name in schedules},
        **{f"{name}_accuracy": value for name, value in final.items()},
    }


def _loaded(file: Path) -> dict[str, Tensor]:
    return {name: tensor.float() for name, tensor in load_file(file).items()}
