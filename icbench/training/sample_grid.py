"""A picture of a generator's samples."""

import io
from pathlib import Path

import torch
import torchvision

from icbench.engine.decode import generate, sample_vectors
from icbench.engine.settings import Settings
from icbench.kinds.generator import Generator
from icbench.storage import write_output


def save_samples(generator: Generator, file: Path, settings: Settings, columns: int = 10) -> None:
    """A PNG grid of samples: one row per class, the same noise in each column.

    Raises:
        OutputError: it cannot be written.
    """
    classes = generator.num_classes
    noise = torch.randn(columns, generator.noise_dim, generator=torch.Generator().manual_seed(0)).repeat(classes, 1)
    class_vector = sample_vectors(generator, columns)
    with torch.no_grad():
        images = generate(generator, class_vector.to(settings.device), noise.to(settings.device), settings.precision)
    stream = io.BytesIO()
    torchvision.utils.save_image(images, stream, nrow=columns, format="png")
    write_output(file, stream.getvalue())
