"""What pictures of runs are made of: reconstructions, paths of class vectors, samples; made again from a record."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from icbench.compute.devices import choose_device
from icbench.errors import UsageError
from icbench.kinds.dataset import Split
from icbench.plugins.isolation import isolate
from icbench.records import Record
from icbench.records.record import LATENTS
from icbench.running.datasets import Source, data_folder
from icbench.running.entry import Entry
from icbench.running.options import Options
from icbench.running.replay import check_weights, settings_of
from icbench.running.runners import InversionRunner

if TYPE_CHECKING:
    from icbench.engine.result import InversionResult


@dataclass(frozen=True)
class Reconstructions:
    """The first images of a run and what the inversion made of them.

    Args:
        label: the entry.
        targets, images: (N, C, H, W) in [0, 1].
        truth, prediction: (N,).
        light_on_dark, class_names: as the dataset's.
    """

    label: str
    targets: NDArray[np.float32]
    images: NDArray[np.float32]
    truth: NDArray[np.int64]
    prediction: NDArray[np.int64]
    light_on_dark: bool = False
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClassPaths:
    """How class vectors moved during an inversion.

    Args:
        targets: (N, C, H, W) in [0, 1].
        truth: (N,).
        path: (S + 1, N, K), before each step and after the last.
        light_on_dark, class_names: as the dataset's.
    """

    targets: NDArray[np.float32]
    truth: NDArray[np.int64]
    path: NDArray[np.float32]
    light_on_dark: bool = False
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explanations:
    """What an inversion made of N images, and what it makes of them with their own class held.

    Args:
        index: (N,), their positions in the split.
        targets, winners, truths: (N, C, H, W) in [0, 1]: the images, the winning reconstructions, and those with the
            true class held; for images classified correctly, the winning ones.
        truth, prediction: (N,), classes.
        winner_energy, truth_energy: (N,), of the two reconstructions.
        class_names: as the dataset's.
    """

    index: NDArray[np.int64]
    targets: NDArray[np.float32]
    winners: NDArray[np.float32]
    truths: NDArray[np.float32]
    truth: NDArray[np.int64]
    prediction: NDArray[np.int64]
    winner_energy: NDArray[np.float32]
    truth_energy: NDArray[np.float32]
    class_names: tuple[str, ...] = ()


@isolate()
def reconstructions(entry: Entry, record: Record, options: Options, count: int) -> Reconstructions:
    """The first `count` images of a run and what it made of them: from the latents it kept, or inverted once more.

    Images that depend on their mates are always inverted once more, beside them: a run of a few images kept no latents
    of the last one's mates. Their winning hypotheses are drawn beside each other, whatever was beside them before.
    """
    from icbench.engine.invert import whole_groups

    split = _split(entry, record, options)
    runner = InversionRunner(entry, choose_device(options.device), folder=options.data_dir)
    group = runner.components.generator.batch_group_size
    shown = record.images(["index"])["index"][:count]
    if record.has(LATENTS) and group == 1:
        arrays = {name: values[:count] for name, values in record.images(["index", *LATENTS, "prediction"]).items()}
    else:
        again = _invert_again(runner, record, split, whole_groups(shown, group, len(split)))
        arrays = {name: getattr(again, name) for name in ("index", *LATENTS, "prediction")}
    rows = np.isin(arrays["index"], shown)
    index = arrays["index"][rows]
    return Reconstructions(
        label=entry.label,
        targets=split.images[index].astype(np.float32) / np.float32(255),
        images=runner.generate(arrays["class_vector"], arrays["noise"])[rows],
        truth=split.labels[index],
        prediction=arrays["prediction"][rows],
        light_on_dark=entry.dataset.build().light_on_dark,
        class_names=record.class_names,
    )


def _invert_again(runner: InversionRunner, record: Record, split: Split, index: NDArray[np.int64]) -> "InversionResult":
    from icbench.engine.invert import invert
    from icbench.engine.result import concatenate

    return concatenate(list(invert(runner.components, split.images, index, settings_of(record, runner.device))))


@isolate()
def explanations(entry: Entry, record: Record, options: Options, count: int) -> Explanations:
    """What the inversion made of `count` images of a run, by inverting these again.

    Half of them are images that it classified correctly, half are others, as far as there are so many. Images that are
    classified otherwise this time, which rounding can bring about, are left out.

    Raises:
        UsageError: the weights are other ones than the record's, or the generator is of a kind whose class vectors
            cannot be held image by image.
    """
    from icbench.engine.diagnosis import invert_true_classes

    split = _split(entry, record, options)
    runner = InversionRunner(entry, choose_device(options.device), folder=options.data_dir)
    check_weights(runner, record)
    if runner.components.generator.batch_group_size > 1 or runner.components.generator.modes_per_class > 1:
        raise UsageError(
            f"{record.label} has no pictures: its images depend on each other, or a class has several class vectors",
            "Choose the run of another generator.",
        )
    index, predictions = _right_and_wrong(record, count)
    winner = _invert_again(runner, record, split, index)
    winner = winner.rows(winner.prediction == predictions)
    truths, energies = runner.generate(winner.class_vector, winner.noise), winner.energy.copy()
    winners, labels = truths.copy(), split.labels[winner.index]
    wrong = winner.prediction != labels
    if wrong.any():
        held = invert_true_classes(runner.components, split, winner.index[wrong], settings_of(record, runner.device))
        truths[wrong], energies[wrong] = runner.generate(held.class_vector, held.noise), held.energy
    return Explanations(
        index=winner.index,
        targets=split.images[winner.index].astype(np.float32) / np.float32(255),
        winners=winners,
        truths=truths,
        truth=labels,
        prediction=winner.prediction,
        winner_energy=winner.energy,
        truth_energy=energies,
        class_names=record.class_names,
    )


def _right_and_wrong(record: Record, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first images that a run has right and the first that it has wrong, in their order, and its predictions."""
    arrays = record.images(["index", "label", "prediction"])
    right, finite = arrays["prediction"] == arrays["label"], arrays["prediction"] >= 0
    rows = np.sort(np.concatenate([np.flatnonzero(kind)[: count // 2] for kind in (right, ~right & finite)]))
    return arrays["index"][rows].astype(np.int64), arrays["prediction"][rows].astype(np.int64)


@isolate()
def class_vector_paths(entry: Entry, record: Record, options: Options, count: int) -> ClassPaths | None:
    """How the class vectors of `count` images of a run moved, by inverting these again.

    Half of them are images that it classified correctly, half are others, as far as there are so many.

    Returns:
        None if the schedule holds the class vectors.
    """
    from icbench.engine.invert import class_paths

    split = _split(entry, record, options)
    runner = InversionRunner(entry, choose_device(options.device), folder=options.data_dir)
    steps = record.metadata.entry.steps
    if not any(runner.components.schedule.rates(step, steps).class_vector for step in range(steps)):
        return None
    index, _ = _right_and_wrong(record, count)
    path = class_paths(runner.components, split.images, index, settings_of(record, runner.device))
    targets = split.images[index].astype(np.float32) / np.float32(255)
    light_on_dark = entry.dataset.build().light_on_dark
    return ClassPaths(targets, split.labels[index], path, light_on_dark, record.class_names)


def _split(entry: Entry, record: Record, options: Options) -> Split:
    """The split that a run is of."""
    source = Source(entry.dataset.build(), data_folder(options.data_dir), entry.dataset.label)
    return source.split(record.metadata.dataset.split)


@isolate()
def samples(entry: Entry, columns: int, device: str) -> NDArray[np.float32]:
    """The generator's images (K, N, C, H, W) of each class for N noises, the same for every class."""
    from icbench.engine.decode import sample_images

    runner = InversionRunner(entry, choose_device(device))
    return sample_images(runner.components.generator, columns, runner.device).cpu().numpy()
