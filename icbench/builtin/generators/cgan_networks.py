"""What the built-in conditional GAN is trained with and does not keep: its discriminator and its encoder."""

from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

SLOPE = 0.2


class ProjectionDiscriminator(nn.Module):
    """Scores how real an image is for its class (Miyato and Koyama 2018), with spectral norm (Miyato et al. 2018).

    A head of its own tells the noise that a sample was made from, as in InfoGAN (Chen et al. 2016).
    """

    def __init__(
        self,
        num_classes: int,
        image_shape: tuple[int, int, int],
        directions: int,
        channels: int = 16,
        hidden: int = 256,
    ) -> None:
        super().__init__()
        colours, height, width = image_shape
        flat = 2 * channels * (height // 4) * (width // 4)
        self.features = nn.Sequential(
            spectral_norm(nn.Conv2d(colours, channels, 4, stride=2, padding=1)),
            nn.LeakyReLU(SLOPE),
            spectral_norm(nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1)),
            nn.LeakyReLU(SLOPE),
            nn.Flatten(),
            spectral_norm(nn.Linear(flat, hidden)),
            nn.LeakyReLU(SLOPE),
        )
        self.realness = spectral_norm(nn.Linear(hidden, 1))
        self.embedding = spectral_norm(nn.Linear(num_classes, hidden, bias=False))
        self.noise = nn.Linear(hidden, directions)

    def forward(self, images: Tensor, class_vector: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (B,) of images (B, C, H, W) for class vectors (B, K), and the noise (B, D) they seem made from."""
        features = self.features(images)
        match = (self.embedding(class_vector) * features).float().sum(dim=1)
        return self.realness(features)[:, 0].float() + match, self.noise(features).float()


class Encoder(nn.Module):
    """The noise, of length sqrt(D), that an image of a known class comes from."""

    def __init__(self, num_classes: int, image_shape: tuple[int, int, int], directions: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(num_classes + prod(image_shape), 512),
            nn.ReLU(),
            nn.Linear(512, 256),
            nn.ReLU(),
            nn.Linear(256, directions),
        )

    def forward(self, images: Tensor, class_vector: Tensor) -> Tensor:
        """(B, D) for images (B, C, H, W) made from, or of, class vectors (B, K)."""
        codes: Tensor = self.layers(torch.cat([images.flatten(1), class_vector], dim=1))
        return on_sphere(codes.float())


def on_sphere(noise: Tensor) -> Tensor:
    """Noise (B, D) brought to length sqrt(D), which is all that the generator sees of it."""
    on_it: Tensor = functional.normalize(noise, dim=1) * noise.shape[1] ** 0.5
    return on_it
