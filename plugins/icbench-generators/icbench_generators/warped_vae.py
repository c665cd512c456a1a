"""Class VAEs whose images are warped: a small displacement field beside each decoder's code."""

import torch
from icbench.kinds.generator import Generator
from torch import Tensor

from icbench_generators.class_vae import ClassVAE, load_class_vae
from icbench_generators.deformable import look_up, smooth_fields


class WarpedVAE(Generator):
    """Decoders of class VAEs, followed by a smooth displacement field.

    The first entries of the noise are the code of a class's decoder, the others the coefficients of a field, as those
    of `Deformable`. A decoder of few numbers draws what images of a class have in common; the field moves its strokes
    to where those of the image are.

    Args:
        vae: the class VAEs.
        grid: control points of the field along each axis.
        scale: standard deviation of a displacement, in pixels.
        reach: over how many pixels displacements are alike.
    """

    fields: Tensor
    """(G * G, H * W), the displacements along an axis that each of its coefficients stands for, in pixels."""

    def __init__(self, vae: ClassVAE, grid: int = 7, scale: float = 2.0, reach: float = 4.0) -> None:
        super().__init__()
        self.vae = vae
        self.num_classes, self.image_shape = vae.num_classes, vae.image_shape
        self.register_buffer("fields", smooth_fields(vae.image_shape[1:], grid, scale, reach))
        self.noise_dim = vae.noise_dim + 2 * len(self.fields)

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        images = self.vae(class_vector, noise[:, : self.vae.noise_dim])
        with torch.autocast(noise.device.type, enabled=False):
            coefficients = noise[:, self.vae.noise_dim :].to(self.fields.dtype).unflatten(1, (2, -1))
            displacements = (coefficients @ self.fields).unflatten(2, self.image_shape[1:])
            return look_up(images.to(self.fields.dtype), displacements, "bilinear")

    def encode(self, images: Tensor) -> Tensor:
        """The code (B, K, Z) that each class's encoder finds for images (B, C, H, W), with no displacement."""
        codes = self.vae.encode(images)
        still = codes.new_zeros(*codes.shape[:2], self.noise_dim - self.vae.noise_dim)
        return torch.cat([codes, still], dim=2)

    def error_calibration(self, class_vector: Tensor) -> tuple[Tensor, Tensor]:
        """Those of the class VAEs."""
        return self.vae.error_calibration(class_vector)


def load_warped_vae(
    noise_dim: int = 0,
    grid: int = 7,
    scale: float = 2.0,
    reach: float = 4.0,
    weights: str = "",
    trained_on: str = "",
) -> WarpedVAE:
    """The trained class VAEs with a displacement field.

    Args:
        noise_dim, weights, trained_on: those of `load_class_vae`.
        grid, scale, reach: those of `WarpedVAE`.

    Raises:
        MissingWeightsError: there are no weights of class VAEs for these.
        IntegrityError: the weights file is unreadable or not the one its training record describes.
    """
    vae = load_class_vae(noise_dim, weights, trained_on)
    warped = WarpedVAE(vae, grid, scale, reach)
    warped.weights_digest, warped.seen = vae.weights_digest, vae.seen
    return warped
