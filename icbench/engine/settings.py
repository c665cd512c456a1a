"""What an inversion is given besides images: its four components, and how to run them."""

from dataclasses import dataclass

import torch

from icbench.kinds.distance import Distance
from icbench.kinds.generator import Generator
from icbench.kinds.optimizer import Optimizer
from icbench.kinds.schedule import Schedule


@dataclass(frozen=True)
class Components:
    """The four components of an inversion, built."""

    generator: Generator
    distance: Distance
    optimizer: Optimizer
    schedule: Schedule


@dataclass(frozen=True)
class Settings:
    """How to invert.

    Args:
        steps: optimizer steps per hypothesis; without any, the starts are scored.
        seed: the seed of the noise starts.
        device: where.
        precision: the type of the generator's products, `torch.float32` or `torch.bfloat16`.
        tf32: whether CUDA may take products of float32 in TF32 in the steps; results are scored in float32 anyway.
        stop_when: an image is done once its last steps gained no more than this share of what all have gained (see
            `icbench.engine.early_stopping.EarlyStopping`); None makes all steps.
    """

    steps: int = 0
    seed: int = 0
    device: torch.device = torch.device("cpu")
    precision: torch.dtype = torch.float32
    stop_when: float | None = None
    tf32: bool = False

    @property
    def precision_name(self) -> str:
        """The precision as `--precision` says it."""
        return "tf32" if self.tf32 else str(self.precision).removeprefix("torch.")
