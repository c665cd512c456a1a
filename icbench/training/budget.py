"""How much a training is evaluated: images, steps and samples, as one object that a trainer may replace."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class InversionBudget:
    """How many images are inverted, and how far.

    Args:
        images: at most; fewer where the split has fewer.
        steps: of an inversion, by the schedule's name.
    """

    images: int
    steps: Mapping[str, int]


@dataclass(frozen=True)
class EvalBudget:
    """What the evaluation of a training's checkpoints may cost.

    Args:
        check: the short inversions that a checkpoint is chosen by; their images are the first of the split, and of the
            `reserved` ones.
        final: the inversions that the chosen weights are measured by, on images that chose nothing.
        full: the inversions that a study holds its figures against, on the same images as `final`.
        reserved: validation images that only choose, if the split has twice as many; of fewer, the first half.
        samples: those that the sample figures are of. A checkpoint's are held against the reserved validation images,
            those of the chosen weights against as many as there are samples.
        differentiated: those of them at which the Jacobian is taken.
        study_checks: the least number of checks of a study: of fewer, a rank correlation says nothing.
        precision: of the generator's products in all of this: "auto", "float32" or "bfloat16".
    """

    check: InversionBudget = InversionBudget(1_000, {"joint": 100, "relaxed": 100, "exhaustive": 20})
    final: InversionBudget = InversionBudget(1_000, {"joint": 200, "relaxed": 200, "exhaustive": 30})
    full: InversionBudget = InversionBudget(2_000, {"joint": 200, "relaxed": 200, "exhaustive": 30})
    reserved: int = 1_000
    samples: int = 3_000
    differentiated: int = 256
    study_checks: int = 20
    precision: str = "float32"

    def choosing_rows(self, images: int) -> slice:
        """The rows of so many validation images that choose a checkpoint: of few, the first half, or the only one."""
        return slice(0, min(self.check.images, self.reserved_rows(images).stop))

    def reserved_rows(self, images: int) -> slice:
        """The rows of so many validation images that may be seen before the checkpoint is chosen."""
        return slice(0, min(self.reserved, (images + 1) // 2))

    def unseen_rows(self, images: int, most: int) -> slice:
        """The rows of so many validation images that choose nothing, `most` at most; none where there is one image."""
        first = self.reserved_rows(images).stop
        return slice(first, min(images, first + most))
