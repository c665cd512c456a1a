"""What a generator is: a differentiable map from a class vector and noise to images."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Generator(nn.Module, ABC):
    """A class-conditional generator, ready for inversion.

    The factory of a generator component returns one with its weights loaded. The engine then moves it to the device,
    puts it in eval mode and freezes it; a batch statistic would make an image depend on its batch mates.
    """

    num_classes: int
    """How many classes there are."""
    modes_per_class: int = 1
    """How many entries of the class vector each class has: entry e is of class e // modes_per_class. Above 1, a
    class vector says which mode of each class an image is made of, and a class's share is the sum over its modes."""
    noise_dim: int
    """Z, the length of the noise vector; may be 0."""
    image_shape: tuple[int, int, int]
    """(C, H, W) of the images."""
    batch_group_size: int = 1
    """How many rows depend on each other: rows g * batch_group_size and on, for each g. Above 1, the engine always
    gives an image the same mates, every table says so, and the component declares the trait `batch-dependent`."""
    weights_digest: str = ""
    """SHA-256 of the weights file, or empty when the weights are not from a file."""
    seen: tuple[str, ...] | None = None
    """What the weights were fitted to and chosen by, as traits say it of a component (`trained-on:mnist/train`), where
    their training record tells; None where it does not. The component's traits hold then, unless its weights are found
    by dataset: what they were trained on is unknown."""

    @property
    def class_dim(self) -> int:
        """K, the length of the class vector."""
        return self.num_classes * self.modes_per_class

    @abstractmethod
    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        """Images for the latents.

        Args:
            class_vector: (B, K), on the simplex or near it.
            noise: (B, Z).

        Returns:
            (B, C, H, W) in [0, 1].
        """

    def encode(self, images: Tensor) -> Tensor | None:
        """Where inversions may start: the noise that makes each class's image most like the given one, or nearly so.

        Offered by generators that were trained with an encoder. The default offers none.

        Args:
            images: (B, C, H, W) in [0, 1].

        Returns:
            (B, K, Z), each row depending on its own image only; or None.
        """
        return None

    def encode_starts(self, images: Tensor, count: int) -> Tensor | None:
        """Where several inversions may start: for each class the `count` best noises that are found, the best first.

        Offered by generators that know several good starts, as one that keeps exemplars. The default offers none;
        then further starts are drawn beside the one that `encode` finds.

        Args:
            images: (B, C, H, W) in [0, 1].
            count: how many of each class; where there are fewer, some come again.

        Returns:
            (B, K, count, Z), each row depending on its own image only; or None.
        """
        return None

    def error_calibration(self, class_vector: Tensor) -> tuple[Tensor, Tensor] | None:
        """What a squared error says of a class, given how large it usually is there: a factor on it and a summand.

        A class that is always reconstructed closely has a large factor and a small summand: with Gaussian residuals of
        variance v the error counts by 1 / v, and log v is added. Used by schedules that calibrate, with `mse`. The
        default knows nothing of its residuals.

        Args:
            class_vector: (B, K), on the simplex.

        Returns:
            (B,) and (B,), each row of its own class vector only; or None.
        """
        return None

    def mean_and_spread(self, class_vector: Tensor, noise: Tensor) -> tuple[Tensor, Tensor] | None:
        """The images of `forward` where each is a mean of several, and how far those are spread around it.

        With the spread added, the squared error of a mean is the mean of the squared errors: what several draws say of
        a class, and not only their mean. Used by schedules that calibrate, with `mse`. The default has one image alone.

        Args:
            class_vector: (B, K), on the simplex or near it.
            noise: (B, Z).

        Returns:
            (B, C, H, W) as of `forward`, and the variance (B,), mean over pixels, each row of its own latents only; or
            None. Both are differentiable in the latents.
        """
        return None

    def fold(self) -> None:
        """Rewrite the layers for inference without changing the result, for example by folding BatchNorm.

        Called once, in eval mode. The default does nothing.
        """
