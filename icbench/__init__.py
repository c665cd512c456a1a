"""icbench: a benchmark suite for inverse classification.

Importing it is cheap; the functions that compute import torch when they are called.
"""

from typing import TYPE_CHECKING, Any

from icbench.component import Component, Param
from icbench.hookspecs import hookimpl
from icbench.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from icbench.engine import Inverted
    from icbench.ranking.leaderboard import By, Leaderboard
    from icbench.records import Record

__all__ = ["Component", "Param", "__version__", "hookimpl", "invert", "leaderboard", "run"]


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
        options: the other fields of `icbench.session.Options`, such as `limit=1000`; folders as paths or strings.

    Raises:
        IcbenchError: whatever the command line would print as one line.
    """
    from pathlib import Path

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
    folders = {name: Path(options[name]) for name in ("results", "data_dir") if options.get(name) is not None}
    options = {**options, **folders}
    entries = entries_from_specs(Host(), specs)
    return next(execute(entries, Options(seeds=(seed,), **options), Watcher()))


def invert(
    images: "Any",
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

    Whether light or dark is drawn is for the caller to settle: pixels are taken as they are, and a generator makes such
    images as it was trained on, for MNIST light strokes on black. There is a warning where images look like negatives.

    Args:
        images: one or several of the generator's height and width, as numpy array, torch tensor, PIL image or path of
            an image file, or a list of these. Arrays are (H, W) for one channel, (C, H, W) or (N, C, H, W), of uint8 or
            of floats in [0, 1]; pictures become grey for one channel.
        generator, distance, optimizer, schedule: specs.
        seed, steps, device, precision: as for `icbench run`.

    Returns:
        predictions, scores, distances and latents of the N images.

    Raises:
        IcbenchError: images of another kind, shape or range, and whatever the command line would print as one line.
    """
    from icbench.execution import invert_images

    specs = {
        "generator": [generator],
        "distance": [distance],
        "optimizer": [optimizer],
        "schedule": [schedule],
    }
    return invert_images(images, specs, seed, steps, device, precision)


def leaderboard(*folders: "str | Path", by: "By" = "accuracy", budget: int | None = None) -> "Leaderboard":
    """Rank the entries in results folders, as `icbench leaderboard` does.

    Args:
        folders: results folders; `icbench-results` if none is given.
        by: order of the rows: "accuracy", "nfe", "speed" or "distance".
        budget: rank only entries of at most so many generator evaluations per image.

    Returns:
        the tracks, each with its standings, and what could not be read.
    """
    from pathlib import Path

    from icbench.ranking import collect, rank
    from icbench.records.results_folder import DEFAULT_FOLDER

    return rank(collect([Path(folder) for folder in folders or [DEFAULT_FOLDER]]), by, budget)
