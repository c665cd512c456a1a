"""Training of the post's conditional GAN by the post's recipe (Hobbhahn 2020); figures alone choose the checkpoint.

What the post leaves open is decided here: a batch's fake images are of the classes of its real ones, the
discriminator's loss is the sum over both, its step comes first, and the weights start as torch draws them.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from icbench.builtin.generators.cgan_post import GROUP, NOISE_DIM, PostGenerator
from icbench.compute.devices import training_autocast
from icbench.engine.decode import as_target
from icbench.kinds.dataset import DataShape, Split
from icbench.training.batch_trainer import BatchTrainer, descend
from icbench.training.budget import EvalBudget, InversionBudget
from icbench.training.trainer import TrainingJob

BATCH = 128
LEARNING_RATE = 0.01
CLASS_NOISE = 0.2


class PostDiscriminator(nn.Module):
    """Two convolutions at full size, joined by the class in front of two dense layers: 52 million parameters."""

    maps = (32, 64)
    embedded = 1000
    hidden = 1024

    def __init__(self, num_classes: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        colours, height, width = image_shape
        first, second = self.maps
        self.features = nn.Sequential(
            nn.Conv2d(colours, first, 5, stride=1, padding=2),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            nn.Conv2d(first, second, 5, stride=1, padding=2),
            nn.BatchNorm2d(second),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.class_layer = nn.Linear(num_classes, self.embedded)
        self.realness = nn.Sequential(nn.Linear(second * height * width + self.embedded, self.hidden), nn.ReLU())
        self.logit = nn.Linear(self.hidden, 1)

    def forward(self, images: Tensor, class_vector: Tensor) -> Tensor:
        """Logits (B,) of images (B, C, H, W) being real ones of classes (B, K)."""
        features = self.features(images.contiguous(memory_format=torch.channels_last))
        both = torch.cat([features, torch.relu(self.class_layer(class_vector))], dim=1)
        logits: Tensor = self.logit(self.realness(both))[:, 0]
        return logits.float()


class PostTrainer(BatchTrainer):
    """Trains `PostGenerator`: alternating gradient steps on the binary cross-entropy (Goodfellow et al. 2014).

    Args:
        noise_dim: Z.
        weights: not used; training starts from random weights.
        batch_norm, group: how snapshots are judged, as of `PostGenerator`; training itself does not know them.
    """

    default_epochs = 61
    extends = True
    check_every = 3
    schedules = ("joint",)
    # A hundred times the work of `cgan` per image: the usual check would take as long as an epoch.
    budget = EvalBudget(check=InversionBudget(200, {"joint": 50}), precision="auto")
    images_per_batch = BATCH
    losses = ("discriminator", "generator")
    trained = ("generator", "discriminator", "generator_optimizer", "discriminator_optimizer")

    def __init__(
        self, noise_dim: int = NOISE_DIM, weights: str = "", batch_norm: str = "running", group: int = GROUP
    ) -> None:
        self.noise_dim, self.batch_norm, self.group = noise_dim, batch_norm, group

    def begin(self, split: Split, num_classes: int, job: TrainingJob) -> None:
        super().begin(split, num_classes, job)
        shape = DataShape.of(split, num_classes)
        with torch.random.fork_rng():
            torch.manual_seed(job.seed)
            self.generator = PostGenerator(self.noise_dim, self.batch_norm, self.group, shape)
            self.discriminator = PostDiscriminator(num_classes, shape.image_shape)
        for module in (self.generator, self.discriminator):
            # The layout of the convolutions' weights, not the recipe: products in bfloat16 are twice as fast.
            module.to(job.device).train().to(memory_format=torch.channels_last)
        self.generator_optimizer = torch.optim.SGD(self.generator.parameters(), LEARNING_RATE)
        self.discriminator_optimizer = torch.optim.SGD(self.discriminator.parameters(), LEARNING_RATE)

    def snapshot(self) -> PostGenerator:
        """The weights and the BatchNorms' running statistics as training left them."""
        return copy.deepcopy(self.generator).eval()

    def train_batch(self, rows: Tensor) -> list[Tensor]:
        real = as_target(self.split.images[rows.numpy()], self.job.device)
        labels = torch.from_numpy(self.split.labels[rows.numpy()]).to(self.job.device)
        one_hot = functional.one_hot(labels, self.num_classes).float()
        with training_autocast(self.job.device):
            return [self._train_discriminator(real, one_hot), self._train_generator(one_hot)]

    def _train_discriminator(self, real: Tensor, one_hot: Tensor) -> Tensor:
        with torch.no_grad():
            fake = self.generator(one_hot, self._noise(len(one_hot), self.noise_dim))
        # In two calls: real and fake images have BatchNorm statistics of their own.
        loss = _cross_entropy(self.discriminator(real, one_hot), 1) + _cross_entropy(
            self.discriminator(fake, one_hot), 0
        )
        descend(loss, self.discriminator_optimizer)
        return loss

    def _train_generator(self, one_hot: Tensor) -> Tensor:
        class_vector = (one_hot + CLASS_NOISE * self._noise(*one_hot.shape)).clamp(0, 1)
        fake = self.generator(class_vector, self._noise(len(one_hot), self.noise_dim))
        self.discriminator.requires_grad_(False)
        loss = _cross_entropy(self.discriminator(fake, class_vector), 1)
        descend(loss, self.generator_optimizer)
        self.discriminator.requires_grad_(True)
        return loss

    def _noise(self, count: int, width: int) -> Tensor:
        return torch.randn(count, width, generator=self.random, device=self.job.device)


def _cross_entropy(logits: Tensor, real: int) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, real))
