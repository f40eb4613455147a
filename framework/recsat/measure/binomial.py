"""Intervals where resampling says nothing: values that are 0 or 1, and values without any spread."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

Values = NDArray[np.float64]


@lru_cache(maxsize=2**12)
def binomial_interval(n_hits: int, n: int, confidence: float) -> tuple[float, float]:
    """The exact interval of a share; Clopper and Pearson, Biometrika 1934. At least as wide as its confidence says.

    >>> [round(end, 4) for end in binomial_interval(0, 60, 0.95)]
    [0.0, 0.0596]
    """
    if not 0 <= n_hits <= n or n < 1:
        raise ValueError(f"{n_hits} of {n} is no share")
    tail = (1 - confidence) / 2
    low = 0.0 if n_hits == 0 else float(betaincinv(n_hits, n - n_hits + 1, tail))
    high = 1.0 if n_hits == n else float(betaincinv(n_hits + 1, n - n_hits, 1 - tail))
    return low, high


def exact_interval(
    values: Values, bounds: tuple[float | None, float | None], confidence: float
) -> tuple[float, float] | None:
    r"""The interval of the mean of ``values`` (n,) where it can be told exactly; None where it cannot, or resampling must.

    - Values that are all 0 or 1, of a measure within [0, 1]: :func:`binomial_interval`.
    - All values at one of two finite ``bounds``: with a share p of users elsewhere the mean is at most :math:`p` times the range away
      from that bound, and p is in the interval of 0 of n. It holds whatever the values elsewhere are.

    >>> exact_interval(np.zeros(60), (0.0, 2.0), 0.95)
    (0.0, 0.119...)
    """
    low, high = bounds
    if low is None or high is None or not len(values):
        return None
    if (low, high) == (0.0, 1.0) and np.isin(values, (0.0, 1.0)).all():
        return binomial_interval(int(values.sum()), len(values), confidence)
    at_low = (values == low).all()
    if not at_low and not (values == high).all():
        return None
    reach = binomial_interval(0, len(values), confidence)[1] * (high - low)
    return (low, low + reach) if at_low else (high - reach, high)
