"""Training of the class blocks: class VAEs whose codes are points on a simplex."""

from icbench.kinds.dataset import DataShape
from icbench.kinds.generator import Generator
from icbench.training.scoring import Scorer
from torch import Tensor

from icbench_generators.class_block import ClassBlock
from icbench_generators.training.class_vae import ClassVAETrainer
from icbench_generators.training.vae import VAETrainer


class ClassBlockTrainer(ClassVAETrainer):
    """Trains `ClassBlock`, each class's decoder on its images alone, with a logistic normal posterior of the code.

    A code is the softmax of normal numbers, whose divergence from N(0, 1) is that of the codes (Srivastava and Sutton
    2017).

    Args:
        types: entries of a block.
        weights: not used; training starts from random weights.
        options: those of `VAETrainer`.
    """

    default_epochs = 120
    schedules = ("relaxed:simplex_map=mirror",)
    generator: ClassBlock

    options = VAETrainer.options

    def __init__(self, types: int = 16, weights: str = "", **options: float) -> None:
        super().__init__(**options)
        self.types = types

    def build(self, shape: DataShape) -> ClassBlock:
        return ClassBlock(self.types, shape)

    def finalize(self, generator: Generator, scorer: Scorer) -> dict[str, Tensor]:
        """Nothing: there is no noise to search, and so no residual of a class alone."""
        return {}

    def sample(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return super().sample(mean, log_variance).softmax(dim=-1)
