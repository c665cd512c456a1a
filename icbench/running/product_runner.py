"""How a product of experts classifies: its members in turn, dear ones only where cheap ones are in doubt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from icbench.compute.devices import choose_precision
from icbench.engine.targets import Pixels
from icbench.errors import ComponentError, UsageError
from icbench.kinds.names import TIERS
from icbench.kinds.product import Fit, Member, Product
from icbench.plugins.isolation import isolate
from icbench.plugins.manager import plugin_manager
from icbench.records.metadata import ComponentMetadata
from icbench.running.entry import Entry, dataset_key
from icbench.running.options import Options
from icbench.running.runners import Index, InversionRunner, OnStep, Result, Runner, make_settings
from icbench.statistics import Combination

if TYPE_CHECKING:
    import torch

    from icbench.engine.settings import Settings

LEAST = 1e-12
"""Energies that are taken the logarithm of count as no less."""


@dataclass(frozen=True)
class Evidence:
    """What members say of images.

    Args:
        energies: (N, K, M), of each class and member, in the member's form; infinite where it was not asked.
        asked: (N,), how many members were asked.
        log_probabilities: (N, K).
        finite: (N,), whether all that was computed is a finite number.
        forwards, backwards: (N,), generator evaluations.
    """

    energies: NDArray[np.float64]
    asked: NDArray[np.int32]
    log_probabilities: NDArray[np.float64]
    finite: NDArray[np.bool_]
    forwards: NDArray[np.float64]
    backwards: NDArray[np.float64]

    @classmethod
    def none(cls, images: int, classes: int, members: int) -> "Evidence":
        """That of no member."""
        return cls(
            energies=np.full((images, classes, members), np.inf),
            asked=np.zeros(images, np.int32),
            log_probabilities=np.full((images, classes), -np.log(classes)),
            finite=np.ones(images, bool),
            forwards=np.zeros(images),
            backwards=np.zeros(images),
        )

    def select(self, images: NDArray[np.intp]) -> "Evidence":
        """That of some images (M,)."""
        return Evidence(**{name: values[images] for name, values in vars(self).items()})

    def put(self, images: NDArray[np.intp], found: "Evidence") -> "Evidence":
        """The same with what is now known of some images (M,)."""
        changed = {name: values.copy() for name, values in vars(self).items()}
        for name, values in vars(found).items():
            changed[name][images] = values
        return Evidence(**changed)

    def undecided(self, number: int, member: Member) -> NDArray[np.intp]:
        """The images (M,) that a member is asked about, `number` being its place: those that all before it were."""
        # By the place, and not by how often others were asked: an image's result is to depend on no batch mate.
        is_open = self.finite & (self.asked == number)
        if number and member.sure is not None:
            is_open &= self.log_probabilities.max(axis=1) < np.log(member.sure)
        return np.flatnonzero(is_open)

    def open_classes(self, number: int, images: NDArray[np.intp], member: Member) -> NDArray[np.int64] | None:
        """The classes (M, m) that a member is asked about, in ascending order; None where that is all."""
        if number == 0 or member.classes in (0, self.log_probabilities.shape[1]):
            return None
        best = np.argsort(-self.log_probabilities[images], axis=1, kind="stable")[:, : member.classes]
        return np.sort(best, axis=1)


class ProductRunner(Runner):
    """Asks the members of a product, and adds up what they say.

    Args:
        entry: whose product.
        device: where it computes.
        num_classes: of the dataset.
        folder: where fetched data is kept, as for `InversionRunner`.
        fitted: whether its numbers are needed; without, only `ask` can be called.

    Raises:
        UsageError: it has no numbers for the dataset.
    """

    @isolate()
    def __init__(
        self, entry: Entry, device: "torch.device", num_classes: int, folder: Path | None = None, fitted: bool = True
    ) -> None:
        self.entry, self.device, self.num_classes = entry, device, num_classes
        self.product: Product = entry.build("product")
        if fitted and self.product.fit is None:
            name = entry.selections["product"].name
            raise UsageError(
                f"product {name} has no numbers for {entry.dataset.label}",
                f"Fit them: `icbench fit {name} --dataset {entry.dataset.label} --out FILE`.",
            )
        manager = plugin_manager()
        self.runners: list[InversionRunner] = []
        for member in self.product.members:
            chosen = {kind: manager.select(kind, spec) for kind, spec in member.specs.items()}
            self.runners.append(InversionRunner(Entry(chosen, entry.dataset), device, num_classes, folder))

    @property
    def fit(self) -> Fit:
        """Its numbers."""
        assert self.product.fit is not None
        return self.product.fit

    @property
    def tier(self) -> str:
        """The highest of its members'."""
        return max((runner.tier for runner in self.runners), key=TIERS.index)

    def settings(self, options: Options, seed: int) -> "Settings":
        """How it is run; its members have steps of their own, of which the sum is told.

        Raises:
            UsageError: steps are asked for, or to stop early, or the device does not have the precision.
        """
        if options.steps is not None or options.stop_when is not None:
            raise UsageError(
                f"{self.entry.label} says itself how many steps its members make",
                "Leave --steps and --stop-when out, or run a member alone.",
            )
        steps = sum(self._steps(number) for number in range(len(self.runners)))
        return make_settings(steps, seed, self.device, choose_precision(options.precision, self.device), None)

    def _steps(self, number: int) -> int:
        own = self.product.members[number].steps
        return own if own >= 0 else self.runners[number].components.schedule.default_steps

    def _settings_of(self, number: int, settings: "Settings") -> "Settings":
        return replace(settings, steps=self._steps(number))

    def check(self, images: Pixels, settings: "Settings") -> None:
        from icbench.engine.invert import check_separable

        for number, (member, runner) in enumerate(zip(self.product.members, self.runners, strict=True)):
            runner.check(images, self._settings_of(number, settings))
            if member.classes:
                generator, schedule = runner.components.generator, runner.components.schedule
                check_separable(schedule.hypotheses(generator.class_dim), generator.batch_group_size)
        widths = {len(stage.offsets) for stage in self.fit.stages} if self.product.fit else {self.num_classes}
        if widths != {self.num_classes}:
            raise ComponentError(
                f"the numbers of {self.entry.label} are for {max(widths)} classes, "
                f"{self.entry.dataset.label} has {self.num_classes}",
                "Fit them for this dataset: `icbench fit`.",
            )

    @isolate()
    def describe_components(self) -> dict[str, ComponentMetadata]:
        found = self.entry.describe_components()["product"]
        members = {
            member.name: {
                **{kind: each.document() for kind, each in runner.describe_components().items()},
                **{name: value for name, value in vars(member).items() if name not in ("name", *member.specs)},
            }
            for member, runner in zip(self.product.members, self.runners, strict=True)
        }
        digest = "" if self.product.fit is None else self.fit.digest
        return {"product": replace(found, weights=digest, components=members)}

    def flags(self, split: str) -> list[str]:
        """Those of its members, and what it was fitted to."""
        told = dict.fromkeys(flag for runner in self.runners for flag in runner.flags(split))
        own = f"{dataset_key(self.entry.dataset.spec)}/{split}"
        where = "these images" if self.fit.fitted_on == own else self.fit.fitted_on.rpartition("/")[2] + " images"
        return [*told, f"fitted to labels of {where}"]

    def parameters(self) -> int | None:
        """Those of all members; of members with the same weights, those of the largest."""
        kept: dict[str, int] = {}
        for number, runner in enumerate(self.runners):
            weights = runner.components.generator.weights_digest or f"member {number}"
            kept[weights] = max(runner.kept, kept.get(weights, 0))
        return sum(kept.values())

    def images_per_batch(self, rows: int) -> int:
        return self.runners[0].images_per_batch(rows)

    @isolate()
    def batch_size(self, images: Pixels, count: int, settings: "Settings") -> int:
        """The smallest that is good for a member: all have the same."""
        return min(
            runner.batch_size(images, count, self._settings_of(number, settings))
            for number, runner in enumerate(self.runners)
        )

    def prepare(self, settings: "Settings") -> None:
        """Nothing: its numbers were fitted before."""

    def results(
        self, images: Pixels, index: Index, settings: "Settings", batch_size: int, on_step: OnStep
    ) -> Iterator[Result]:
        at_once = self.images_per_batch(batch_size)
        for begin in range(0, len(index), at_once):
            rows = index[begin : begin + at_once]
            found = Evidence.none(len(rows), self.num_classes, len(self.runners))
            for number in range(len(self.runners)):
                found = self.ask(number, found, images, rows, settings, batch_size)
                found = self.combine(number, found, self.fit.stages[number])
            on_step(len(rows))
            yield _result(rows, found)

    def ask(
        self, number: int, found: Evidence, images: Pixels, index: Index, settings: "Settings", batch_size: int
    ) -> Evidence:
        """Ask a member about the images (N,) in `index`, and the classes, that it is to be asked about.

        Args:
            number: which member.
            found: of those before it.
            images: (N, C, H, W), a whole split.
            index: (N,), in ascending order.
            settings: the run's.
            batch_size: rows computed together.
        """
        from icbench.engine.invert import invert

        member, runner = self.product.members[number], self.runners[number]
        chosen = found.undecided(number, member)
        if not len(chosen):
            return found
        classes = found.open_classes(number, chosen, member)
        batches = list(
            invert(
                runner.components,
                images,
                index[chosen],
                self._settings_of(number, settings),
                batch_size,
                classes=classes,
            )
        )
        scores = np.concatenate([batch.class_scores for batch in batches])
        runner._check_scores("schedule", scores, (len(chosen), self.num_classes))
        return self._with_member(found, number, chosen, classes, scores.astype(np.float64), batches)

    def _with_member(
        self,
        found: Evidence,
        number: int,
        chosen: NDArray[np.intp],
        classes: NDArray[np.int64] | None,
        scores: NDArray[np.float64],
        batches: Sequence[Any],
    ) -> Evidence:
        """The evidence with what a member said of some images and classes."""
        energies, finite = found.energies.copy(), found.finite.copy()
        asked, forwards, backwards = found.asked.copy(), found.forwards.copy(), found.backwards.copy()
        told = -scores
        if self.product.members[number].form == "log":
            told = np.log(np.maximum(told, LEAST))
        if classes is not None:
            is_open = np.zeros(scores.shape, bool)
            np.put_along_axis(is_open, classes, True, axis=1)
            told = np.where(is_open, told, np.inf)
        energies[chosen, :, number] = told
        predictions = np.concatenate([batch.prediction for batch in batches])
        finite[chosen] &= (predictions >= 0) & ~np.isnan(told).any(axis=1)
        asked[chosen] += 1
        forwards[chosen] += np.concatenate([batch.forwards for batch in batches])
        backwards[chosen] += np.concatenate([batch.backwards for batch in batches])
        return replace(found, energies=energies, finite=finite, asked=asked, forwards=forwards, backwards=backwards)

    def combine(self, number: int, found: Evidence, stage: Combination) -> Evidence:
        """The log probabilities once a member, and all before it, are asked.

        What the members before it make of all classes stays; the probability that they leave to the open classes is
        divided among these anew.
        """
        rows = np.flatnonzero((found.asked == number + 1) & found.finite)
        if not len(rows):
            return found
        energies = found.energies[rows, :, : number + 1]
        is_open = np.isfinite(energies).all(axis=2)
        before = found.log_probabilities[rows]
        left = np.log(np.where(is_open, np.exp(before), 0).sum(axis=1, keepdims=True))
        after = np.where(is_open, stage.log_probabilities(energies) + left, before)
        log_probabilities = found.log_probabilities.copy()
        log_probabilities[rows] = after
        return replace(found, log_probabilities=log_probabilities)


def _result(index: Index, found: Evidence) -> Result:
    scores = np.where(found.finite[:, None], found.log_probabilities, np.nan).astype(np.float32)
    arrays = {
        "index": index,
        "prediction": np.where(found.finite, found.log_probabilities.argmax(axis=1), -1),
        "class_scores": scores,
        "distance": np.full(len(index), np.nan, np.float32),
        "resets": np.zeros(len(index), np.int64),
        "asked": found.asked,
        "forwards": found.forwards.astype(np.int32),
        "backwards": found.backwards.astype(np.int32),
    }
    return Result(arrays, float(found.forwards.mean()), float(found.backwards.mean()))
