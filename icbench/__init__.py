"""icbench: a benchmark suite for inverse classification.

Importing it is cheap; the functions that compute import torch when they are called.
"""

from typing import TYPE_CHECKING, Any

from icbench.component import Component, Param
from icbench.hookspecs import hookimpl
from icbench.version import __version__

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from icbench.engine import Inverted
    from icbench.records import Record

__all__ = ["Component", "Param", "__version__", "hookimpl", "invert", "run"]


def run(
    generator: str = "cgan",
    distance: str = "mse",
    optimizer: str = "adam",
    schedule: str = "joint",
    dataset: str = "mnist",
    seed: int = 0,
    **options: Any,
) -> "Record":
    """Run one entry for one seed, as `icbench run` does, and return its record.

    Args:
        generator, distance, optimizer, schedule, dataset: specs, such as `"cgan:noise_dim=50"`.
        seed: the seed of the starts.
        options: the other fields of `icbench.session.Options`, such as `limit=1000`.

    Raises:
        IcbenchError: whatever the command line would print as one line.
    """
    from icbench.execution import entries_from_specs, execute
    from icbench.plugins import Host
    from icbench.session import Options, Watcher

    specs = {
        "generator": [generator],
        "distance": [distance],
        "optimizer": [optimizer],
        "schedule": [schedule],
        "dataset": [dataset],
    }
    entries = entries_from_specs(Host(), specs)
    return next(execute(entries, Options(seeds=(seed,), **options), Watcher()))


def invert(
    images: "NDArray[np.uint8]",
    generator: str = "cgan",
    distance: str = "mse",
    optimizer: str = "adam",
    schedule: str = "joint",
    seed: int = 0,
    steps: int | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> "Inverted":
    """Classify any images by inversion.

    Args:
        images: (N, C, H, W) uint8, of the generator's shape.
        generator, distance, optimizer, schedule: specs.
        seed, steps, device, precision: as for `icbench run`.

    Returns:
        predictions, scores, distances and latents of the N images.
    """
    from icbench.execution import invert_images

    specs = {
        "generator": [generator],
        "distance": [distance],
        "optimizer": [optimizer],
        "schedule": [schedule],
    }
    return invert_images(images, specs, seed, steps, device, precision)
