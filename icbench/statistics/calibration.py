"""How far class scores can be taken as probabilities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""As many as Guo et al. (2017) take."""
GOLDEN = (5**0.5 - 1) / 2
"""What a step of golden section leaves of the interval."""


@dataclass(frozen=True)
class Calibration:
    """Scores of predicted probabilities.

    Args:
        temperature: what the class scores were divided by before the softmax.
        ece: expected calibration error, over 15 bins of equal width.
        brier: mean squared error against the one-hot label, summed over classes.
        nll: mean negative log probability of the label, in nats.
    """

    temperature: float
    ece: float
    brier: float
    nll: float


def calibration(scores: NDArray[np.floating], labels: NDArray[np.integer], temperature: float = 1.0) -> Calibration:
    """The calibration of softmax(scores / temperature).

    ECE as in Guo et al. (2017, equation 3), Brier's score as in Brier (1950).

    Args:
        scores: (N, K), finite.
        labels: (N,), in [0, K).
        temperature: above 0; 1 takes the scores as they are.
    """
    log_probabilities = _log_softmax(scores / temperature)
    probabilities = np.exp(log_probabilities)
    rows = np.arange(len(labels))
    one_hot = np.zeros_like(probabilities)
    one_hot[rows, labels] = 1
    return Calibration(
        temperature=temperature,
        ece=_expected_calibration_error(probabilities, labels),
        brier=float(np.square(probabilities - one_hot).sum(axis=1).mean()),
        nll=float(-log_probabilities[rows, labels].mean()),
    )


@dataclass(frozen=True)
class ReliabilityBin:
    """The images whose greatest probability lies in one of 15 ranges of equal width.

    Args:
        images: how many.
        confidence: their mean greatest probability.
        accuracy: the share of them that is right.
    """

    images: int
    confidence: float
    accuracy: float


def reliability(
    scores: NDArray[np.floating], labels: NDArray[np.integer], temperature: float = 1.0
) -> list[ReliabilityBin]:
    """How accurate softmax(scores / temperature) is where it is how sure (Guo et al. 2017, figure 1).

    Args:
        scores: (N, K), finite.
        labels: (N,), in [0, K).
        temperature: above 0; 1 takes the scores as they are.

    Returns:
        the bins that have images, the least sure first.
    """
    return _bins(np.exp(_log_softmax(scores / temperature)), labels)


def fit_temperature(scores: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """The temperature of least NLL (Guo et al. 2017, section 4.2), to be found on validation images.

    Searched by golden section in its logarithm, in which the NLL has one minimum.

    Args:
        scores: (N, K), finite.
        labels: (N,), in [0, K).

    Returns:
        what to divide scores by, above 0.
    """
    # Relative to how far the scores lie apart, as energies of different distances differ in size by orders.
    spread = float(np.ptp(scores, axis=1).mean()) or 1.0
    low, high = np.log(spread * 1e-4), np.log(spread * 1e4)

    def loss(logarithm: float) -> float:
        log_probabilities = _log_softmax(scores / np.exp(logarithm))
        return float(-log_probabilities[np.arange(len(labels)), labels].mean())

    for _ in range(60):  # which leaves less than 10^-12 of the interval
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return float(np.exp((low + high) / 2))


def _log_softmax(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    # Shifted by the greatest, so that no exponential overflows.
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def _expected_calibration_error(probabilities: NDArray[np.float64], labels: NDArray[np.integer]) -> float:
    gaps = [found.images * abs(found.accuracy - found.confidence) for found in _bins(probabilities, labels)]
    return float(sum(gaps) / len(labels))


def _bins(probabilities: NDArray[np.float64], labels: NDArray[np.integer]) -> list[ReliabilityBin]:
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    # A confidence of 1 is in the last bin.
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    counts, sums, hits = (np.bincount(places, weights=of, minlength=BINS) for of in (None, confidence, right))
    return [
        ReliabilityBin(int(count), float(total / count), float(hit / count))
        for count, total, hit in zip(counts, sums, hits, strict=True)
        if count
    ]
