"""The Frechet distance between two sets of features, as if each came from a normal distribution."""

import numpy as np
from numpy.typing import NDArray


def frechet_distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """The squared distance |m - n|^2 + trace(C + D - 2 (C D)^(1/2)) of Heusel et al. (2017, equation 6).

    Args:
        first, second: (N, D) and (M, D) features.

    Returns:
        0 or more; infinity if a feature is not finite, or one feature alone is to have a covariance.
    """
    if min(len(first), len(second)) < 2:
        return float("inf")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return float("inf")
    one, other = first.astype(np.float64), second.astype(np.float64)
    means = float(np.square(one.mean(axis=0) - other.mean(axis=0)).sum())
    root, covariance = _root(_covariance(one)), _covariance(other)
    # C^(1/2) D C^(1/2) has the eigenvalues of C D and is symmetric, so that its root needs no complex numbers.
    shared = float(np.sqrt(_eigenvalues(root @ covariance @ root)).sum())
    return max(0.0, means + float(np.trace(root @ root) + np.trace(covariance)) - 2 * shared)


def _covariance(features: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.atleast_2d(np.cov(features, rowvar=False)).astype(np.float64)


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The symmetric root of a symmetric positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    root: NDArray[np.float64] = vectors * np.sqrt(values.clip(0)) @ vectors.T
    return root


def _eigenvalues(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of a positive semidefinite matrix that is symmetric up to rounding."""
    values: NDArray[np.float64] = np.linalg.eigvalsh((matrix + matrix.T) / 2).clip(0)
    return values
