"""Choosing a checkpoint without eyes: short inversions of validation images, and samples judged by a reference CNN."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from icbench.engine.decode import generate
from icbench.engine.invert import Components, InversionResult, Settings, concatenate, invert
from icbench.kinds.dataset import Split
from icbench.kinds.generator import Generator
from icbench.plugins.manager import builtin_components
from icbench.training.reference_cnn import ReferenceCNN
from icbench.training.samples import sample_latents

IMAGES = 1_000
SAMPLES = 2_000
STEPS = {"joint": 100, "relaxed": 100, "exhaustive": 20}


@dataclass(frozen=True)
class Effort:
    """What a check of a snapshot costs, for a generator that is too large for the usual one.

    Args:
        images: validation images that are inverted, `IMAGES` at most.
        steps: of the inversion, by the schedule's name.
        precision: of the generator's products, also when the chosen weights are measured: "auto", "float32" or
            "bfloat16".
    """

    images: int
    steps: Mapping[str, int]
    precision: str = "float32"


@dataclass(frozen=True)
class Quality:
    """What a snapshot of a generator is worth, on validation images; each in [0, 1].

    Args:
        inversion_accuracy: accuracy of a short inversion, by the schedule's name.
        sample_accuracy: share of the samples that the reference CNN gives the class they were made for.
        by_samples: whether that counts in the score.
    """

    inversion_accuracy: Mapping[str, float]
    sample_accuracy: float
    by_samples: bool = True

    @property
    def score(self) -> float:
        """What the checkpoint is chosen by: the mean of all.

        Samples alone would favour a generator that makes a few perfect digits; inversions alone one that fits anything.
        """
        accuracies = (*self.inversion_accuracy.values(), *([self.sample_accuracy] if self.by_samples else []))
        return sum(accuracies) / len(accuracies)

    def figures(self) -> dict[str, float]:
        inversions = {f"{name}_accuracy": value for name, value in self.inversion_accuracy.items()}
        return {**inversions, "sample_accuracy": self.sample_accuracy, "score": self.score}


def usual_effort() -> Effort:
    """That of trainers that say nothing else."""
    return Effort(IMAGES, STEPS)


def choosing(images: int, effort: Effort) -> slice:
    """The rows of so many validation images that choose a checkpoint: of few, the first half, or the only one."""
    return slice(0, min(effort.images, _unseen_from(images)))


def unseen(images: int, most: int) -> slice:
    """The rows of so many validation images that choose nothing, at most so many; none where there is one image."""
    first = _unseen_from(images)
    return slice(first, min(images, first + most))


def _unseen_from(images: int) -> int:
    return min(IMAGES, (images + 1) // 2)


def judge(
    generator: Generator,
    validation: Split,
    reference: ReferenceCNN,
    schedules: Sequence[str],
    settings: Settings,
    effort: Effort | None = None,
    by_samples: bool = True,
) -> Quality:
    """The quality of a frozen generator on the first validation images."""
    effort = effort or usual_effort()
    return Quality(
        inversion_accuracies(
            generator, schedules, validation, choosing(len(validation), effort), effort.steps, settings
        ),
        sample_accuracy(generator, reference, settings),
        by_samples,
    )


def inversion_accuracies(
    generator: Generator,
    schedules: Sequence[str],
    split: Split,
    rows: slice,
    steps: Mapping[str, int],
    settings: Settings,
) -> dict[str, float]:
    """Accuracies on rows of the split by the schedule's name, for schedules as specs and steps by their names."""
    first, last, _ = rows.indices(len(split))
    return {
        name: inversion_accuracy(generator, spec, split, last - first, steps[name], settings, first)
        for name, spec in by_name(schedules).items()
    }


def by_name(schedules: Sequence[str]) -> dict[str, str]:
    """Specs of schedules by the schedule's name."""
    return {spec.partition(":")[0]: spec for spec in schedules}


def inversion_accuracy(
    generator: Generator, schedule: str, split: Split, images: int, steps: int, settings: Settings, first: int = 0
) -> float:
    """Accuracy of `schedule`, a spec, with MSE and Adam on images `first` to `first + images` of the split."""
    return accuracy(inverted(generator, schedule, split, slice(first, first + images), steps, settings), split)


def inverted(
    generator: Generator, schedule: str, split: Split, rows: slice, steps: int, settings: Settings
) -> InversionResult:
    """The inversion with `schedule`, a spec, MSE and Adam of the split's images in `rows`."""
    host = builtin_components()
    parts = Components(
        generator,
        host.select("distance", "mse").build(),
        host.select("optimizer", "adam").build(),
        host.select("schedule", schedule).build(),
    )
    chosen = replace(settings, steps=steps)
    return concatenate(list(invert(parts, split.images, np.arange(len(split))[rows], chosen)))


def own_residuals(generator: Generator, schedule: str, steps: int, split: Split, settings: Settings) -> Tensor:
    """The mean squared error per pixel (K,) that each class leaves of its own images, for `Generator.residual_scale`.

    Args:
        generator: frozen.
        schedule: the spec of one that scores each class by minus its least error, without a prior.
        steps: of the inversion.
        split: the images.
        settings: all else.
    """
    found = inverted(generator, schedule, split, slice(None), steps, settings)
    labels = torch.from_numpy(split.labels[found.index])
    own = torch.from_numpy(-found.class_scores)[torch.arange(len(labels)), labels]
    of_class = labels == torch.arange(generator.num_classes)[:, None]
    # Each class has one image more, with what all have in mean, so that none is without.
    return ((of_class * own).sum(dim=1) + own.mean()) / (of_class.sum(dim=1) + 1)


def accuracy(result: InversionResult, split: Split) -> float:
    """Share of the inverted images whose prediction is their label."""
    return float(np.mean(result.prediction == split.labels[result.index]))


def sample_accuracy(generator: Generator, reference: ReferenceCNN, settings: Settings) -> float:
    """Share of the samples that the reference CNN assigns to their class."""
    return accuracy_of_samples(*samples(generator, settings), reference)


@torch.no_grad()
def samples(generator: Generator, settings: Settings) -> tuple[Tensor, Tensor]:
    """`SAMPLES` images (N, C, H, W) and the classes (N,) they were made for, of which all have as many."""
    class_vector, noise, labels = sample_latents(generator, SAMPLES, settings)
    return generate(generator, class_vector, noise, settings.precision), labels


@torch.no_grad()
def accuracy_of_samples(images: Tensor, labels: Tensor, reference: ReferenceCNN) -> float:
    return float((reference(images).argmax(dim=1).cpu() == labels).float().mean())
