"""Distribution functions that the tests and intervals need, vectorised, by scipy.

`scipy.special` has what `scipy.stats` is made of and is imported in a quarter of the time.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special


def fair_binomial_cdf(successes: ArrayLike, trials: ArrayLike) -> NDArray[np.float64]:
    """P(X <= successes) for X ~ Binomial(trials, 1/2)."""
    trials = np.asarray(trials, np.int64)
    p: NDArray[np.float64] = special.bdtr(np.minimum(successes, trials), trials, 0.5)
    return p


def normal_two_sided(z: ArrayLike) -> NDArray[np.float64]:
    """P(|Z| >= |z|) for a standard normal Z."""
    p: NDArray[np.float64] = 2 * special.ndtr(-np.abs(z))
    return p


def student_two_sided(t: ArrayLike, df: ArrayLike) -> NDArray[np.float64]:
    """P(|T| >= |t|) for Student's T with `df` degrees of freedom."""
    p: NDArray[np.float64] = 2 * special.stdtr(df, -np.abs(t))
    return p


def student_quantile(df: float, outside: float = 0.05) -> float:
    """The t beyond which Student's T lies, on both sides together, with probability `outside`."""
    return float(-special.stdtrit(df, outside / 2))
