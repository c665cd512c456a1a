"""Training of the built-in conditional GAN: a projection discriminator, an encoder, and averaged weights.

The discriminator makes every noise vector give an image of its class. The encoder sees to it that every training image
is given by some noise vector (CVAE-GAN, Bao et al. 2017): a GAN alone leaves out what it finds hard, and an image that
a generator cannot make cannot be classified by inverting it.
"""

import copy
from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from icbench.builtin.cgan import CGAN
from icbench.devices import training_autocast
from icbench.generation import as_target
from icbench.kinds.dataset import Split
from icbench.training.batches import batches_per_epoch, full_batches
from icbench.training.trainer import Trainer, TrainingJob

BATCH = 128
LEARNING_RATE = 1e-3
DISCRIMINATOR_LEARNING_RATE = 5e-4
BETAS = (0.5, 0.99)
CLASS_NOISE = 0.1
RECONSTRUCTION = 3000.0
PIXEL_VARIANCE = 0.1
INSTANCE_NOISE = 0.1
AVERAGING = 0.998
EPSILON = 1e-6
LOSSES = ("discriminator", "generator", "reconstruction")
STATISTICS_BATCHES, STATISTICS_BATCH = 40, 256


class ProjectionDiscriminator(nn.Module):
    """Scores how real an image is for its class (Miyato and Koyama 2018), with spectral norm (Miyato et al. 2018)."""

    def __init__(
        self, num_classes: int, image_shape: tuple[int, int, int], channels: int = 16, hidden: int = 256
    ) -> None:
        super().__init__()
        colours, height, width = image_shape
        flat = 2 * channels * (height // 4) * (width // 4)
        self.features = nn.Sequential(
            spectral_norm(nn.Conv2d(colours, channels, 4, stride=2, padding=1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1)),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            spectral_norm(nn.Linear(flat, hidden)),
            nn.LeakyReLU(0.2),
        )
        self.realness = spectral_norm(nn.Linear(hidden, 1))
        self.embedding = spectral_norm(nn.Linear(num_classes, hidden, bias=False))

    def forward(self, images: Tensor, one_hot: Tensor) -> Tensor:
        """Scores (B,) of images (B, C, H, W) for classes (B, K)."""
        features = self.features(images).float()
        realness: Tensor = self.realness(features)[:, 0]
        match: Tensor = (self.embedding(one_hot) * features).sum(dim=1)
        return realness + match


class Encoder(nn.Module):
    """The mean and log variance of the noise that an image of a known class comes from; used in training only."""

    def __init__(self, num_classes: int, image_shape: tuple[int, int, int], noise_dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(num_classes + prod(image_shape), 512),
            nn.ReLU(),
            nn.Linear(512, 256),
            nn.ReLU(),
            nn.Linear(256, 2 * noise_dim),
        )

    def forward(self, images: Tensor, one_hot: Tensor) -> tuple[Tensor, Tensor]:
        """(B, Z) twice, for images (B, C, H, W) of classes (B, K)."""
        both: Tensor = self.layers(torch.cat([images.flatten(1), one_hot], dim=1)).float()
        mean, log_variance = both.chunk(2, dim=1)
        return mean, log_variance.clamp(-8, 4)


class CGANTrainer(Trainer):
    """Trains `CGAN`. In training the class vector carries noise, as in Hobbhahn (2020), so that points between the
    classes, where an inversion spends its steps, are inputs the generator knows.

    Args:
        noise_dim: Z.
        weights: not used; training starts from random weights.
    """

    default_epochs = 12

    def __init__(self, noise_dim: int = 10, weights: str = "") -> None:
        self.noise_dim = noise_dim

    def begin(self, split: Split, num_classes: int, job: TrainingJob) -> None:
        self.split, self.num_classes, self.job = split, num_classes, job
        self.step, self.steps = 0, job.epochs * batches_per_epoch(len(split), BATCH)
        with torch.random.fork_rng():
            torch.manual_seed(job.seed)
            self.generator = CGAN(self.noise_dim).to(job.device)
            self.discriminator = ProjectionDiscriminator(num_classes, CGAN.image_shape).to(job.device)
            self.encoder = Encoder(num_classes, CGAN.image_shape, self.noise_dim).to(job.device)
        self.average = copy.deepcopy(self.generator)
        self.generator_optimizer = _adam(self.generator)
        self.discriminator_optimizer = _adam(self.discriminator, DISCRIMINATOR_LEARNING_RATE)
        self.encoder_optimizer = _adam(self.encoder)

    def epoch(self, number: int, on_batch: Callable[[int], None]) -> dict[str, float]:
        self.random = torch.Generator(self.job.device).manual_seed(self.job.seed * 100_003 + number)
        losses = torch.zeros(3, device=self.job.device)
        order = torch.randperm(len(self.split), generator=torch.Generator().manual_seed(self.job.seed * 7919 + number))
        batches = full_batches(order, BATCH)
        for rows in batches:
            losses += torch.stack(self._train_batch(rows)).detach()
            on_batch(BATCH)
        return dict(zip(LOSSES, (losses / len(batches)).tolist(), strict=True))

    def snapshot(self) -> CGAN:
        """The averaged weights with BatchNorm statistics of their own: an average's statistics are not averages."""
        snapshot = copy.deepcopy(self.average).train()
        for module in snapshot.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.reset_running_stats()
                module.momentum = None
        random = torch.Generator(self.job.device).manual_seed(self.job.seed)
        with torch.no_grad():
            for _ in range(STATISTICS_BATCHES):
                snapshot(_noisy(self._one_hot(STATISTICS_BATCH, random), random), self._noise(STATISTICS_BATCH, random))
        return snapshot.eval()

    def state(self) -> dict[str, Any]:
        return {"step": self.step, **{name: part.state_dict() for name, part in self._parts().items()}}

    def restore(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "encoder": self.encoder,
            "average": self.average,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            "encoder_optimizer": self.encoder_optimizer,
        }

    def _train_batch(self, rows: Tensor) -> list[Tensor]:
        self._set_learning_rate()
        real = as_target(self.split.images[rows.numpy()], self.job.device)
        labels = torch.from_numpy(self.split.labels[rows.numpy()]).to(self.job.device)
        one_hot = functional.one_hot(labels, self.num_classes).float()
        with training_autocast(self.job.device):
            losses = [self._train_discriminator(real, one_hot), *self._train_generator(real, one_hot)]
        self._average_weights()
        self.step += 1
        return losses

    def _train_discriminator(self, real: Tensor, one_hot: Tensor) -> Tensor:
        fake_one_hot = self._one_hot(BATCH, self.random)
        with torch.no_grad():
            fake = self.generator(_noisy(fake_one_hot, self.random), self._noise(BATCH, self.random)).float()
        images = self._with_instance_noise(torch.cat([real, fake]))
        scores = self.discriminator(images, torch.cat([one_hot, fake_one_hot]))
        loss = functional.relu(1 - scores[:BATCH]).mean() + functional.relu(1 + scores[BATCH:]).mean()
        _descend(loss, self.discriminator_optimizer)
        return loss

    def _train_generator(self, real: Tensor, one_hot: Tensor) -> list[Tensor]:
        """One step of generator and encoder; returns the adversarial and the reconstruction loss."""
        fake_one_hot = self._one_hot(BATCH, self.random)
        fake = self.generator(_noisy(fake_one_hot, self.random), self._noise(BATCH, self.random)).float()
        self.discriminator.requires_grad_(False)
        adversarial = -self.discriminator(self._with_instance_noise(fake), fake_one_hot).mean()
        reconstruction = self._reconstruction_loss(real, one_hot)
        _descend(adversarial + RECONSTRUCTION * reconstruction, self.generator_optimizer, self.encoder_optimizer)
        self.discriminator.requires_grad_(True)
        return [adversarial, reconstruction]

    def _reconstruction_loss(self, real: Tensor, one_hot: Tensor) -> Tensor:
        """The negative evidence lower bound per pixel, Gaussian and up to constants (Kingma and Welling 2014)."""
        mean, log_variance = self.encoder(real, one_hot)
        noise = mean + (log_variance / 2).exp() * self._noise(len(real), self.random)
        images = self.generator(_noisy(one_hot, self.random), noise).float()
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean() / 2
        loss: Tensor = functional.mse_loss(images, real) + 2 * PIXEL_VARIANCE * divergence / prod(CGAN.image_shape)
        return loss

    def _with_instance_noise(self, images: Tensor) -> Tensor:
        """Noise on both kinds of image that fades over the first half of training (Sonderby et al. 2017)."""
        size = INSTANCE_NOISE * max(0.0, 1 - 2 * self.step / self.steps)
        noisy: Tensor = images + size * torch.randn(images.shape, generator=self.random, device=images.device)
        return noisy

    def _set_learning_rate(self) -> None:
        """Constant over the first half, then linearly down to zero."""
        factor = min(1.0, 2 * (1 - self.step / self.steps))
        for optimizer in (self.generator_optimizer, self.discriminator_optimizer, self.encoder_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor

    @torch.no_grad()
    def _average_weights(self) -> None:
        decay = min(AVERAGING, (self.step + 1) / (self.step + 10))
        for mean, current in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(current, 1 - decay)

    def _one_hot(self, count: int, random: torch.Generator) -> Tensor:
        labels = torch.randint(self.num_classes, (count,), generator=random, device=self.job.device)
        return functional.one_hot(labels, self.num_classes).float()

    def _noise(self, count: int, random: torch.Generator) -> Tensor:
        return torch.randn(count, self.noise_dim, generator=random, device=self.job.device)


def _noisy(one_hot: Tensor, random: torch.Generator) -> Tensor:
    noise = torch.randn(one_hot.shape, generator=random, device=one_hot.device)
    vector = (one_hot + CLASS_NOISE * noise).clamp(0, 1)
    return vector / vector.sum(dim=1, keepdim=True).clamp_min(EPSILON)


def _adam(module: nn.Module, lr: float = LEARNING_RATE) -> torch.optim.Adam:
    group = {"params": list(module.parameters()), "lr": lr, "initial_lr": lr}
    return torch.optim.Adam([group], betas=BETAS)


def _descend(loss: Tensor, *optimizers: torch.optim.Optimizer) -> None:
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    for optimizer in optimizers:
        optimizer.step()
