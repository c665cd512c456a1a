"""What a generator's samples are worth: of the class asked for, like real images, and as varied as these."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from icbench.engine.decode import as_target, generate
from icbench.engine.diagnosis import noise_share
from icbench.engine.invert import Settings
from icbench.kinds.dataset import Split
from icbench.kinds.generator import Generator
from icbench.training.frechet import frechet_distance
from icbench.training.neighbours import density_and_coverage
from icbench.training.reference_cnn import ReferenceCNN

NEIGHBOURS = 5
"""k of density and coverage, where there are as many other real images."""


@dataclass(frozen=True)
class SampleQuality:
    """The figures of samples with a class vector at a vertex and noise drawn from N(0, 1).

    Args:
        samples: how many, of all classes alike.
        real_images: how many they are held against: the first of the validation split.
        features: what of the images is compared, in words.
        neighbours: k of density and coverage.
        agreement: share of the samples that the reference CNN gives the class asked for.
        class_kept: share of the samples that keep the reference CNN's class when noise is drawn anew for the same class
            vector. High together with a low agreement: the class vector decides, but not as it should.
        class_share: the class vector's share of the squared Jacobian of the image by class vector and noise; mean over
            some samples, or None where it is finite for none of them.
        frechet_distance: between samples and real images (Heusel et al. 2017), or None where that is not finite. It
            depends on the features and on how many images there are, so it compares with others of the same alone.
        density, coverage: those of Naeem et al. (2020). None, as is the distance, for fewer than 2 real images.
    """

    samples: int
    real_images: int
    features: str
    neighbours: int
    agreement: float
    class_kept: float
    class_share: float | None
    frechet_distance: float | None
    density: float | None
    coverage: float | None


@dataclass(frozen=True)
class Samples:
    """Images with a class vector at a vertex and drawn noise, as many of each class.

    Args:
        class_vector, noise: (N, K) and (N, Z), the latents.
        images: (N, C, H, W).
        labels: (N,) the classes they were made for, on the CPU.
        seed: of the noise.
    """

    class_vector: Tensor
    noise: Tensor
    images: Tensor
    labels: Tensor
    seed: int

    def first(self, count: int) -> "Samples":
        """The first of them, `count` at most."""
        return Samples(
            self.class_vector[:count], self.noise[:count], self.images[:count], self.labels[:count], self.seed
        )


def measure_samples(
    samples: Samples,
    generator: Generator,
    validation: Split,
    reference: ReferenceCNN,
    settings: Settings,
    differentiated: int,
) -> SampleQuality:
    """Measure samples against as many of the first validation images.

    Args:
        samples: drawn from the generator with these settings.
        generator: frozen, on `settings.device`.
        validation: the real images.
        reference: the judge of classes, whose features are compared.
        settings: device and precision.
        differentiated: how many of the samples the Jacobian is taken at.
    """
    real = as_target(validation.images[: len(samples.images)], settings.device)
    # The same class vectors with noise drawn anew.
    others = draw_samples(generator, len(samples.images), replace(settings, seed=samples.seed + 1))
    classes, other_classes = (_classes(reference, each.images) for each in (samples, others))
    features, real_features = (_features(reference, each) for each in (samples.images, real))
    neighbours = max(0, min(NEIGHBOURS, len(real) - 1))
    distance, density, coverage = _compare(features, real_features, neighbours)
    few = samples.first(differentiated)
    share = noise_share(generator, few.class_vector, few.noise)
    return SampleQuality(
        samples=len(samples.images),
        real_images=len(real),
        features=f"{features.shape[1]} of the reference CNN's hidden layer",
        neighbours=neighbours,
        agreement=_mean(classes == samples.labels),
        class_kept=_mean(classes == other_classes),
        class_share=None if share is None else 1 - share,
        frechet_distance=distance,
        density=density,
        coverage=coverage,
    )


@torch.no_grad()
def draw_samples(generator: Generator, count: int, settings: Settings) -> Samples:
    """So many samples of a generator on `settings.device`, the classes in turn; the seed is the noise's."""
    random = torch.Generator().manual_seed(settings.seed)
    entries = torch.arange(count) % generator.entries
    noise = torch.randn(count, generator.noise_dim, generator=random).to(settings.device)
    class_vector = torch.eye(generator.entries)[entries].to(settings.device)
    images = generate(generator, class_vector, noise, settings.precision)
    return Samples(class_vector, noise, images, entries // generator.types, settings.seed)


def sample_accuracy(samples: Samples, reference: ReferenceCNN) -> float:
    """Share of the samples that the reference CNN gives the class they were made for."""
    return float((_classes(reference, samples.images) == samples.labels).float().mean())


def _compare(
    features: NDArray[np.float32], real: NDArray[np.float32], neighbours: int
) -> tuple[float | None, float | None, float | None]:
    """Frechet distance, density and coverage; none of them where no real image has a neighbour."""
    if neighbours == 0:
        return None, None, None
    distance = frechet_distance(features, real)
    return distance if math.isfinite(distance) else None, *density_and_coverage(real, features, neighbours)


@torch.no_grad()
def _classes(reference: ReferenceCNN, images: Tensor) -> Tensor:
    classes: Tensor = reference(images).argmax(dim=1)
    return classes.cpu()


@torch.no_grad()
def _features(reference: ReferenceCNN, images: Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = reference.features(images).cpu().numpy()
    return found


def _mean(flags: Tensor) -> float:
    return float(flags.double().mean())
