"""Scoring a checkpoint by figures: short inversions of validation images, and samples judged by a reference CNN."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from icbench.engine.invert import invert
from icbench.engine.result import InversionResult, concatenate
from icbench.engine.settings import Components, Settings
from icbench.engine.targets import Pixels
from icbench.kinds.dataset import Split
from icbench.kinds.generator import Generator
from icbench.plugins.manager import builtin_components
from icbench.training.budget import EvalBudget
from icbench.training.reference_cnn import ReferenceCNN
from icbench.training.samples import SampleQuality, Samples, draw_samples, measure_samples


@dataclass(frozen=True)
class CheckpointScore:
    """What a snapshot of a generator is worth, on validation images; each in [0, 1].

    Args:
        inversion_accuracy: accuracy of a short inversion, by the schedule's name.
        sample_accuracy: share of the samples that the reference CNN gives the class they were made for.
        coverage: share of the real images that have a sample among their neighbours, where it is known.
        by_samples: whether samples count in the score.
    """

    inversion_accuracy: Mapping[str, float]
    sample_accuracy: float
    coverage: float | None = None
    by_samples: bool = True

    @property
    def value(self) -> float:
        """What the checkpoint is chosen by: the mean of all.

        Accuracy of samples alone would favour a generator that makes a few perfect digits; inversions alone one that
        fits anything.
        """
        shares: list[float] = [
            *self.inversion_accuracy.values(),
            *(self._of_samples().values() if self.by_samples else ()),
        ]
        return sum(shares) / len(shares)

    def figures(self) -> dict[str, float]:
        """All that it is made of, by name, and its value as "score"."""
        inversions = {f"{name}_accuracy": value for name, value in self.inversion_accuracy.items()}
        return {**inversions, **self._of_samples(), "score": self.value}

    def _of_samples(self) -> dict[str, float]:
        coverage = {} if self.coverage is None else {"coverage": self.coverage}
        return {"sample_accuracy": self.sample_accuracy, **coverage}

    @classmethod
    def from_figures(cls, figures: Mapping[str, float], by_samples: bool) -> Self:
        """The score whose `figures` these are."""
        ending = "_accuracy"
        accuracies = {name.removesuffix(ending): value for name, value in figures.items() if name.endswith(ending)}
        of_samples = accuracies.pop("sample")
        return cls(accuracies, of_samples, figures.get("coverage"), by_samples)


@dataclass(frozen=True)
class ScoredCheckpoint:
    """A snapshot that was measured: after how many epochs, its score, and the figures of its samples.

    Those are None in a training that was begun before there were any.
    """

    epochs: int
    score: CheckpointScore
    samples: SampleQuality | None

    def as_data(self) -> dict[str, Any]:
        """As a checkpoint and the record of a training have it."""
        samples = {"samples": asdict(self.samples)} if self.samples else {}
        return {"epochs": self.epochs, **self.score.figures(), **samples}

    @classmethod
    def from_data(cls, data: Mapping[str, Any], by_samples: bool) -> Self:
        """The one whose `as_data` this is."""
        figures = {name: value for name, value in data.items() if name not in ("epochs", "samples")}
        score = CheckpointScore.from_figures(figures, by_samples)
        return cls(data["epochs"], score, SampleQuality(**data["samples"]) if "samples" in data else None)


@dataclass(frozen=True)
class Scorer:
    """Measures the snapshots of one training, all on the same validation images and in the same way.

    Args:
        validation: these images.
        reference: the judge of samples.
        schedules: specs of those that invert.
        budget: how many images, steps and samples.
        settings: seed, device and precision; the steps are the budget's.
        by_samples: whether samples count in the score.
    """

    validation: Split
    reference: ReferenceCNN
    schedules: Sequence[str]
    settings: Settings
    budget: EvalBudget = EvalBudget()
    by_samples: bool = True

    @property
    def choosing_rows(self) -> slice:
        """The validation images that choose a checkpoint."""
        return self.budget.choosing_rows(len(self.validation))

    def unseen_rows(self, most: int) -> slice:
        """The first of those that choose nothing, `most` at most."""
        return self.budget.unseen_rows(len(self.validation), most)

    def specs(self) -> dict[str, str]:
        """The schedules' specs by their names."""
        return {spec.partition(":")[0]: spec for spec in self.schedules}

    def score(self, generator: Generator, quality: SampleQuality) -> CheckpointScore:
        """The score of a frozen generator whose samples have these figures."""
        return self.combine(self.accuracies(generator, self.choosing_rows, self.budget.check.steps), quality)

    def combine(self, accuracies: Mapping[str, float], quality: SampleQuality) -> CheckpointScore:
        """The score of short inversions, by the schedule's name, and of samples."""
        return CheckpointScore(accuracies, quality.agreement, quality.coverage, self.by_samples)

    def accuracies(self, generator: Generator, rows: slice, steps: Mapping[str, int]) -> dict[str, float]:
        """Accuracies on rows of the validation images, as are the steps by the schedule's name."""
        return {
            name: accuracy(self.invert(generator, spec, rows, steps[name]), self.validation)
            for name, spec in self.specs().items()
        }

    def invert(self, generator: Generator, schedule: str, rows: slice, steps: int) -> InversionResult:
        """The inversion of validation images with a schedule, given by its spec."""
        return invert_split(generator, schedule, self.validation, rows, replace(self.settings, steps=steps))

    def draw_samples(self, generator: Generator, seed: int | None = None) -> Samples:
        """Samples of a frozen generator: from the same noise for each, unless a seed of the noise is given."""
        settings = self.settings if seed is None else replace(self.settings, seed=seed)
        return draw_samples(generator, self.budget.samples, settings)

    @property
    def reserved_images(self) -> Pixels:
        """The validation images that a checkpoint's samples are held against; none of them measures what is chosen."""
        return self.validation.images[self.budget.reserved_rows(len(self.validation))]

    def measure_samples(self, generator: Generator, samples: Samples, real: Pixels) -> SampleQuality:
        """The figures of a generator's samples, held against real images."""
        return measure_samples(samples, generator, real, self.reference, self.settings, self.budget.differentiated)

    def class_residuals(self, generator: Generator, schedule: str, steps: int) -> Tensor:
        """The mean squared error per pixel (K,) that each class leaves of its own images.

        It is for `Generator.error_calibration`.

        Args:
            generator: frozen.
            schedule: the spec of one that scores each class by minus its least error, without a prior.
            steps: of the inversion.
        """
        found = self.invert(generator, schedule, slice(None), steps)
        labels = torch.from_numpy(self.validation.labels[found.index])
        own = torch.from_numpy(-found.class_scores)[torch.arange(len(labels)), labels]
        of_class = labels == torch.arange(generator.num_classes)[:, None]
        # Each class has one image more, with what all have in mean, so that none is without.
        return ((of_class * own).sum(dim=1) + own.mean()) / (of_class.sum(dim=1) + 1)


def invert_split(generator: Generator, schedule: str, split: Split, rows: slice, settings: Settings) -> InversionResult:
    """The inversion with `schedule`, a spec, MSE and Adam of the split's images in `rows`."""
    chosen = (("distance", "mse"), ("optimizer", "adam"), ("schedule", schedule))
    components = Components(generator, *(builtin_components().select(kind, spec).build() for kind, spec in chosen))
    return concatenate(list(invert(components, split.images, np.arange(len(split))[rows], settings)))


def inversion_accuracy(generator: Generator, schedule: str, split: Split, rows: slice, settings: Settings) -> float:
    """The accuracy of `invert_split`."""
    return accuracy(invert_split(generator, schedule, split, rows, settings), split)


def accuracy(result: InversionResult, split: Split) -> float:
    """Share of the inverted images whose prediction is their label."""
    return float(np.mean(result.prediction == split.labels[result.index]))
