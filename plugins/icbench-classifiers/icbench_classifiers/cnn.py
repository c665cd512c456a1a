"""A small convolutional network: what learning to discriminate reaches at little cost."""

import torch
from icbench.kinds.classifier import Classifier
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = (16, 32, 64)
BATCH = 128
LEAST_BATCHES = 10
"""A training set of less than ten batches gets smaller ones, so that it is learned all the same."""
RATE = 5e-3
WEIGHT_DECAY = 0.01
SHIFT = 2
ASKED = 500
"""Images that are classified together, which bounds the activations' memory."""


class CNN(Classifier):
    """Three 3 x 3 convolutions with BatchNorm (Ioffe & Szegedy 2015), pooled after the first two, and a linear layer.

    Trained on images shifted by up to two pixels along each axis, by AdamW (Loshchilov & Hutter 2019) under a one-cycle
    rate (Smith & Topin 2019). The seed decides weights, order and shifts. The scores are logits.

    Args:
        epochs: how often training sees every image.
    """

    def __init__(self, epochs: int = 6) -> None:
        self.epochs = epochs

    def fit(self, images: Tensor, labels: Tensor, num_classes: int, seed: int) -> None:
        random = torch.Generator().manual_seed(seed)
        network = initialise(images.shape[1:], num_classes, random).to(images.device)
        with torch.enable_grad():
            self._train(network, images, labels, random)
        self.network = network.eval().requires_grad_(False)

    def scores(self, images: Tensor) -> Tensor:
        return torch.cat([self.network(block) for block in torch.split(images, ASKED)])

    def parameters(self) -> int:
        return sum(values.numel() for values in self.network.state_dict().values())

    def _train(self, network: nn.Module, images: Tensor, labels: Tensor, random: torch.Generator) -> None:
        batches = max(LEAST_BATCHES, len(images) // BATCH)
        optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=WEIGHT_DECAY)
        rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=self.epochs * batches)
        for _ in range(self.epochs):
            for rows in torch.randperm(len(images), generator=random).tensor_split(batches):
                loss = functional.cross_entropy(network(shift(images[rows], random)), labels[rows])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                rate.step()


def initialise(image_shape: torch.Size, num_classes: int, random: torch.Generator) -> nn.Sequential:
    """The network for images (C, H, W), H and W of 4 or more, its weights drawn from `random` (He et al. 2015)."""
    channels, height, width = image_shape
    first, second, third = CHANNELS
    # A layer draws weights from the numbers that all code shares; these are put back, and the weights drawn anew.
    with torch.random.fork_rng(devices=[]):
        network = nn.Sequential(
            *_convolution(channels, first),
            nn.MaxPool2d(2),
            *_convolution(first, second),
            nn.MaxPool2d(2),
            *_convolution(second, third),
            nn.Flatten(),
            nn.Linear(third * (height // 4) * (width // 4), num_classes),
        )
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=random)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


def shift(images: Tensor, random: torch.Generator) -> Tensor:
    """Images (B, C, H, W), each moved by up to two pixels along each axis, black where nothing was."""
    count, _, height, width = images.shape
    down, right = torch.randint(0, 2 * SHIFT + 1, (2, count, 1), generator=random)
    rows = (down + torch.arange(height))[:, :, None]
    columns = (right + torch.arange(width))[:, None, :]
    # Indexed on both sides of the channels, these come last.
    padded = functional.pad(images, (SHIFT,) * 4)
    return padded[torch.arange(count)[:, None, None], :, rows, columns].permute(0, 3, 1, 2)


def _convolution(before: int, after: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
