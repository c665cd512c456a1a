"""Images that need not be of any dataset, inverted with an entry: what the images' dataset says of them is used."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from icbench.compute.devices import choose_device
from icbench.errors import UsageError
from icbench.images.preprocessing import Preprocessing
from icbench.kinds.dataset import Split
from icbench.plugins.isolation import isolate
from icbench.plugins.manager import PluginManager
from icbench.running.datasets import Source, data_folder, learned_dataset
from icbench.running.entry import Entry
from icbench.running.execute import entries_from_specs
from icbench.running.options import Options, check_options
from icbench.running.runners import InversionRunner

if TYPE_CHECKING:
    from icbench.engine.snapshots import ClassBests, Snapshot
    from icbench.engine.targets import Pixels

AnyRows = TypeVar("AnyRows", "ClassBests", "Snapshot")

TOGETHER = 640
"""Hypotheses that are inverted together where there are several images."""
FEW = 32
"""Up to how many hypotheses one thread is faster than several, which wait for each other."""
STAGES = (0.0, 0.02, 0.06, 0.15, 0.4, 1.0)
"""The shares of all steps whose reconstructions tell of an inversion in a row."""
FRAMES = 48
"""How many pictures tell of it as a film."""


@dataclass(frozen=True)
class InvertedImage:
    """What the inversion of one image found.

    Args:
        prediction: the class, or -1 where a distance was not finite.
        class_scores: (classes,), whose argmax is the prediction.
        distance, energy: of the winner.
        bests: (1, classes), the best of each class.
        snapshots: on the way, of one image each.
        nfe: generator evaluations.
    """

    prediction: int
    class_scores: NDArray[np.float32]
    distance: float
    energy: float
    bests: "ClassBests"
    snapshots: "list[Snapshot]"
    nfe: float

    @property
    def ranking(self) -> list[int]:
        """The classes from the best score on; scores that are no numbers come last."""
        scores = np.nan_to_num(self.class_scores.astype(np.float64), nan=-np.inf)
        return [int(label) for label in np.argsort(-scores, kind="stable")]

    @property
    def reads_shares(self) -> bool:
        """Whether the scores are shares of a class vector, and not energies by another name."""
        return bool((self.class_scores >= 0).all() and abs(float(self.class_scores.sum()) - 1) < 1e-3)


def entry_for_images(manager: PluginManager, specs: Mapping[str, str], lr: float | None) -> tuple[Entry, bool]:
    """The entry that specs by kind ask for, and whether its dataset is known: given, or what the generator learned.

    Raises:
        UsageError: a spec does not fit what is registered.
    """
    entry = entries_from_specs(manager, {kind: [spec] for kind, spec in specs.items()}, lr)[0]
    if "dataset" in specs:
        return entry, True
    dataset = learned_dataset(manager, entry.selections["generator"])
    return (entry, False) if dataset is None else (replace(entry, dataset=dataset), True)


def frames_of(steps: int) -> set[int]:
    """After which of all steps a film has a picture: more of them early, when more happens."""
    return {round(steps * share**1.5) for share in np.linspace(0, 1, FRAMES)} | stages_of(steps)


def stages_of(steps: int) -> set[int]:
    """After which of all steps there is a stage."""
    return {round(steps * share) for share in STAGES}


class ImageInverter:
    """An entry made ready to invert any images.

    Args:
        entry: what inverts.
        known: whether its dataset is that of the images.
        options: of them, steps, seed, device, precision and the data folder.
    """

    def __init__(self, entry: Entry, known: bool, options: Options) -> None:
        check_options(options)
        self.entry, self.known = entry, known
        self.source = Source(entry.dataset.build(), data_folder(options.data_dir), entry.dataset.label)
        classes = self.source.dataset.num_classes if known else None
        self.runner = InversionRunner(entry, choose_device(options.device), classes, options.data_dir)
        self.settings = self.runner.settings(options, options.seeds[0])

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the generator's images."""
        return self.runner.components.generator.image_shape

    @cached_property
    def hypotheses(self) -> int:
        """How many an image has."""
        return self.runner.hypotheses_per_image

    @property
    def light_on_dark(self) -> bool:
        """Whether images are known to be light on dark."""
        return self.known and self.source.dataset.light_on_dark

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the dataset calls its classes; empty where it is not known or has no names."""
        return self.source.dataset.class_names if self.known else ()

    def preprocessing(self, method: str | None, invert_colours: str) -> Preprocessing:
        """As asked for, or as the dataset has it where nothing is."""
        own = self.source.dataset.preprocessing if self.known else "resize"
        return Preprocessing(method or own, invert_colours, self.light_on_dark)

    def split(self, name: str) -> Split:
        """A split of the dataset.

        Raises:
            UsageError: it is not known which.
        """
        if not self.known:
            raise UsageError(
                f"generator {self.entry.selections['generator'].label} does not say what it was trained on",
                "Name the images' --dataset.",
            )
        return self.source.split(name)

    def check(self, images: "Pixels") -> None:
        """Check the components on the first images (N, C, H, W).

        Raises:
            ComponentError: one breaks its contract.
        """
        self.runner.check(images, self.settings)

    def invert(
        self,
        images: "Pixels",
        index: Sequence[int],
        due: set[int],
        on_snapshot: "Callable[[Snapshot], None]" = lambda snapshot: None,
    ) -> Iterator[InvertedImage]:
        """Invert images[index], a few at a time.

        Args:
            images: (N, C, H, W), all that there are; a position seeds its image's start.
            index: which of them, in ascending order.
            due: after how many steps there is a snapshot.
            on_snapshot: called with each, of all images that are inverted together.
        """
        together = max(1, TOGETHER // self.hypotheses)
        for begin in range(0, len(index), together):
            yield from self._invert(images, np.array(index[begin : begin + together]), due, on_snapshot)

    @isolate()
    def _invert(
        self, images: "Pixels", index: NDArray[np.int64], due: set[int], on_snapshot: "Callable[[Snapshot], None]"
    ) -> list[InvertedImage]:
        from icbench.engine.preflight.trial import one_thread
        from icbench.engine.snapshots import invert_watched

        snapshots: list[Snapshot] = []

        def see(snapshot: "Snapshot") -> None:
            snapshots.append(snapshot)
            on_snapshot(snapshot)

        with one_thread() if len(index) * self.hypotheses <= FEW else nullcontext():
            result, bests = invert_watched(self.runner.components, images, index, self.settings, due, see)
        return [
            InvertedImage(
                prediction=int(result.prediction[row]),
                class_scores=result.class_scores[row],
                distance=float(result.distance[row]),
                energy=float(result.energy[row]),
                bests=_row(bests, row),
                snapshots=[_row(snapshot, row) for snapshot in snapshots],
                nfe=float(result.forwards[row] + result.backwards[row]),
            )
            for row in range(len(index))
        ]


def _row(rows: AnyRows, row: int) -> AnyRows:
    """The same of one image alone."""
    arrays: dict[str, Any] = {
        name: array[row : row + 1] for name, array in vars(rows).items() if isinstance(array, np.ndarray)
    }
    return replace(rows, **arrays)
