"""Which hypotheses of each image are still searched with, and what is kept of those that were dropped."""

import copy
from typing import Any

import torch
from torch import Tensor

SEARCHED = -1
"""Stands for the step at which a hypothesis was dropped, where it was not."""
OWN = ("params", "lr")
"""What each parameter group has for itself; the rate is set anew before each step."""


class ActiveSet:
    """The hypotheses of B images, all of them at first.

    Args:
        images: B.
        class_vector: (H, K), where each hypothesis starts.
    """

    def __init__(self, images: int, class_vector: Tensor) -> None:
        hypotheses, device = len(class_vector), class_vector.device
        self.searched = torch.arange(hypotheses, device=device).repeat(images, 1)
        """(B, h), the numbers of the hypotheses that are left, in ascending order."""
        self.dropped_at = torch.full((images, hypotheses), SEARCHED, dtype=torch.int16, device=device)
        self._energy = torch.zeros(images, hypotheses, device=device)
        self._vectors = class_vector.repeat(images, 1, 1)

    def subset(self, images: Tensor) -> "ActiveSet":
        """The hypotheses of some images (B,)."""
        part = copy.copy(self)
        part.searched, part.dropped_at = self.searched[images], self.dropped_at[images]
        part._energy, part._vectors = self._energy[images], self._vectors[images]
        return part

    @property
    def count(self) -> int:
        """How many hypotheses of each image are left."""
        return self.searched.shape[1]

    def keep(self, count: int, energy: Tensor, vectors: Tensor, step: int) -> Tensor:
        """Keep the hypotheses of least energy of each image; an energy that is not a number is the greatest.

        Args:
            count: how many.
            energy, vectors: (B * h,) and (B * h, K), of those that are left.
            step: the step before which the others are dropped.

        Returns:
            (B * count,) the rows that are kept, in ascending order.
        """
        self._note(energy, vectors)
        images = len(self.searched)
        best = energy.view(images, -1).topk(count, dim=1, largest=False).indices.sort(dim=1).values
        left = torch.zeros_like(self.searched, dtype=torch.bool).scatter_(1, best, True)
        lost = self.searched[~left].view(images, -1)
        self.dropped_at.scatter_(1, lost, torch.full_like(lost, step, dtype=torch.int16))
        first = torch.arange(images, device=best.device)[:, None] * self.count
        self.searched = self.searched.gather(1, best)
        return (first + best).flatten()

    def whole(self, energy: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """The energies (B, H) and class vectors (B, H, K) of all hypotheses, for those of the ones that are left.

        What was dropped keeps what it had then, but its energy is no less than that of any hypothesis that is left.
        """
        self._note(energy, vectors)
        worst = energy.view(len(self.searched), -1).amax(dim=1, keepdim=True)
        dropped = self.dropped_at != SEARCHED
        return torch.where(dropped, torch.maximum(self._energy, worst), self._energy), self._vectors

    def class_dropped_at(self, class_vector: Tensor) -> Tensor:
        """The step (B, K) before which the last hypothesis of each class was dropped, or `SEARCHED`.

        Args:
            class_vector: (H, K), where each hypothesis started; the argmax is its class.
        """
        of_class = class_vector.argmax(dim=1)
        # The last to go is what counts, and what never went goes last.
        never = torch.iinfo(torch.int16).max
        steps = self.dropped_at.masked_fill(self.dropped_at == SEARCHED, never)
        classes = class_vector.shape[1]
        last = torch.full((len(steps), classes), SEARCHED, dtype=torch.int16, device=steps.device)
        last.scatter_reduce_(1, of_class.expand(len(steps), -1), steps, "amax")
        return last.masked_fill(last == never, SEARCHED)

    def _note(self, energy: Tensor, vectors: Tensor) -> None:
        self._energy = self._energy.to(energy.dtype).scatter(1, self.searched, energy.view(len(self.searched), -1))
        places = self.searched[:, :, None].expand(-1, -1, vectors.shape[1])
        self._vectors = self._vectors.scatter(1, places, vectors.view(*places.shape))


def transfer_state(old: torch.optim.Optimizer, new: torch.optim.Optimizer, rows: Tensor) -> None:
    """Let a fresh optimizer over some rows go on where one over all of them was.

    What the old one keeps for a latent, a group or all goes over: of tensors with a row for each of the latent's
    the chosen rows, all else as it is.

    Args:
        old, new: with the same parameter groups, over latents (N, ...) and (len(rows), ...).
        rows: the places in N.
    """
    new.state.update({key: kept for key, kept in old.state.items() if not isinstance(key, Tensor)})
    for before, after in zip(old.param_groups, new.param_groups, strict=True):
        count = len(before["params"][0])
        after.update({name: _of_rows(kept, rows, count) for name, kept in before.items() if name not in OWN})
        for latent, chosen in zip(before["params"], after["params"], strict=True):
            if latent in old.state:
                new.state[chosen] = _of_rows(dict(old.state[latent]), rows, len(latent))


def _of_rows(value: Any, rows: Tensor, count: int) -> Any:
    if isinstance(value, Tensor):
        return value[rows].clone() if value.ndim and len(value) == count else value
    if isinstance(value, dict):
        return {name: _of_rows(inner, rows, count) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_of_rows(inner, rows, count) for inner in value)
    return value
