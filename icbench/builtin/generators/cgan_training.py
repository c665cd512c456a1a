"""Training of the built-in conditional GAN: a projection discriminator, an encoder, and averaged weights.

The discriminator makes every noise vector give an image of its class. It learns that from samples, and from real images
shown under a wrong label. The encoder sees to it that every training image is given by some noise vector (CVAE-GAN, Bao
et al. 2017): a GAN alone leaves out what it finds hard, and an image that a generator cannot make cannot be classified
by inverting it. What the encoder finds is spread over the noise's whole sphere, so that what lies between the training
images' noise, where drawn noise falls, is like them.

The discriminator comes first: where reconstruction weighs much from the beginning, the noise learns to say what the
class vector should. Reconstruction and spread weigh more once samples are of their class.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from icbench.builtin.generators.cgan import CGAN
from icbench.builtin.generators.cgan_codes import refine_codes
from icbench.builtin.generators.cgan_losses import (
    FIRST_STEPS,
    NOISE_RECOVERY,
    Batch,
    GeneratorLosses,
    discriminator_losses,
)
from icbench.builtin.generators.cgan_networks import Encoder, ProjectionDiscriminator, on_sphere
from icbench.compute.devices import training_autocast
from icbench.engine.decode import as_target
from icbench.kinds.dataset import DataShape, Split
from icbench.training.batch_trainer import BatchTrainer, descend
from icbench.training.trainer import TrainingJob

BATCH = 128
HALF = BATCH // 2
LEARNING_RATE, STEADY_STEPS = 3e-4, 6_000
BETAS = (0.5, 0.999)
"""Those of Radford et al. (2016)."""
CLASS_NOISE = 0.3
INSTANCE_NOISE, LEAST_INSTANCE_NOISE, FADING_STEPS = 0.3, 0.15, 4_000
AVERAGED = 10
EPSILON = 1e-6
STATISTICS_BATCHES, STATISTICS_BATCH = 40, 256


class CGANTrainer(BatchTrainer):
    """Trains `CGAN`.

    In training the class vector carries noise, as in Hobbhahn (2020), so that points between the classes, where an
    inversion spends its steps, are inputs the generator knows.

    Args:
        noise_dim: Z.
        weights: not used; training starts from random weights.
    """

    default_epochs = 32
    check_every = 16
    extends = True
    images_per_batch = BATCH
    losses = ("discriminator", "generator", "noise", "reconstruction", "uniformity")
    trained = ("generator", "discriminator", "encoder", "average", "generator_optimizer", "discriminator_optimizer")

    def __init__(self, noise_dim: int = 10, weights: str = "") -> None:
        self.noise_dim = noise_dim

    def begin(self, split: Split, num_classes: int, job: TrainingJob) -> None:
        super().begin(split, num_classes, job)
        shape = DataShape.of(split, num_classes)
        with torch.random.fork_rng():
            torch.manual_seed(job.seed)
            self.generator = CGAN(self.noise_dim, shape).to(job.device)
            size = self.generator.directions
            self.discriminator = ProjectionDiscriminator(num_classes, shape.image_shape, size).to(job.device)
            self.encoder = Encoder(num_classes, shape.image_shape, size).to(job.device)
        self.average = copy.deepcopy(self.generator)
        self.discriminator_optimizer = _adam(self.discriminator)
        self.generator_optimizer = _adam(self.generator, self.encoder)

    def snapshot(self) -> CGAN:
        """The averaged weights with BatchNorm statistics of their own: an average's statistics are not averages."""
        snapshot = copy.deepcopy(self.average).train()
        for module in snapshot.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.reset_running_stats()
                module.momentum = None  # of all batches the plain mean
        random = torch.Generator(self.job.device).manual_seed(self.job.seed)
        with torch.no_grad():
            for _ in range(STATISTICS_BATCHES):
                vectors = _noisy(_one_hot(STATISTICS_BATCH, self.num_classes, random), random)
                snapshot.decode(vectors, self._directions(STATISTICS_BATCH, random))
        return snapshot.eval()

    def train_batch(self, rows: Tensor) -> list[Tensor]:
        _set_learning_rate(self.step, self.generator_optimizer, self.discriminator_optimizer)
        with training_autocast(self.job.device):
            batch = self._make_batch(rows)
            losses = [self._train_discriminator(batch), *self._train_generator(batch)]
        self._average_weights()
        return losses

    def _make_batch(self, rows: Tensor) -> Batch:
        """Samples and reconstructions, made once for both players."""
        real = as_target(self.split.images[rows.numpy()], self.job.device)
        labels = torch.from_numpy(self.split.labels[rows.numpy()]).to(self.job.device)
        one_hot = functional.one_hot(labels, self.num_classes).float()
        codes = self.encoder(real, one_hot)
        noise = on_sphere(self._directions(BATCH, self.random))
        asked = _one_hot(BATCH, self.num_classes, self.random)
        vectors = _noisy(torch.cat([asked, one_hot[:HALF]]), self.random)
        refined = codes[:HALF].detach()
        if self.step >= FIRST_STEPS:
            refined = refine_codes(self.generator, vectors[BATCH:], refined, real[:HALF])
        # The images come from the refined codes, the gradients go to the encoder's.
        through = codes[:HALF] + (refined - codes[:HALF]).detach()
        made = self.generator.decode(vectors, torch.cat([noise, through])).float()
        return Batch(real, labels, one_hot, codes, refined, noise, vectors, made)

    def _train_discriminator(self, batch: Batch) -> Tensor:
        shown = self._with_instance_noise(torch.cat([batch.real, batch.made.detach()]))
        wrong = self._wrong_labels(batch.labels[HALF:])
        scores, guesses = self.discriminator(
            torch.cat([shown, shown[HALF:BATCH]]), torch.cat([batch.one_hot, batch.vectors, wrong])
        )
        loss, recovery = discriminator_losses(batch, scores, guesses)
        descend(loss + NOISE_RECOVERY * recovery, self.discriminator_optimizer)
        return loss

    def _train_generator(self, batch: Batch) -> list[Tensor]:
        """One step of generator and encoder; returns their losses."""
        self.discriminator.requires_grad_(False)
        scores, guesses = self.discriminator(self._with_instance_noise(batch.made), batch.vectors)
        self.discriminator.requires_grad_(True)
        found = self.encoder(batch.made[:HALF].detach(), batch.vectors[:HALF])
        losses = GeneratorLosses.of(batch, scores, guesses, found)
        descend(losses.total(self.step), self.generator_optimizer)
        return [losses.adversarial, losses.recovery, losses.reconstruction, losses.crowding]

    def _with_instance_noise(self, images: Tensor) -> Tensor:
        """Noise on all images alike, which fades at first (Sonderby et al. 2017).

        Some of it stays: without any, the discriminator learns the training images by heart, and samples get worse.
        """
        fading = min(1.0, self.step / FADING_STEPS)
        size = INSTANCE_NOISE + fading * (LEAST_INSTANCE_NOISE - INSTANCE_NOISE)
        noisy: Tensor = images + size * torch.randn(images.shape, generator=self.random, device=images.device)
        return noisy

    @torch.no_grad()
    def _average_weights(self) -> None:
        """Of about the last tenth of the steps, however many there have been."""
        share = AVERAGED / (self.step + 1 + AVERAGED)
        for mean, current in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(current, share)

    def _wrong_labels(self, labels: Tensor) -> Tensor:
        """(B, K), one-hot, each of another class than the label."""
        shift = torch.randint(1, self.num_classes, labels.shape, generator=self.random, device=labels.device)
        return functional.one_hot((labels + shift) % self.num_classes, self.num_classes).float()

    def _directions(self, count: int, random: torch.Generator) -> Tensor:
        """(N, D), of drawn noise."""
        return self.generator.project(torch.randn(count, self.noise_dim, generator=random, device=self.job.device))


def _one_hot(count: int, num_classes: int, random: torch.Generator) -> Tensor:
    labels = torch.randint(num_classes, (count,), generator=random, device=random.device)
    return functional.one_hot(labels, num_classes).float()


def _noisy(one_hot: Tensor, random: torch.Generator) -> Tensor:
    """Class vectors (B, K): half at the vertices, where `exhaustive` searches; half around, where `joint` passes."""
    noise = torch.randn(one_hot.shape, generator=random, device=one_hot.device)
    size = CLASS_NOISE * (torch.rand(len(one_hot), 1, generator=random, device=one_hot.device) < 0.5)
    vector = (one_hot + size * noise).clamp(0, 1)
    return vector / vector.sum(dim=1, keepdim=True).clamp_min(EPSILON)


def _set_learning_rate(step: int, *optimizers: torch.optim.Optimizer) -> None:
    """Constant at first, then with the root of the steps, so that a longer training begins like a shorter one."""
    factor = min(1.0, (STEADY_STEPS / (step + 1)) ** 0.5)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * factor


def _adam(*modules: nn.Module) -> torch.optim.Adam:
    parameters = [parameter for module in modules for parameter in module.parameters()]
    return torch.optim.Adam(parameters, LEARNING_RATE, BETAS, fused=True)
