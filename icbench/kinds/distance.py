"""What a distance is: one differentiable number per image, saying how far a reconstruction is from its target."""

from abc import ABC, abstractmethod
from typing import TypeAlias, final

from torch import Tensor

Features: TypeAlias = Tensor | tuple[Tensor, ...]


class Distance(ABC):
    """A distance between images, split so that a target's features are computed once and not at every step."""

    def features(self, target: Tensor) -> Features:
        """What `compare` needs of the target: once per image. The default is the target itself.

        Args:
            target: (B, C, H, W) in [0, 1].

        Returns:
            a tensor or a tuple of tensors, each with leading dimension B.
        """
        return target

    @abstractmethod
    def compare(self, reconstruction: Tensor, features: Features) -> Tensor:
        """The distances, at every step.

        Args:
            reconstruction: (B, C, H, W) in [0, 1]; the result is differentiable in it.
            features: what `features` returned, row by row for the same images.

        Returns:
            (B,), each depending on its own row only.
        """

    @final
    def __call__(self, reconstruction: Tensor, target: Tensor) -> Tensor:
        """The distances (B,) between two batches of images (B, C, H, W)."""
        return self.compare(reconstruction, self.features(target))
