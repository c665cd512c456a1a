"""A small classifier of real images, used as the judge of a generator's samples while it trains."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from icbench.engine.decode import as_target
from icbench.kinds.dataset import Split

EPOCHS = 2
BATCH = 128


class ReferenceCNN(nn.Module):
    """Two convolutions and one hidden layer; about 98.5 % on MNIST after two epochs.

    Args:
        image_shape: (C, H, W), H and W divisible by 4.
        num_classes: K.
    """

    def __init__(self, image_shape: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        channels, height, width = image_shape
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * (height // 4) * (width // 4), 64),
            nn.ReLU(),
            nn.Linear(64, num_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, K) of images (B, C, H, W) in [0, 1]."""
        logits: Tensor = self.layers(images)
        return logits

    def features(self, images: Tensor) -> Tensor:
        """Outputs (B, 64) of the hidden layer, from which the logits are read."""
        features: Tensor = self.layers[:-1](images)
        return features


def train_reference_cnn(split: Split, num_classes: int, device: torch.device) -> ReferenceCNN:
    """A reference CNN trained on `split`, in eval mode. Leaves torch's global random state as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ReferenceCNN(split.images.shape[1:], num_classes).to(device)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    order = np.random.default_rng(0)
    for _ in range(EPOCHS):
        for rows in np.array_split(order.permutation(len(split)), max(1, len(split) // BATCH)):
            images, labels = as_target(split.images[rows], device), torch.from_numpy(split.labels[rows]).to(device)
            loss = functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return model.eval().requires_grad_(False)
