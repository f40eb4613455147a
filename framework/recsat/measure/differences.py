r"""Intervals of mean paired differences over users, right where values are skewed.

The interval is the symmetric bootstrap-t (Hall, Annals of Statistics 1988): :math:`\bar d \pm q \cdot s / \sqrt n`, q the quantile of
:math:`|t^*| = |\bar d^* - \bar d| / (s^* / \sqrt n)` over resamples of the users. A paired difference is often nothing for most
users and much for a few, as money is: there BCa and the plain t interval leave out the truth in a tenth to a third of worlds, and
contradict the sign-flip test in up to a quarter (`docs/coverage.md`). For bounded values seen alone BCa stays:
:mod:`recsat.measure.intervals`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from recsat.measure.intervals import Intervals, alike_columns, resample_counts

Values = NDArray[np.float64]
POWER = 0.8
FEW_EFFECTIVE = 100
"""Effective users below which a mean of differences hangs on a few of them; the report warns."""


def difference_intervals(differences: Values, *, confidence: float, n_bootstrap: int, seed: int) -> Intervals:
    """Symmetric bootstrap-t intervals of the column means of ``differences`` (n_users, m); NaN is a user who lacks one arm.

    No ends (NaN) where there are fewer than two users, where all differences are equal, or where resamples without any
    spread are so many that no quantile can be told: there nothing can be said.

    >>> two = difference_intervals(np.array([[1.0], [3.0]]), confidence=0.95, n_bootstrap=100, seed=0)
    >>> float(two.mean[0]), float(two.low[0])
    (2.0, nan)
    """
    defined = ~np.isnan(differences)
    m = differences.shape[1]
    intervals = Intervals(np.full(m, np.nan), np.full(m, np.nan), np.full(m, np.nan), defined.sum(axis=0))
    for rows, columns in alike_columns(defined):
        part = differences[np.ix_(rows, columns)]
        mean = part.mean(axis=0)
        intervals.mean[columns] = mean
        if len(rows) < 2:
            continue
        error = part.std(axis=0, ddof=1) / np.sqrt(len(rows))
        quantile = np.quantile(_studentised(part, n_bootstrap, seed), confidence, axis=0, method="higher")
        known = np.isfinite(quantile) & (error > 0)
        half = np.where(known, np.where(known, quantile, 0.0) * error, np.nan)
        intervals.low[columns], intervals.high[columns] = mean - half, mean + half
    return intervals


def _studentised(values: Values, n_bootstrap: int, seed: int) -> Values:
    """|t*| of every resample and column, (n_bootstrap, m); infinite where a resample has no spread and another mean."""
    n = len(values)
    centred = values - values.mean(axis=0)
    squares = centred**2
    parts = []
    for counts in resample_counts(n, n_bootstrap, seed):
        means = counts @ centred / n
        variances = np.maximum(counts @ squares / n - means**2, 0.0)
        # Rounding leaves some 1e-17 of a variance that is nothing.
        variances[variances <= 1e-12 * squares.mean(axis=0)] = 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(means) / np.sqrt(variances / (n - 1))
        parts.append(np.nan_to_num(t, nan=0.0, posinf=np.inf))
    return np.concatenate(parts)


def effective_users(differences: Values) -> Values:
    r"""How many users carry each column's mean: :math:`(\sum |d|)^2 / \sum d^2`, (m,); NaN is left out, 0 where all are 0.

    >>> effective_users(np.array([[1.0, 0.0], [1.0, 5.0], [-1.0, 0.0]]))
    array([3., 1.])
    """
    d = np.nan_to_num(differences, nan=0.0)
    squares = (d**2).sum(axis=0)
    users = np.divide(np.abs(d).sum(axis=0) ** 2, squares, out=np.zeros_like(squares), where=squares > 0)
    return np.asarray(users, dtype=np.float64)


def detectable(differences: Values, *, confidence: float, power: float = POWER) -> Values:
    r"""Smallest true mean that a test at this confidence would have shown with this power: :math:`(z_{1-\alpha/2} + z_{power}) s / \sqrt n`, (m,).

    NaN where fewer than two users have a difference.
    """
    n = (~np.isnan(differences)).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nanmean(np.where(n > 0, differences, 0.0), axis=0)
        spread = np.sqrt(np.nansum((differences - mean) ** 2, axis=0) / (n - 1))
    error = spread / np.sqrt(np.maximum(n, 1))
    return np.where(n >= 2, smallest_shown(1.0, confidence=confidence, power=power) * error, np.nan)


def smallest_shown(error: float, *, confidence: float, family: int = 1, power: float = POWER) -> float:
    r"""Smallest true difference that a test would have shown with this power, of a difference with this standard error.

    :math:`(z_{1-\alpha/2m} + z_{power})` errors, where m comparisons share the level (Bonferroni).
    """
    return float(error * (ndtri(1 - (1 - confidence) / (2 * family)) + ndtri(power)))


def winsorised(values: Values, pool: Values, share: float, bounds: tuple[float | None, float | None]) -> Values:
    """``values`` (n,) drawn in to the ``share`` quantiles from the ends of ``pool`` (m,), on the sides without a bound; NaN stays.

    The quantiles are those of the values other than 0: of money most values are 0, and the largest 1 % of the users may be all that
    spend. Each quantile is a value that is there. Tukey, Annals of Mathematical Statistics 1962.

    >>> winsorised(np.array([0.0, 1.0, 90.0]), np.array([0.0, 1.0, 2.0, 3.0, 90.0]), 0.25, (0.0, None))
    array([0., 1., 3.])
    """
    nonzero = pool[~np.isnan(pool) & (pool != 0)]
    if not len(nonzero):
        return values
    low = None if bounds[0] is not None else min(0.0, np.quantile(nonzero, share, method="higher"))
    high = None if bounds[1] is not None else max(0.0, np.quantile(nonzero, 1 - share, method="lower"))
    return np.asarray(np.clip(values, low, high), dtype=np.float64)
