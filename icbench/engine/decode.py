"""What the engine and all beside it take images from: a generator's, and a dataset's as targets."""

import numpy as np
import torch
from torch import Tensor

from icbench.engine.targets import Pixels
from icbench.kinds.generator import Generator


def generate(generator: Generator, class_vector: Tensor, noise: Tensor, precision: torch.dtype) -> Tensor:
    """The generator's images (B, C, H, W) in float32, its products taken in `precision`.

    Args:
        generator: prepared on the latents' device.
        class_vector: (B, K).
        noise: (B, Z).
        precision: `torch.float32` or `torch.bfloat16`.
    """
    low = precision is not torch.float32
    with torch.autocast(class_vector.device.type, dtype=precision if low else None, enabled=low):
        images: Tensor = generator(class_vector, noise)
    return images.float()


def generate_with_spread(
    generator: Generator, class_vector: Tensor, noise: Tensor, precision: torch.dtype
) -> tuple[Tensor, Tensor | None]:
    """The images as `generate` has them, and their spread (B,) where the generator has one."""
    low = precision is not torch.float32
    with torch.autocast(class_vector.device.type, dtype=precision if low else None, enabled=low):
        found = generator.mean_and_spread(class_vector, noise)
    if found is None:
        return generate(generator, class_vector, noise, precision), None
    return found[0].float(), found[1].float()


def as_target(images: Pixels, device: torch.device) -> Tensor:
    """Images (B, C, H, W), uint8 or float32 in [0, 1], as float32 in [0, 1] on the device."""
    # A copy: a dataset's arrays may be read-only or turned around, which torch's own tensors cannot be.
    pixels = torch.tensor(np.ascontiguousarray(images)).to(device)
    return pixels.float() / 255 if pixels.dtype is torch.uint8 else pixels.float()


def sample_vectors(generator: Generator, columns: int) -> Tensor:
    """Class vectors (classes * columns, K) of samples, class by class; several modes of a class take turns."""
    number, modes = torch.arange(generator.num_classes * columns), generator.modes_per_class
    return torch.eye(generator.class_dim)[number // columns * modes + number % columns % modes]


@torch.no_grad()
def sample_images(generator: Generator, columns: int, device: torch.device) -> Tensor:
    """The generator's images (K, N, C, H, W) of each class for N noises, the same for every class."""
    noise = np.random.default_rng(0).standard_normal((columns, generator.noise_dim), dtype=np.float32)
    rows = torch.from_numpy(noise).repeat(generator.num_classes, 1)
    vectors = sample_vectors(generator, columns)
    images = generate(generator, vectors.to(device), rows.to(device), torch.float32)
    return images.reshape(generator.num_classes, columns, *images.shape[1:])
