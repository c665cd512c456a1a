"""What Python offers of the command line: a run, inversions of any images, and the leaderboard.

Torch is imported when one of them is called.
"""

from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

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
    from icbench.running.inversion import Inversion


class RunOptions(TypedDict, total=False):
    """How `run` runs an entry; what each option means stands there."""

    steps: int | None
    stop_when: float | None
    limit: int | None
    split: str
    batch_size: int | None
    device: str
    precision: str
    results: str | Path
    data_dir: str | Path | None
    save_latents: bool
    rerun: bool
    executor: str


def run(
    generator: str = "cgan",
    distance: str = "mse",
    optimizer: str = "adam",
    schedule: str = "joint",
    dataset: str = "mnist",
    seed: int = 0,
    *,
    product: str | None = None,
    classifier: str | None = None,
    lr: float | None = None,
    **options: Unpack[RunOptions],
) -> Record:
    """Run one entry for one seed, as `icbench run` does, and return its record.

    What is left out is as on the command line.

    Args:
        generator, distance, optimizer, schedule, dataset: specs, such as `"cgan:noise_dim=50"`.
        seed: the seed of the starts.
        product: the spec of a product of experts to run instead.
        classifier: the spec of a direct classifier to run instead; nothing is inverted then.
        lr: the optimizer's learning rate; None takes its own.
        steps: per hypothesis; None takes the schedule's own, 0 scores the starts.
        stop_when: stop an image once ten steps gained less than this share of all its gain; None makes all steps.
        limit: only the first images of the split; None takes all.
        split: "train", "validation" or "test".
        batch_size: hypotheses inverted together; None measures.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "float32", "tf32" (on CUDA) or "bfloat16".
        results: the folder that records are written to.
        data_dir: where fetched data is kept; None takes `ICBENCH_DATA` or the platform's cache folder.
        save_latents: keep the final class vectors and noises in the record.
        rerun: run again what is finished already.
        executor: the spec of what computes the shards; "local" is this process.

    Raises:
        IcbenchError: whatever the command line would print as one line.
    """
    whole = {kind: [spec] for kind, spec in {"product": product, "classifier": classifier}.items() if spec is not None}
    chosen = whole or _specs(generator, distance, optimizer, schedule)
    entries = entries_from_specs(plugin_manager(), {**chosen, "dataset": [dataset]}, lr)
    return next(execute(entries, replace(_options(options), seeds=(seed,)), Observer())).record


def _options(given: RunOptions) -> Options:
    """The options with their folders as paths.

    Raises:
        UsageError: there is no option of a name, or the results folder has none.
    """
    known = [*(name for name in signature(run).parameters if name != "options"), *RunOptions.__annotations__]
    for name in given:
        if name not in RunOptions.__annotations__:
            raise UsageError(f"icbench.run has no option '{name}'", suggestion(name, known, "options"))
    if given.get("results") == "":
        raise UsageError("results='' names no folder", "Say '.' for the working folder.")
    folders = {name: Path(value) for name in ("results", "data_dir") if isinstance(value := given.get(name), str)}
    values: dict[str, Any] = {**given, **folders}
    return Options(**values)


def _specs(generator: str, distance: str, optimizer: str, schedule: str) -> dict[str, list[str]]:
    return {"generator": [generator], "distance": [distance], "optimizer": [optimizer], "schedule": [schedule]}


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
) -> "Inversion":
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
        arrays with a row for each of the N images: `prediction`, `class_scores`, `distance`, `energy`, the latents
        `class_vector` and `noise`, and the images themselves, `targets` and `reconstructions`. `plot()` draws them.

    Raises:
        IcbenchError: images of another kind, shape or range, and whatever the command line would print as one line.
    """
    return invert_images(images, _specs(generator, distance, optimizer, schedule), seed, steps, device, precision)


def leaderboard(*folders: str | Path, by: By = "accuracy", budget: int | None = None) -> Leaderboard:
    """Rank the entries in results folders, as `icbench leaderboard` does.

    Args:
        folders: results folders; `icbench-results` if none is given.
        by: order of the rows: "accuracy", "nfe", "speed" or "distance".
        budget: rank only entries of at most so many generator evaluations per image.

    Returns:
        the tracks, each with its standings, and what could not be read.

    Raises:
        UsageError: a folder does not exist.
    """
    return rank(collect([Path(folder) for folder in folders or [DEFAULT_FOLDER]]), by, budget)
