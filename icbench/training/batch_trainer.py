"""What trainers that go through batches share: the epoch, its random numbers, and what a checkpoint holds."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from icbench.kinds.dataset import Split
from icbench.training.trainer import Trainer, TrainingJob


class BatchTrainer(Trainer):
    """A trainer that makes a step with each batch; what it draws comes from the seed and the epoch alone.

    `begin` has to build what `trained` names, after `super().begin`; a batch's draws come from `self.random`.
    """

    trained: ClassVar[tuple[str, ...]]
    """The attributes, modules and optimizers, whose state is a checkpoint."""
    losses: ClassVar[tuple[str, ...]]
    """The names of what `train_batch` returns."""
    images_per_batch: int
    """The images that a step learns from."""
    step: int
    """How many steps were made."""
    random: torch.Generator
    """The epoch's own, on the device."""

    def begin(self, split: Split, num_classes: int, job: TrainingJob) -> None:
        self.split, self.num_classes, self.job = split, num_classes, job
        self.step = 0

    @abstractmethod
    def train_batch(self, batch: Any) -> Sequence[Tensor]:
        """Make a step with one of the `batches`; returns its losses, a number each."""

    def batches(self, number: int) -> Collection[Any]:
        """The batches of epoch `number`: rows (B,) of the split in random order, unless a trainer says otherwise."""
        random = torch.Generator().manual_seed(self.job.seed * 7919 + number)
        return full_batches(torch.randperm(len(self.split), generator=random), self.images_per_batch)

    def epoch(self, number: int, on_batch: Callable[[int], None]) -> dict[str, float]:
        self.random = torch.Generator(self.job.device).manual_seed(self.job.seed * 100_003 + number)
        losses = torch.zeros(len(self.losses), device=self.job.device)
        batches = self.batches(number)
        for batch in batches:
            losses += torch.stack(list(self.train_batch(batch))).detach()
            self.step += 1
            on_batch(self.images_per_batch)
        return dict(zip(self.losses, (losses / len(batches)).tolist(), strict=True))

    def state(self) -> dict[str, Any]:
        return {"step": self.step, **{name: getattr(self, name).state_dict() for name in self.trained}}

    def restore(self, state: dict[str, Any]) -> None:
        self.step = state.get("step", 0)  # Of a trainer that counted none there may be checkpoints without it.
        for name in self.trained:
            getattr(self, name).load_state_dict(state[name])


def descend(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    """Make a step of an optimizer against the gradient of a loss."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def full_batches(order: Tensor, size: int) -> Tensor:
    """Rows (S, B) of an epoch's batches.

    Args:
        order: (N,) rows in the order in which they are seen.
        size: B. Rows at the end that fill no batch are left out; fewer rows than one batch are repeated to make one.
    """
    if len(order) < size:
        return order.repeat(-(-size // len(order)))[:size].view(1, size)
    return order[: len(order) // size * size].view(-1, size)
