"""A training that takes no time: a toy generator that is told its classes' patterns, more of them each epoch."""

from collections.abc import Callable
from typing import Any

import torch
from toy import LinearGenerator, patterns

from icbench import Component, hookimpl
from icbench.kinds.dataset import Split
from icbench.training.budget import EvalBudget, InversionBudget
from icbench.training.loop import TrainingObserver
from icbench.training.trainer import Trainer, TrainingJob

SMALL = EvalBudget(
    check=InversionBudget(20, {"joint": 4, "exhaustive": 2}),
    final=InversionBudget(20, {"joint": 2, "exhaustive": 1}),
    full=InversionBudget(25, {"joint": 6, "exhaustive": 3}),
    reserved=20,
    samples=200,
    differentiated=20,
)
"""Of thousands of samples and hundreds of steps most of the time would be that a toy trains for."""


class ToyTrainer(Trainer):
    default_epochs = 3
    budget = SMALL

    def begin(self, split: Split, num_classes: int, job: TrainingJob) -> None:
        self.done = 0
        self.wrong = torch.rand(patterns().shape, generator=torch.Generator().manual_seed(job.seed))

    def epoch(self, number: int, on_batch: Callable[[int], None]) -> dict[str, float]:
        self.done = number + 1
        return {"loss": 1 / self.done}

    def snapshot(self) -> LinearGenerator:
        generator = LinearGenerator()
        generator.patterns = patterns().lerp(self.wrong, 1 / (1 + self.done))
        return generator

    def state(self) -> dict[str, Any]:
        return {"done": self.done}

    def restore(self, state: dict[str, Any]) -> None:
        self.done = state["done"]


class Stop(TrainingObserver):
    """Interrupts a training as an epoch begins."""

    def __init__(self, after: int) -> None:
        self.after = after

    def begin_epoch(self, number: int, images: int) -> None:
        if number == self.after:
            raise KeyboardInterrupt


@hookimpl
def icbench_generators():
    yield Component("learner", "toy:LinearGenerator", "learns the patterns", trainer="toy_training:ToyTrainer")
