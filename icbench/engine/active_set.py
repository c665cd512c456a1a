"""Which hypotheses of each image are still searched with, and what is kept of those that were dropped."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

SEARCHED = -1
"""Stands for the step at which a hypothesis was dropped, where it was not."""


@dataclass(frozen=True, eq=False)
class ActiveSet:
    """The hypotheses of B images: h of H are left.

    Args:
        searched: (B, h), the numbers of the hypotheses that are left, in ascending order.
        dropped_at: (B, H), the step before which each was dropped, or `SEARCHED`.
        energy: (B, H), of those dropped, what they had then.
        class_vector: (B, H, K), likewise.
    """

    searched: Tensor
    dropped_at: Tensor
    energy: Tensor
    class_vector: Tensor

    @classmethod
    def whole(cls, images: int, class_vector: Tensor) -> "ActiveSet":
        """All hypotheses.

        Args:
            images: B.
            class_vector: (H, K), where each hypothesis starts.
        """
        hypotheses, device = len(class_vector), class_vector.device
        return cls(
            searched=torch.arange(hypotheses, device=device).repeat(images, 1),
            dropped_at=torch.full((images, hypotheses), SEARCHED, dtype=torch.int32, device=device),
            energy=torch.zeros(images, hypotheses, device=device),
            class_vector=class_vector.repeat(images, 1, 1),
        )

    @classmethod
    def of_classes(cls, classes: Tensor, class_vector: Tensor, modes: int = 1) -> "ActiveSet":
        """The hypotheses of some classes of each image; the others count as dropped before the first step.

        Args:
            classes: (B, m), as many of each image, none twice.
            class_vector: (H, K), where each hypothesis starts: as many at each entry, and none between them.
            modes: how many entries of the class vector a class has.
        """
        whole = cls.whole(len(classes), class_vector)
        of_class = class_vector.argmax(dim=1) // modes
        is_open = (of_class[None, :, None] == classes[:, None, :]).any(dim=2)
        searched = is_open.nonzero()[:, 1].view(len(classes), -1)
        return replace(whole, searched=searched, dropped_at=torch.where(is_open, whole.dropped_at, 0))

    @property
    def count(self) -> int:
        """h, how many hypotheses of each image are left."""
        return self.searched.shape[1]

    @property
    def total(self) -> int:
        """H, how many there were."""
        return self.dropped_at.shape[1]

    def subset(self, images: Tensor) -> "ActiveSet":
        """The hypotheses of some images, by a mask (B,)."""
        return ActiveSet(self.searched[images], self.dropped_at[images], self.energy[images], self.class_vector[images])

    def keep_best(self, count: int, energy: Tensor, class_vector: Tensor, step: int) -> tuple["ActiveSet", Tensor]:
        """Keep the hypotheses of least energy of each image; an energy that is not a number is the greatest.

        Args:
            count: how many.
            energy, class_vector: (B * h,) and (B * h, K), of those that are left.
            step: the step before which the others are dropped.

        Returns:
            those that are kept, and (B * count,) their rows, in ascending order.
        """
        noted, images = self._note(energy, class_vector), len(self.searched)
        # Sorted, as `searched` is in ascending order.
        best = energy.view(images, -1).topk(count, dim=1, largest=False).indices.sort(dim=1).values
        left = torch.zeros_like(self.searched, dtype=torch.bool).scatter_(1, best, True)
        lost = self.searched[~left].view(images, -1)
        dropped_at = self.dropped_at.scatter(1, lost, torch.full_like(lost, step, dtype=torch.int32))
        first = torch.arange(images, device=best.device)[:, None] * self.count
        kept = replace(noted, searched=self.searched.gather(1, best), dropped_at=dropped_at)
        return kept, (first + best).flatten()

    def merge(self, energy: Tensor, class_vector: Tensor) -> tuple[Tensor, Tensor]:
        """The energies (B, H) and class vectors (B, H, K) of all hypotheses, for those of the ones that are left.

        What was dropped keeps what it had then, but its energy is no less than that of any hypothesis that is left.
        """
        noted = self._note(energy, class_vector)
        worst = energy.view(len(self.searched), -1).amax(dim=1, keepdim=True)
        dropped = self.dropped_at != SEARCHED
        return torch.where(dropped, torch.maximum(noted.energy, worst), noted.energy), noted.class_vector

    def class_dropped_at(self, class_vector: Tensor) -> Tensor:
        """The step (B, K) before which the last hypothesis of each class was dropped, or `SEARCHED`.

        Args:
            class_vector: (H, K), where each hypothesis started; the argmax is its class.
        """
        of_class = class_vector.argmax(dim=1)
        # The last to go is what counts, and what never went goes last.
        never = torch.iinfo(torch.int32).max
        steps = self.dropped_at.masked_fill(self.dropped_at == SEARCHED, never)
        classes = class_vector.shape[1]
        last = torch.full((len(steps), classes), SEARCHED, dtype=torch.int32, device=steps.device)
        last.scatter_reduce_(1, of_class.expand(len(steps), -1), steps, "amax")
        return last.masked_fill(last == never, SEARCHED)

    def _note(self, energy: Tensor, class_vector: Tensor) -> "ActiveSet":
        """The same with the energies (B * h,) and class vectors (B * h, K) of those that are left."""
        images = len(self.searched)
        places = self.searched[:, :, None].expand(-1, -1, class_vector.shape[1])
        return replace(
            self,
            energy=self.energy.to(energy.dtype).scatter(1, self.searched, energy.view(images, -1)),
            class_vector=self.class_vector.scatter(1, places, class_vector.view(*places.shape)),
        )
