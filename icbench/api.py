"""What Python offers of the command line: a run, inversions of any images, and the leaderboard.

Torch is imported when one of them is called.
"""

from collections.abc import Iterable
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icbench.errors import UsageError, suggestion
from icbench.plugins.manager import plugin_manager
from icbench.ranking import Leaderboard, collect, rank
from icbench.ranking.leaderboard import By
from icbench.records import Record
from icbench.records.results_folder import DEFAULT_FOLDER
from icbench.running.execute import entries_from_specs, execute, invert_images
from icbench.running.observer import Observer
from icbench.running.options import Options

if TYPE_CHECKING:
    from icbench.engine.invert import InversionResult


def run(
    generator: str = "cgan",
    distance: str = "mse",
    optimizer: str = "adam",
    schedule: str = "joint",
    dataset: str = "mnist",
    seed: int = 0,
    *,
    classifier: str | None = None,
    steps: int | None = None,
    stop_when: float | None = None,
    lr: float | None = None,
    limit: int | None = None,
    split: str = "test",
    batch_size: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    results: str | Path = "icbench-results",
    data_dir: str | Path | None = None,
    save_latents: bool = False,
    rerun: bool = False,
    **unknown: object,
) -> Record:
    """Run one entry for one seed, as `icbench run` does, and return its record.

    Args:
        generator, distance, optimizer, schedule, dataset: specs, such as `"cgan:noise_dim=50"`.
        seed: the seed of the starts.
        classifier: the spec of a direct classifier to run instead; nothing is inverted then.
        steps: per hypothesis; None takes the schedule's own, 0 scores the starts.
        stop_when: stop an image once ten steps gained less than this share of all its gain; None makes all steps.
        lr: the optimizer's learning rate; None takes its own.
        limit: only the first images of the split; None takes all.
        split: "train", "validation" or "test".
        batch_size: hypotheses inverted together; None measures.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "float32", "tf32" (on CUDA) or "bfloat16".
        results: the folder that records are written to.
        data_dir: where fetched data is kept; None takes `ICBENCH_DATA` or the platform's cache folder.
        save_latents: keep the final class vectors and noises in the record.
        rerun: run again what is finished already.
        unknown: nothing; other keywords are refused.

    Raises:
        IcbenchError: whatever the command line would print as one line.
    """
    _refuse(unknown)
    if not str(results):
        raise UsageError("results='' names no folder", "Say '.' for the working folder.")
    specs = {
        "generator": [generator],
        "distance": [distance],
        "optimizer": [optimizer],
        "schedule": [schedule],
    }
    chosen = specs if classifier is None else {"classifier": [classifier]}
    options = Options(
        steps=steps,
        limit=limit,
        split=split,
        seeds=(seed,),
        batch_size=batch_size,
        device=device,
        precision=precision,
        results=Path(results),
        data_dir=None if data_dir is None else Path(data_dir),
        save_latents=save_latents,
        rerun=rerun,
        stop_when=stop_when,
    )
    entries = entries_from_specs(plugin_manager(), {**chosen, "dataset": [dataset]}, lr)
    return next(execute(entries, options, Observer())).record


def _refuse(unknown: Iterable[str]) -> None:
    known = [name for name in signature(run).parameters if name != "unknown"]
    for name in unknown:
        raise UsageError(f"icbench.run has no option '{name}'", suggestion(name, known, "options"))


def invert(
    images: Any,
    generator: str = "cgan",
    distance: str = "mse",
    optimizer: str = "adam",
    schedule: str = "joint",
    seed: int = 0,
    steps: int | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> "InversionResult":
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
        arrays with a row for each of the N images: `prediction`, `class_scores`, `distance`, `energy`, and the latents
        `class_vector` and `noise`.

    Raises:
        IcbenchError: images of another kind, shape or range, and whatever the command line would print as one line.
    """
    specs = {
        "generator": [generator],
        "distance": [distance],
        "optimizer": [optimizer],
        "schedule": [schedule],
    }
    return invert_images(images, specs, seed, steps, device, precision)


def leaderboard(*folders: str | Path, by: By = "accuracy", budget: int | None = None) -> Leaderboard:
    """Rank the entries in results folders, as `icbench leaderboard` does.

    Args:
        folders: results folders; `icbench-results` if none is given.
        by: order of the rows: "accuracy", "nfe", "speed" or "distance".
        budget: rank only entries of at most so many generator evaluations per image.

    Returns:
        the tracks, each with its standings, and what could not be read.
    """
    return rank(collect([Path(folder) for folder in folders or [DEFAULT_FOLDER]]), by, budget)
