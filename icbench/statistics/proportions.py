"""One proportion: its interval."""

from math import sqrt

Z95 = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""


def wilson_interval(successes: int, trials: int, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval of a proportion (Wilson 1927).

    Args:
        successes: how many of the trials succeeded.
        trials: how many there were; with 0 the interval is everything, (0, 1).
        z: the two-sided normal quantile; 1.96 gives 95 %.

    Returns:
        the lower and upper end, within [0, 1].
    """
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    denominator = 1 + z * z / trials
    centre = share + z * z / (2 * trials)
    half = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, (centre - half) / denominator), min(1.0, (centre + half) / denominator)
