"""A product of experts: class probabilities from the weighted sum of several energies of each class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RIDGE = 1e-3
"""Weight of the squared numbers beside the mean log likelihood: what the images say nothing of vanishes."""


@dataclass(frozen=True)
class Combination:
    """The numbers of a product of M experts for K classes.

    Args:
        weights: (M,), how much each energy counts: one by its temperature.
        offsets: (K,), added to a class's log probability.
    """

    weights: tuple[float, ...]
    offsets: tuple[float, ...]

    def log_probabilities(self, energies: NDArray[np.floating]) -> NDArray[np.float64]:
        """The logarithms of class probabilities (N, K); of a class that is not open -inf.

        Args:
            energies: (N, K, M), of each class and expert; infinite where a class is not open.
        """
        closed = ~np.isfinite(energies).all(axis=2)
        known = np.where(closed[:, :, None], 0.0, energies)
        logits = np.array(self.offsets) - known @ np.array(self.weights)
        return _log_softmax(np.where(closed, -np.inf, logits))


def fit_combination(energies: NDArray[np.floating], labels: NDArray[np.integer]) -> Combination:
    """The combination of greatest likelihood: logistic regression with a weight an expert and an offset a class.

    A product of experts (Hinton 2002) whose temperatures are fitted to tell classes apart. No weight is below 0: an
    expert whose energy spoke for a class by being high would be none. Images whose own class is
    not open say nothing and are left out.

    Args:
        energies: (N, K, M), of each class and expert; infinite where a class is not open.
        labels: (N,), in [0, K).
    """
    from scipy.optimize import minimize

    classes, experts = energies.shape[1:]
    open_ = np.isfinite(energies).all(axis=2)
    told = open_[np.arange(len(labels)), labels] & (open_.sum(axis=1) > 1)
    known, labels, open_ = energies[told].astype(np.float64), labels[told], open_[told]
    if not len(labels):
        return Combination((1.0,) * experts, (0.0,) * classes)
    # In units of how far classes of an image differ, so that the ridge weighs all experts alike.
    centred = _centre(known, open_)
    scale = np.sqrt((centred**2).sum(axis=(0, 1)) / open_.sum())
    scale[scale == 0] = 1
    start = np.concatenate([np.ones(experts), np.zeros(classes)])
    bounds = [(0, None)] * experts + [(None, None)] * classes
    found = minimize(_loss, start, (centred / scale, labels, open_), method="L-BFGS-B", jac=True, bounds=bounds)
    weights, offsets = found.x[:experts] / scale, found.x[experts:]
    return Combination(tuple(map(float, weights)), tuple(map(float, offsets - offsets.mean())))


def _centre(energies: NDArray[np.float64], open_: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Energies less the mean of the image's open classes, which changes no probability; 0 where a class is not open."""
    kept = np.where(open_[:, :, None], energies, 0)
    mean = kept.sum(axis=1, keepdims=True) / open_.sum(axis=1)[:, None, None]
    return np.where(open_[:, :, None], kept - mean, 0)


def _loss(
    numbers: NDArray[np.float64], energies: NDArray[np.float64], labels: NDArray[np.integer], open_: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64]]:
    """The mean negative log likelihood with the ridge, and its gradient."""
    experts = energies.shape[2]
    logits = np.where(open_, numbers[experts:] - energies @ numbers[:experts], -np.inf)
    log_probabilities = _log_softmax(logits)
    rows = np.arange(len(labels))
    error = np.exp(log_probabilities)
    error[rows, labels] -= 1
    loss = -log_probabilities[rows, labels].mean() + RIDGE / 2 * (numbers**2).sum()
    gradient = np.concatenate([-np.einsum("nk,nkm->m", error, energies), error.sum(axis=0)]) / len(labels)
    return float(loss), gradient + RIDGE * numbers


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithms of probabilities (N, K) for logits, of which some, but not all of a row, may be -inf."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    found: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found
