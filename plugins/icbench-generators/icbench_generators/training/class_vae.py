"""Training of the class VAEs: each class's decoder and encoder head see the images of that class alone."""

import copy
from collections.abc import Sequence
from math import prod

from icbench.kinds.dataset import DataShape
from icbench.kinds.generator import Generator
from icbench.plugins.component import Param
from icbench.training.scoring import Scorer
from torch import Tensor
from torch.nn import functional

from icbench_generators.class_vae import NOISE_DIM, ClassVAE
from icbench_generators.training.vae import VAETrainer, divergence

SEARCH, SEARCH_STEPS = "exhaustive:start=encoder,decay=cosine,noise_rate=2,prior_weight=0", 20
"""How residuals are found: by the inversion that they are made for, without a prior."""


class ClassVAETrainer(VAETrainer):
    """Trains `ClassVAE`.

    Args:
        noise_dim: Z; 0 for the usual.
        weights: not used; training starts from random weights.
        width: of the decoders' last hidden layer.
        options: those of `VAETrainer`.
    """

    options = (
        *VAETrainer.options,
        Param("width", ClassVAE.hidden[-1], "of the decoders' last hidden layer", low=4, high=4096),
    )

    default_epochs = 240
    check_every = 40
    generator: ClassVAE

    def __init__(
        self, noise_dim: int = 0, weights: str = "", width: int = ClassVAE.hidden[-1], **options: float
    ) -> None:
        super().__init__(**options)
        self.noise_dim, self.width = noise_dim or NOISE_DIM, width

    @property
    def schedules(self) -> Sequence[str]:  # type: ignore[override]
        """From the encoder's start, with the prior's weight of the lower bound."""
        weight = 2 * self.noise_dim * self.variance / prod(self.generator.image_shape)
        return (f"exhaustive:start=encoder,decay=cosine,noise_rate=2,prior_weight={weight:.2g}",)

    def build(self, shape: DataShape) -> ClassVAE:
        return ClassVAE(self.noise_dim, shape, self.width)

    def finalize(self, generator: Generator, scorer: Scorer) -> dict[str, Tensor]:
        return {"residuals": scorer.class_residuals(generator, SEARCH, SEARCH_STEPS)}

    def snapshot(self) -> ClassVAE:
        return copy.deepcopy(self.generator).eval()

    def terms(self, images: Tensor) -> tuple[Tensor, ...]:
        features = self.generator.features(images.flatten(0, 1)).unflatten(0, images.shape[:2])
        mean, log_variance = self.generator.posterior(features)
        decoded = self.generator.decode(self.sample(mean, log_variance))
        return functional.mse_loss(decoded, images.flatten(2)), divergence(mean, log_variance)
