"""What a generator's samples are worth: of the class asked for, like real images, and as varied as these."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from icbench.engine.decode import as_target, generate
from icbench.engine.diagnosis import noise_share
from icbench.engine.settings import Settings
from icbench.engine.targets import Pixels
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
        real_images: how many they are held against: the first of the validation split. Coverage grows with the number
            of samples for each of them.
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
    real: Pixels,
    reference: ReferenceCNN,
    settings: Settings,
    differentiated: int,
) -> SampleQuality:
    """Measure samples against real images.

    Args:
        samples: drawn from the generator with these settings.
        generator: frozen, on `settings.device`.
        real: (N, C, H, W) the real images.
        reference: the judge of classes, whose features are compared.
        settings: device and precision.
        differentiated: how many of the samples the Jacobian is taken at.
    """
    # The same class vectors with noise drawn anew.
    others = draw_samples(generator, len(samples.images), replace(settings, seed=samples.seed + 1))
    classes, other_classes = (_classes(reference, each.images) for each in (samples, others))
    features, real_features = compared_features(samples, real, reference)
    density, coverage = cover(features, real_features)
    few = samples.first(differentiated)
    share = noise_share(generator, few.class_vector, few.noise)
    return SampleQuality(
        samples=len(samples.images),
        real_images=len(real),
        features=f"{features.shape[1]} of the reference CNN's hidden layer",
        neighbours=neighbours_of(len(real)),
        agreement=_mean(classes == samples.labels),
        class_kept=_mean(classes == other_classes),
        class_share=None if share is None else 1 - share,
        frechet_distance=finite_distance(features, real_features),
        density=density,
        coverage=coverage,
    )


@torch.no_grad()
def draw_samples(generator: Generator, count: int, settings: Settings) -> Samples:
    """So many samples of a generator on `settings.device`, the classes in turn; the seed is the noise's."""
    random = torch.Generator().manual_seed(settings.seed)
    entries = torch.arange(count) % generator.class_dim
    noise = torch.randn(count, generator.noise_dim, generator=random).to(settings.device)
    class_vector = torch.eye(generator.class_dim)[entries].to(settings.device)
    images = generate(generator, class_vector, noise, settings.precision)
    return Samples(class_vector, noise, images, entries // generator.modes_per_class, settings.seed)


def sample_accuracy(samples: Samples, reference: ReferenceCNN) -> float:
    """Share of the samples that the reference CNN gives the class they were made for."""
    return float((_classes(reference, samples.images) == samples.labels).float().mean())


@torch.no_grad()
def compared_features(
    samples: Samples, real: Pixels, reference: ReferenceCNN
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The reference CNN's features of samples (M, D) and of real images (N, D)."""
    images = (samples.images, as_target(real, samples.images.device))
    first, second = (reference.features(each).cpu().numpy() for each in images)
    return first, second


def finite_distance(features: NDArray[np.float32], real: NDArray[np.float32]) -> float | None:
    """The Frechet distance of features (M, D) to those of real images (N, D), or None where that is not finite."""
    distance = frechet_distance(features, real)
    return distance if math.isfinite(distance) else None


def neighbours_of(real: int) -> int:
    """The k of density and coverage for so many real images."""
    return max(0, min(NEIGHBOURS, real - 1))


def cover(features: NDArray[np.float32], real: NDArray[np.float32]) -> tuple[float | None, float | None]:
    """Density and coverage of features (M, D) among those of real images (N, D); None of one real image alone."""
    neighbours = neighbours_of(len(real))
    return density_and_coverage(real, features, neighbours) if neighbours else (None, None)


@torch.no_grad()
def _classes(reference: ReferenceCNN, images: Tensor) -> Tensor:
    classes: Tensor = reference(images).argmax(dim=1)
    return classes.cpu()


def _mean(flags: Tensor) -> float:
    return float(flags.double().mean())
