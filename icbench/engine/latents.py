"""The latents of a batch: where each hypothesis of each image is, and what is known of the images so far."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from icbench.engine.active_set import ActiveSet
from icbench.kinds.distance import Features


@dataclass(eq=False)
class LatentState:
    """B images with h hypotheses each as N = B * h rows: image by image, those of an image in ascending order.

    Args:
        index: (B,) the images, by position in their split.
        active: which hypotheses of each image are left.
        coordinates: (N, K), what the optimizer moves and the schedule turns into class vectors.
        noise: (N, Z).
        features: (N, ...), the distance's, of each row's target.
        restart: (N,) the number of each row's noise draw.
        finite: (B,) bool, whether all distances of an image were finite so far.
        resets: (B,) how often a class vector of an image had to be reset.
        constrained: whether the coordinates are constrained, and nothing has moved them since.
    """

    index: NDArray[np.int64]
    active: ActiveSet
    coordinates: Tensor
    noise: Tensor
    features: Features
    restart: Tensor
    finite: Tensor
    resets: Tensor
    constrained: bool = False

    @property
    def hypothesis_count(self) -> int:
        """h, how many hypotheses of each image are left."""
        return self.active.count

    @property
    def image(self) -> Tensor:
        """The image (N,) of each row, by position in the split."""
        return torch.from_numpy(self.index).repeat_interleave(self.hypothesis_count).to(self.noise.device)

    def select(self, rows: Tensor) -> "LatentState":
        """The same images with some of their rows (M,), as many of each."""
        return replace(
            self,
            coordinates=self.coordinates.detach()[rows],
            noise=self.noise.detach()[rows],
            features=select_features(self.features, rows),
            restart=self.restart[rows],
        )

    def subset(self, images: Tensor) -> tuple["LatentState", Tensor]:
        """Some of the images, by a mask (B,), and the places in N of their rows."""
        rows = images.repeat_interleave(self.hypothesis_count).nonzero()[:, 0]
        subset = replace(
            self.select(rows),
            index=self.index[images.cpu().numpy()],
            active=self.active.subset(images),
            finite=self.finite[images],
            resets=self.resets[images],
        )
        return subset, rows

    def keep_best(self, count: int, energy: Tensor, class_vector: Tensor, step: int) -> tuple["LatentState", Tensor]:
        """The hypotheses of least energy of each image, as `ActiveSet.keep_best` has them, and their places in N."""
        active, rows = self.active.keep_best(count, energy, class_vector, step)
        return replace(self.select(rows), active=active), rows

    def start_at(self, images: NDArray[np.bool_], noise: NDArray[np.float32]) -> None:
        """Put all hypotheses of some images, by a mask (B,), at noise (M, Z), one for each of these."""
        chosen = torch.from_numpy(images.repeat(self.hypothesis_count)).to(self.noise.device)
        rows = torch.from_numpy(noise).to(self.noise.device).repeat_interleave(self.hypothesis_count, dim=0)
        self.noise[chosen] = rows


def select_features(features: Features, rows: Tensor) -> Features:
    """The features of the targets in `rows`."""
    if isinstance(features, Tensor):
        return features[rows]
    return tuple(feature[rows] for feature in features)
