"""Choosing a few images that stand for many."""

import numpy as np
from numpy.typing import NDArray

ITERATIONS = 50


def k_means_centres(images: NDArray[np.float32], count: int, seed: int) -> NDArray[np.float32]:
    """The centres (count, D) of images (N, D), each the mean of those that are nearest to it (Lloyd 1982)."""
    centres = random_images(images, count, seed)
    for _ in range(ITERATIONS):
        nearest = squared_distances(images, centres).argmin(axis=1)
        moved = np.stack([_mean(images[nearest == k], centres[k]) for k in range(count)])
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def k_means_images(images: NDArray[np.float32], count: int, seed: int) -> NDArray[np.float32]:
    """Of images (N, D) the one nearest to each k-means centre: (count, D)."""
    return images[squared_distances(images, k_means_centres(images, count, seed)).argmin(axis=0)]


def random_images(images: NDArray[np.float32], count: int, seed: int) -> NDArray[np.float32]:
    """`count` of the images (N, D), drawn without replacement where there are enough."""
    return images[np.random.default_rng(seed).choice(len(images), count, replace=len(images) < count)]


def squared_distances(images: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, C) squared distances."""
    products: NDArray[np.float32] = images @ centres.T
    return np.square(images).sum(axis=1, keepdims=True) - 2 * products + np.square(centres).sum(axis=1)


def _mean(members: NDArray[np.float32], otherwise: NDArray[np.float32]) -> NDArray[np.float32]:
    return members.mean(axis=0) if len(members) else otherwise
