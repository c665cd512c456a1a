"""Choosing a checkpoint without eyes: short inversions of validation images, and samples judged by a reference CNN."""

from dataclasses import asdict, dataclass

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
        joint_accuracy: accuracy of a short `joint` inversion.
        exhaustive_accuracy: accuracy of a short `exhaustive` inversion.
        sample_accuracy: share of the samples that the reference CNN gives the class they were made for.
    """

    joint_accuracy: float
    exhaustive_accuracy: float
    sample_accuracy: float

    @property
    def score(self) -> float:
        """What the checkpoint is chosen by: the mean of the three.

        Samples alone would favour a generator that makes a few perfect digits; inversions alone one that fits anything.
        """
        return (self.joint_accuracy + self.exhaustive_accuracy + self.sample_accuracy) / 3

    def figures(self) -> dict[str, float]:
        return {**asdict(self), "score": self.score}


def judge(generator: Generator, validation: Split, reference: ReferenceCNN, settings: Settings) -> Quality:
    """The quality of a frozen generator on the first validation images."""
    return Quality(
        joint_accuracy=inversion_accuracy(generator, "joint", validation, IMAGES, STEPS["joint"], settings),
        exhaustive_accuracy=inversion_accuracy(
            generator, "exhaustive", validation, IMAGES, STEPS["exhaustive"], settings
        ),
        sample_accuracy=sample_accuracy(generator, reference, settings),
    )


def inversion_accuracy(
    generator: Generator, schedule: str, split: Split, images: int, steps: int, settings: Settings, first: int = 0
) -> float:
    """Accuracy of `schedule` with MSE and Adam on images `first` to `first + images` of the split."""
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
