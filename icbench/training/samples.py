"""What a generator's samples are worth: of the class asked for, like real images, and as varied as these."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

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

SAMPLES = 3_000
"""Samples, and validation images that they are held against, if there are as many."""
NEIGHBOURS = 5
DIFFERENTIATED = 256
"""Samples at which the Jacobian is taken."""


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

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


def measure_samples(
    generator: Generator, validation: Split, reference: ReferenceCNN, settings: Settings, seed: int
) -> SampleQuality:
    """Measure fresh samples of a frozen generator against the first validation images.

    Args:
        generator: on `settings.device`.
        validation: the real images.
        reference: the judge of classes, whose features are compared.
        settings: device and precision.
        seed: of the noise.
    """
    real = as_target(validation.images[:SAMPLES], settings.device)
    drawn = replace(settings, seed=seed)
    class_vector, noise, labels = sample_latents(generator, SAMPLES, drawn)
    _, other_noise, _ = sample_latents(generator, SAMPLES, replace(settings, seed=seed + 1))
    images, others = (_images(generator, class_vector, each, settings) for each in (noise, other_noise))
    judged, judged_others = (_classes(reference, each) for each in (images, others))
    features, real_features = (_features(reference, each) for each in (images, real))
    neighbours = max(0, min(NEIGHBOURS, len(real) - 1))
    distance, density, coverage = _compared(features, real_features, neighbours)
    share = noise_share(generator, class_vector[:DIFFERENTIATED], noise[:DIFFERENTIATED])
    return SampleQuality(
        samples=len(images),
        real_images=len(real),
        features=f"{features.shape[1]} of the reference CNN's hidden layer",
        neighbours=neighbours,
        agreement=_mean(judged == labels),
        class_kept=_mean(judged == judged_others),
        class_share=None if share is None else 1 - share,
        frechet_distance=distance,
        density=density,
        coverage=coverage,
    )


def sample_latents(generator: Generator, count: int, settings: Settings) -> tuple[Tensor, Tensor, Tensor]:
    """Class vectors (N, K) at the vertices in turn, drawn noise (N, Z), and the classes (N,) asked for, on the CPU."""
    random = torch.Generator().manual_seed(settings.seed)
    entries = torch.arange(count) % generator.entries
    noise = torch.randn(count, generator.noise_dim, generator=random).to(settings.device)
    return torch.eye(generator.entries)[entries].to(settings.device), noise, entries // generator.types


def _compared(
    features: NDArray[np.float32], real: NDArray[np.float32], neighbours: int
) -> tuple[float | None, float | None, float | None]:
    """Frechet distance, density and coverage; none of them where no real image has a neighbour."""
    if neighbours == 0:
        return None, None, None
    distance = frechet_distance(features, real)
    return distance if math.isfinite(distance) else None, *density_and_coverage(real, features, neighbours)


@torch.no_grad()
def _images(generator: Generator, class_vector: Tensor, noise: Tensor, settings: Settings) -> Tensor:
    return generate(generator, class_vector, noise, settings.precision)


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
