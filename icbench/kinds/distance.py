"""What a distance is: one differentiable number per image, saying how far a reconstruction is from its target."""

from abc import ABC, abstractmethod
from typing import TypeAlias, final

from torch import Tensor

Features: TypeAlias = Tensor | tuple[Tensor, ...]
"""What a distance keeps of B targets, each tensor with leading dimension B."""


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

    def compare_final(self, reconstruction: Tensor, features: Features) -> Tensor:
        """The distances that the class is read from, after the last step. The default is those of the steps.

        A distance that is too dear for every step, or has no useful gradient, can leave the steps to a cheap one. What
        a schedule adds to the steps' distances it adds to these too, so they are to be of about the same size.

        Args:
            reconstruction: (B, C, H, W) in [0, 1]; nothing is differentiated here.
            features: what `features` returned, row by row for the same images.

        Returns:
            (B,), each depending on its own row only.
        """
        return self.compare(reconstruction, features)

    @final
    def __call__(self, reconstruction: Tensor, target: Tensor) -> Tensor:
        """The distances (B,) between two batches of images (B, C, H, W)."""
        return self.compare(reconstruction, self.features(target))


class LeastSquares(Distance):
    """A distance that is half the squared length of residuals, which second-order optimizers linearise.

    Its record declares the trait `least-squares`. The half makes `jacobian.T @ residuals` the gradient of the distance;
    residuals are scaled so that the distance is what it would be without them (`mse` over P pixels: by sqrt(2 / P)).
    """

    @abstractmethod
    def residuals(self, reconstruction: Tensor, features: Features) -> Tensor:
        """The residuals, of whose squares the distance is half the sum.

        Args:
            reconstruction: (B, C, H, W) in [0, 1]; the result is twice differentiable in it by torch's autograd.
            features: what `features` returned, row by row for the same images.

        Returns:
            (B, R), each row depending on its own row only.
        """

    def compare(self, reconstruction: Tensor, features: Features) -> Tensor:
        """Half the squared length of the residuals; overridden where there is a faster or more exact way to say it."""
        return self.residuals(reconstruction, features).square().sum(dim=1) / 2
