"""What a direct classifier is: a baseline that is fitted to training images and inverts nothing."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor


class Classifier(ABC):
    """Classifies images without a generator; ranked beside the inversions on the same images."""

    @abstractmethod
    def fit(self, images: Tensor, labels: Tensor, num_classes: int, seed: int) -> None:
        """Learn from the training split, on the device that the tensors are on.

        Args:
            images: (N, C, H, W) float32 in [0, 1].
            labels: (N,) int64 in [0, K).
            num_classes: K.
            seed: of anything that is drawn; the same seed gives the same classifier.
        """

    @abstractmethod
    def scores(self, images: Tensor) -> Tensor:
        """Class scores (B, K) of images (B, C, H, W) in [0, 1]; the argmax is the prediction. Rows are independent."""

    def components(self) -> Mapping[str, object]:
        """The components that it has built for itself, by kind: their code decides its scores as well.

        Each is what it was built from, an `icbench.plugins.component.Selection`.
        """
        return {}

    def parameters(self) -> int:
        """How many numbers the fitted classifier keeps."""
        return 0
