"""The two ways an entry classifies: by inverting its generator, or directly."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from icbench.compute.devices import choose_precision, torch_dtype
from icbench.engine.targets import Pixels
from icbench.errors import FAULT_HINT, ComponentError, UsageError
from icbench.kinds.dataset import Split
from icbench.kinds.names import INVERSION_KINDS
from icbench.plugins.component import Selection
from icbench.plugins.isolation import isolate
from icbench.records.metadata import ComponentMetadata
from icbench.running.datasets import data_kept_in
from icbench.running.entry import Entry, component_metadata
from icbench.running.options import Options

if TYPE_CHECKING:
    import torch

    from icbench.engine.settings import Settings
    from icbench.kinds.classifier import Classifier

Arrays = dict[str, NDArray[Any]]
Index = NDArray[np.int64]
OnStep = Callable[[float], None]
DIRECT_BATCH = 500


@dataclass(frozen=True)
class Result:
    """What one batch of images came to.

    Args:
        arrays: per image, as in `icbench.engine.result.InversionResult`, by name.
        forward, backward: generator evaluations per image, on average.
    """

    arrays: Arrays
    forward: float
    backward: float


class Runner(ABC):
    """An entry's components, built on a device and ready to classify."""

    entry: Entry
    device: "torch.device"

    @abstractmethod
    def settings(self, options: Options, seed: int) -> "Settings":
        """How images are classified for one of the seeds, as it is asked for and where that says nothing by default.

        Raises:
            UsageError: the device does not have the precision.
        """

    @abstractmethod
    def check(self, images: Pixels, settings: "Settings") -> None:
        """Check the components on the first images (N, C, H, W) of the split.

        Raises:
            ComponentError: one breaks its contract.
        """

    @abstractmethod
    def describe_components(self) -> dict[str, ComponentMetadata]:
        """The components by kind, with what decides numbers and is known only once they are built."""

    def flags(self, split: str) -> list[str]:
        """What a reader of its results on a split has to know."""
        return self.entry.flags(split)

    @property
    def tier(self) -> str:
        """What it knows besides pixels."""
        return self.entry.tier

    def images_per_batch(self, rows: int) -> int:
        """How many images are computed together where so many rows are."""
        return rows

    def expected_evaluations(self, steps: int) -> int:
        """The generator evaluations of an image, as far as is known before it is classified."""
        return 0

    @abstractmethod
    def parameters(self) -> int | None:
        """How many numbers the generator keeps, or None where that is known only after a run."""

    @abstractmethod
    def batch_size(self, images: Pixels, count: int, settings: "Settings") -> int:
        """A good number of rows to compute together in a run of `count` images, measured or known."""

    def batch_bytes(self, rows: int, count: int, settings: "Settings") -> int | None:
        """The bytes that a batch of so many rows takes in a run of `count` images, or None where that is not known."""
        return None

    @abstractmethod
    def prepare(self, settings: "Settings") -> None:
        """Do what has to be done once before images are classified."""

    @abstractmethod
    def results(
        self, images: Pixels, index: Index, settings: "Settings", batch_size: int, on_step: OnStep
    ) -> Iterator[Result]:
        """Classify images[index], batch by batch; `on_step` is told of each step as a number of whole images."""

    def _check_scores(self, kind: str, scores: NDArray[np.float32], expected: tuple[int, int]) -> None:
        """Raise if scores are not one for each image and class."""
        if scores.shape != expected:
            raise ComponentError(
                f"{kind} {self.entry.selections[kind].label} returned scores of shape {scores.shape}, not {expected}",
                FAULT_HINT,
            )


class InversionRunner(Runner):
    """Inverts a generator.

    Args:
        entry: whose components.
        device: where they are.
        num_classes: of the dataset, where the images are of one.
        folder: where fetched data is kept, for a generator that is made of a dataset's images; None takes what
            `data_folder` says.
    """

    @isolate()
    def __init__(
        self, entry: Entry, device: "torch.device", num_classes: int | None = None, folder: Path | None = None
    ) -> None:
        from icbench.engine.prepare import prepare
        from icbench.engine.settings import Components

        self.entry, self.device, self.num_classes = entry, device, num_classes
        with data_kept_in(folder):
            built = {kind: entry.build(kind) for kind in INVERSION_KINDS}
        # Folding rewrites layers for speed; what a generator keeps is what it came with.
        self.kept: int = sum(
            values.numel() for values in (*built["generator"].parameters(), *built["generator"].buffers())
        )
        built["generator"] = prepare(built["generator"], device)
        self.components: Components = Components(**built)

    def settings(self, options: Options, seed: int) -> "Settings":
        steps = self.components.schedule.default_steps if options.steps is None else options.steps
        return make_settings(
            steps, seed, self.device, choose_precision(options.precision, self.device), options.stop_when
        )

    @isolate()
    def check(self, images: Pixels, settings: "Settings") -> None:
        from icbench.engine.preflight.compatibility import check_components

        self._check_classes()
        names = {kind: selection.label for kind, selection in self.entry.selections.items()}
        check_components(self.components, images, settings, names)

    def _check_classes(self) -> None:
        """Hold the generator against the dataset.

        Raises:
            UsageError: the generator has other classes than the dataset.
        """
        made = self.components.generator.num_classes
        if self.num_classes not in (None, made):
            raise UsageError(
                f"generator {self.entry.selections['generator'].label} makes {made} classes, "
                f"{self.entry.dataset.label} has {self.num_classes}",
                "Choose a generator that was trained on this dataset, or on one of as many classes.",
            )

    @isolate()
    def describe_components(self) -> dict[str, ComponentMetadata]:
        found = self.entry.describe_components()
        return {**found, "generator": replace(found["generator"], weights=self.components.generator.weights_digest)}

    def flags(self, split: str) -> list[str]:
        group = self.components.generator.batch_group_size
        seen = self.entry.flags(split, self.components.generator.seen)
        return [*seen, *([f"depends on batch of {group}"] if group > 1 else [])]

    def parameters(self) -> int | None:
        return self.kept

    @isolate()
    def batch_size(self, images: Pixels, count: int, settings: "Settings") -> int:
        from icbench.engine.batch_size import measure_batch_size

        return measure_batch_size(self.components, images, count, settings)

    def prepare(self, settings: "Settings") -> None:
        """Nothing: what inverts is ready once it is built."""

    @isolate()
    def batch_bytes(self, rows: int, count: int, settings: "Settings") -> int | None:
        from icbench.engine.memory import batch_bytes

        hypotheses = self.hypotheses_per_image
        # No batch is larger than the run, nor smaller than an image.
        return batch_bytes(self.components, max(hypotheses, min(rows, count * hypotheses)), settings)

    def images_per_batch(self, rows: int) -> int:
        group = self.components.generator.batch_group_size
        return max(1, rows // self.hypotheses_per_image // group) * group

    @property
    def hypotheses_per_image(self) -> int:
        """How many an image has at the start."""
        return len(self.components.schedule.hypotheses(self.components.generator.class_dim).restart)

    def expected_evaluations(self, steps: int) -> int:
        """As far as is known, if each step has one forward and one backward a hypothesis.

        One more of each hypothesis ends it; what a search for a start takes is not in it.
        """
        schedule, count = self.components.schedule, self.hypotheses_per_image
        return 2 * sum(schedule.survivors(step, steps, count) for step in range(steps)) + count

    def results(
        self, images: Pixels, index: Index, settings: "Settings", batch_size: int, on_step: OnStep
    ) -> Iterator[Result]:
        from icbench.engine.invert import invert
        from icbench.engine.result import PER_IMAGE

        left_out = set() if self._drops(settings.steps) else {"class_dropped_at"}
        left_out |= {"forwards", "backwards"} if settings.stop_when is None else set()
        names = [name for name in PER_IMAGE if name not in left_out]
        batches = invert(self.components, images, index, settings, batch_size, lambda n: on_step(n / settings.steps))
        for batch in batches:
            self._check_scores(
                "schedule", batch.class_scores, (len(batch.index), self.components.generator.num_classes)
            )
            yield Result({name: getattr(batch, name) for name in names}, batch.forward, batch.backward)

    def _drops(self, steps: int) -> bool:
        """Whether the schedule drops hypotheses; only then is it worth keeping when."""
        hypotheses = self.hypotheses_per_image
        return any(self.components.schedule.survivors(step, steps, hypotheses) < hypotheses for step in range(steps))

    @isolate()
    def generate(self, class_vector: NDArray[np.float32], noise: NDArray[np.float32]) -> NDArray[np.float32]:
        """The generator's images for latents (N, K) and (N, Z), in float32."""
        import torch

        from icbench.engine.decode import generate

        first, second = (torch.from_numpy(values).to(self.device) for values in (class_vector, noise))
        with torch.no_grad():
            images = generate(self.components.generator, first, second, torch.float32)
        return images.cpu().numpy()

    def mean_pixel(self) -> float:
        """The mean of the generator's pixels, over one image of each entry."""
        generator = self.components.generator
        noise = np.random.default_rng(0).standard_normal((generator.class_dim, generator.noise_dim), dtype=np.float32)
        return float(self.generate(np.eye(generator.class_dim, dtype=np.float32), noise).mean())


class ClassifierRunner(Runner):
    """Fits a classifier to the training split and asks it; distance and energy do not apply."""

    @isolate()
    def __init__(self, entry: Entry, device: "torch.device", num_classes: int, training: Callable[[], Split]) -> None:
        self.entry, self.device, self.num_classes, self.training = entry, device, num_classes, training
        self.classifier: Classifier = entry.selections["classifier"].build()
        self.fitted = False

    def settings(self, options: Options, seed: int) -> "Settings":
        from icbench.engine.settings import Settings

        return Settings(seed=seed, device=self.device)

    def check(self, images: Pixels, settings: "Settings") -> None:
        """Find classes without training images.

        Raises:
            UsageError: there are some.
        """
        missing = sorted({*range(self.num_classes)} - {*self.training().labels.tolist()})
        if missing:
            raise UsageError(
                f"{self.entry.dataset.label} has no training image of class {', '.join(map(str, missing))}, and a "
                "direct classifier learns from images of each",
                "Choose another dataset.",
            )

    @isolate()
    def describe_components(self) -> dict[str, ComponentMetadata]:
        used = self.classifier.components().items()
        built = {kind: component_metadata(self._require_selection(chosen)).document() for kind, chosen in used}
        found = self.entry.describe_components()["classifier"]
        return {"classifier": replace(found, training_data=self.training().digest, components=built or None)}

    def _require_selection(self, chosen: object) -> Selection:
        """What a classifier says that it is made of.

        Raises:
            ComponentError: it is no selection of a component.
        """
        if isinstance(chosen, Selection):
            return chosen
        label = self.entry.selections["classifier"].label
        raise ComponentError(f"classifier {label} names {chosen!r} as a component, not a Selection", FAULT_HINT)

    @isolate()
    def parameters(self) -> int | None:
        return self.classifier.parameters() if self.fitted else None

    def batch_size(self, images: Pixels, count: int, settings: "Settings") -> int:
        return DIRECT_BATCH

    @isolate()
    def prepare(self, settings: "Settings") -> None:
        """Fit to the training images."""
        import torch

        from icbench.engine.decode import as_target

        known = self.training()
        labels = torch.from_numpy(known.labels).to(self.device)
        self.classifier.fit(as_target(known.images, self.device), labels, self.num_classes, settings.seed)
        self.fitted = True

    def results(
        self, images: Pixels, index: Index, settings: "Settings", batch_size: int, on_step: OnStep
    ) -> Iterator[Result]:
        import torch

        from icbench.engine.decode import as_target

        for begin in range(0, len(index), batch_size):
            rows = index[begin : begin + batch_size]
            with torch.no_grad():
                scores = self.classifier.scores(as_target(images[rows], self.device)).float().cpu().numpy()
            self._check_scores("classifier", scores, (len(rows), self.num_classes))
            yield Result(_direct_arrays(rows, scores), 0, 0)


def make_settings(steps: int, seed: int, device: "torch.device", precision: str, stop_when: float | None) -> "Settings":
    """What the engine takes, with the precision by its name."""
    from icbench.engine.settings import Settings

    return Settings(steps, seed, device, torch_dtype(precision), stop_when, tf32=precision == "tf32")


def _direct_arrays(rows: Index, scores: NDArray[np.float32]) -> Arrays:
    finite = np.isfinite(scores).all(axis=1)
    return {
        "index": rows,
        "prediction": np.where(finite, scores.argmax(axis=1), -1),
        "class_scores": scores,
        "distance": np.full(len(rows), np.nan, np.float32),
        "resets": np.zeros(len(rows), np.int64),
    }
