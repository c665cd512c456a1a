"""Fitting the numbers of a product of experts to labels of images."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from icbench.compute.devices import choose_device
from icbench.errors import UsageError
from icbench.kinds.product import Fit
from icbench.running.batch_size import BatchSize
from icbench.running.datasets import Source
from icbench.running.entry import Entry, dataset_key
from icbench.running.observer import Observer, Work
from icbench.running.options import Options
from icbench.running.product_runner import Evidence, ProductRunner
from icbench.statistics import Combination, fit_combination

if TYPE_CHECKING:
    from icbench.engine.settings import Settings
    from icbench.kinds.dataset import Split

FOLDS = 5
CHUNK = 512
"""Images that are asked about together, so that there is something to tell of."""


@dataclass(frozen=True)
class FittedStage:
    """How far a product has come once a member is asked.

    Args:
        member: its name.
        images: about how many images it was asked.
        accuracy: of the members up to it, on the images that their numbers were fitted to.
        cross_validated: the same of images that had no part in the fit, five-fold.
    """

    member: str
    images: int
    accuracy: float
    cross_validated: float


@dataclass(frozen=True)
class Fitted:
    """The numbers of a product, and how good they are stage by stage."""

    fit: Fit
    stages: tuple[FittedStage, ...]


def fit_product(entry: Entry, source: Source, options: Options, watcher: Observer) -> Fitted:
    """Ask the members of a product about the images of a split, and fit each stage to their labels.

    A member is asked about the images that those before it leave open, so that a stage is fitted to what it decides.

    Args:
        entry: whose product.
        source: of the images.
        options: `split`, `limit`, `device`, `precision`, `batch_size` and the first of `seeds` count.
        watcher: told how it goes.

    Raises:
        UsageError: there are fewer images than folds of them.
    """
    split = source.split(options.split)
    images = len(split) if options.limit is None else min(options.limit, len(split))
    if images < FOLDS:
        raise UsageError(f"{images} images are too few to fit a product", f"The least is {FOLDS}.")
    with watcher.working(f"loading {entry.label}"):
        runner = ProductRunner(
            entry, choose_device(options.device), source.dataset.num_classes, source.folder, fitted=False
        )
        settings = runner.settings(options, options.seeds[0])
        runner.check(split.images, settings)
    labels = split.labels[:images]
    batch_size = BatchSize(runner, split.images, watcher, options.batch_size)
    batch_size.begin(settings, images, None)
    found = Evidence.none(images, source.dataset.num_classes, len(runner.runners))
    stages: list[Combination] = []
    reached: list[Evidence] = []
    for number, member in enumerate(runner.product.members):
        chosen = found.undecided(number, member)
        with watcher.working(f"asking {member.name} about {len(chosen):,} images") as work:
            found = _ask_in_chunks(runner, number, found, chosen, split, settings, batch_size.rows, work)
        stages.append(_fit_stage(found, labels, number, found.finite))
        found = runner.combine(number, found, stages[-1])
        reached.append(found)
    fitted_on = f"{dataset_key(entry.dataset.spec)}/{options.split}"
    fit = Fit(tuple(stages), runner.product.digest, fitted_on, images)
    return Fitted(fit, _judge(runner, reached, labels))


def _ask_in_chunks(
    runner: ProductRunner,
    number: int,
    found: Evidence,
    chosen: NDArray[np.intp],
    split: "Split",
    settings: "Settings",
    rows: int,
    work: Work,
) -> Evidence:
    """The evidence with what a member says of all images that it is to be asked about, a number of them at a time."""
    for begin in range(0, len(chosen), CHUNK):
        part = chosen[begin : begin + CHUNK]
        asked = runner.ask(number, found.select(part), split.images, part, settings, rows)
        found = found.put(part, asked)
        work.advance(len(part) / len(chosen))
    return found


def _fit_stage(found: Evidence, labels: NDArray[np.int64], number: int, among: NDArray[np.bool_]) -> Combination:
    """The numbers of a stage, fitted to those of some images, by a mask, that reach it."""
    rows = np.flatnonzero((found.asked > number) & found.finite & among)
    return fit_combination(found.energies[rows, :, : number + 1], labels[rows])


def _judge(runner: ProductRunner, reached: list[Evidence], labels: NDArray[np.int64]) -> tuple[FittedStage, ...]:
    """The accuracy of each stage, of the images that it was fitted to and cross-validated."""
    apart = _cross_validate(runner, reached[-1], labels)
    return tuple(
        FittedStage(
            member.name,
            int((found.asked > number).sum()),
            _accuracy(found.log_probabilities, labels),
            _accuracy(apart[number], labels),
        )
        for number, (member, found) in enumerate(zip(runner.product.members, reached, strict=True))
    )


def _cross_validate(runner: ProductRunner, found: Evidence, labels: NDArray[np.int64]) -> list[NDArray[np.float64]]:
    """The log probabilities (N, K) after each stage, of each image by numbers that were fitted to the other folds."""
    fold = np.arange(len(labels)) % FOLDS
    stages = [np.empty_like(found.log_probabilities) for _ in runner.runners]
    for held_out in range(FOLDS):
        begun = Evidence.none(len(labels), found.log_probabilities.shape[1], len(runner.runners))
        apart = replace(begun, energies=found.energies, finite=found.finite)
        for number, log_probabilities in enumerate(stages):
            stage = _fit_stage(found, labels, number, fold != held_out)
            apart = runner.combine(number, replace(apart, asked=np.minimum(found.asked, number + 1)), stage)
            log_probabilities[fold == held_out] = apart.log_probabilities[fold == held_out]
    return stages


def _accuracy(log_probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return float((log_probabilities.argmax(axis=1) == labels).mean())
