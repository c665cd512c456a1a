"""Choosing a checkpoint without eyes: short inversions of validation images, and samples judged by a reference CNN."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from icbench.engine import Parts, Settings, generate, invert
from icbench.kinds.dataset import Split
from icbench.kinds.generator import Generator
from icbench.plugins import Host
from icbench.training.reference_cnn import ReferenceCNN

IMAGES = 1_000
SAMPLES = 2_000
STEPS = {"joint": 100, "exhaustive": 20}


@dataclass(frozen=True)
class Quality:
    """What a snapshot of a generator is worth, on validation images; each in [0, 1].

    Args:
        inversion_accuracy: accuracy of a short inversion, by the schedule's name.
        sample_accuracy: share of the samples that the reference CNN gives the class they were made for.
    """

    inversion_accuracy: Mapping[str, float]
    sample_accuracy: float

    @property
    def score(self) -> float:
        """What the checkpoint is chosen by: the mean of all.

        Samples alone would favour a generator that makes a few perfect digits; inversions alone one that fits anything.
        """
        accuracies = (*self.inversion_accuracy.values(), self.sample_accuracy)
        return sum(accuracies) / len(accuracies)

    def figures(self) -> dict[str, float]:
        inversions = {f"{name}_accuracy": value for name, value in self.inversion_accuracy.items()}
        return {**inversions, "sample_accuracy": self.sample_accuracy, "score": self.score}


def judge(
    generator: Generator, validation: Split, reference: ReferenceCNN, schedules: Sequence[str], settings: Settings
) -> Quality:
    """The quality of a frozen generator on the first validation images."""
    return Quality(
        inversion_accuracies(generator, schedules, validation, slice(IMAGES), STEPS, settings),
        sample_accuracy(generator, reference, settings),
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
    names = {spec.partition(":")[0]: spec for spec in schedules}
    first, last, _ = rows.indices(len(split))
    return {
        name: inversion_accuracy(generator, spec, split, last - first, steps[name], settings, first)
        for name, spec in names.items()
    }


def inversion_accuracy(
    generator: Generator, schedule: str, split: Split, images: int, steps: int, settings: Settings, first: int = 0
) -> float:
    """Accuracy of `schedule`, a spec, with MSE and Adam on images `first` to `first + images` of the split."""
    host = Host(discover=False)
    parts = Parts(
        generator,
        host.select("distance", "mse").build(),
        host.select("optimizer", "adam").build(),
        host.select("schedule", schedule).build(),
    )
    index = np.arange(first, min(first + images, len(split)))
    chosen = Settings(steps, settings.seed, settings.batch_size, settings.device, settings.precision)
    batches = list(invert(parts, split.images, index, chosen))
    prediction = np.concatenate([batch.prediction for batch in batches])
    return float(np.mean(prediction == split.labels[index]))


@torch.no_grad()
def sample_accuracy(generator: Generator, reference: ReferenceCNN, settings: Settings) -> float:
    """Share of samples, spread evenly over the classes, that the reference CNN assigns to their class."""
    random = torch.Generator().manual_seed(settings.seed)
    labels = torch.arange(SAMPLES) % generator.num_classes
    noise = torch.randn(SAMPLES, generator.noise_dim, generator=random).to(settings.device)
    class_vector = torch.eye(generator.num_classes)[labels].to(settings.device)
    images = generate(generator, class_vector, noise, settings.precision)
    return float((reference(images).argmax(dim=1).cpu() == labels).float().mean())
