"""Distribution functions that the tests and intervals need, vectorised, from the incomplete beta function."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST_TERMS = 500
TINY = 1e-300

_log_gamma = np.vectorize(math.lgamma, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def incomplete_beta(a: ArrayLike, b: ArrayLike, x: ArrayLike) -> NDArray[np.float64]:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22).

    Args:
        a, b: positive, broadcast against each other and `x`.
        x: in [0, 1].
    """
    a, b, x = np.broadcast_arrays(*(np.asarray(values, np.float64) for values in (a, b, x)))
    # The fraction converges quickly below the mean; above it the symmetric one does.
    swap = x > (a + 1) / (a + b + 2)
    first, second, place = np.where(swap, b, a), np.where(swap, a, b), np.where(swap, 1 - x, x)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = (
            _log_gamma(first + second)
            - _log_gamma(first)
            - _log_gamma(second)
            + first * np.log(place)
            + second * np.log1p(-place)
        )
    value = np.exp(logarithm) / first * _beta_fraction(first, second, place)
    value = np.where(place <= 0, 0.0, value)
    return np.clip(np.where(swap, 1 - value, value), 0, 1)


def _beta_fraction(a: NDArray[Any], b: NDArray[Any], x: NDArray[Any]) -> NDArray[np.float64]:
    """The continued fraction of I_x(a, b), evaluated by the modified Lentz method (Thompson & Barnett 1986)."""
    denominator = 1 / _nonzero(1 - (a + b) * x / (a + 1))
    numerator, result = np.ones_like(denominator), denominator.copy()
    for term in range(1, MOST_TERMS):
        even = term * (b - term) * x / ((a + 2 * term - 1) * (a + 2 * term))
        odd = -(a + term) * (a + b + term) * x / ((a + 2 * term) * (a + 2 * term + 1))
        for coefficient in (even, odd):
            denominator = 1 / _nonzero(1 + coefficient * denominator)
            numerator = _nonzero(1 + coefficient / numerator)
            change = numerator * denominator
            result *= change
        if np.all(np.abs(change - 1) < 1e-13):
            break
    return result


def _nonzero(values: NDArray[Any]) -> NDArray[Any]:
    return np.where(np.abs(values) < TINY, TINY, values)


def fair_binomial_cdf(successes: ArrayLike, trials: ArrayLike) -> NDArray[np.float64]:
    """P(X <= successes) for X ~ Binomial(trials, 1/2)."""
    successes, trials = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(trials, np.float64))
    inside = successes < trials
    beyond = np.where(inside, trials - successes, 1)
    return np.where(inside, incomplete_beta(beyond, successes + 1, 0.5), 1.0)


def normal_two_sided(z: ArrayLike) -> NDArray[np.float64]:
    """P(|Z| >= |z|) for a standard normal Z."""
    p: NDArray[np.float64] = _erfc(np.abs(np.asarray(z, np.float64)) / math.sqrt(2))
    return p


def student_two_sided(t: ArrayLike, df: ArrayLike) -> NDArray[np.float64]:
    """P(|T| >= |t|) for Student's T with `df` degrees of freedom."""
    t, df = np.asarray(t, np.float64), np.asarray(df, np.float64)
    return incomplete_beta(df / 2, 0.5, df / (df + t * t))


def student_quantile(df: float, outside: float = 0.05) -> float:
    """The t beyond which Student's T lies, on both sides together, with probability `outside`.

    Found by Newton's method from below: the probability is convex in t, so that it ascends to the root.
    """
    t = 0.0
    density = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(math.pi * df)
    for _ in range(MOST_TERMS):
        step = (float(student_two_sided(t, df)) - outside) / (2 * density * (1 + t * t / df) ** (-(df + 1) / 2))
        t += step
        if step < 1e-12 * t:
            break
    return t
