r"""Means over rows of which a user may have many: every rating, every exposure. Users are what is resampled, since a user's rows hang together.

The mean :math:`R = \sum_u s_u / \sum_u n_u` of losses is a ratio of two sums over users. It is the mean of one value for each user,

.. math:: v_u = R + \frac{s_u - R\, n_u}{\bar n},

whose spread is that of the ratio (the delta method; Cochran, Sampling Techniques 1977, chapter 6), and so gets the intervals of means
over users. The root of R has :math:`\sqrt R + (v_u - R) / (2 \sqrt R)`. Of the intervals the symmetric bootstrap-t holds the truth more often than BCa
where few users have most rows: .94 against .90 of 300 worlds of 100 users whose errors of ratings are pooled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsat.measure.differences import difference_intervals
from recsat.measure.intervals import Values


@dataclass(frozen=True)
class Resampling:
    """How intervals are made."""

    confidence: float
    n_bootstrap: int
    seed: int


@dataclass(frozen=True)
class PooledMean:
    """A mean over rows, with the ends of its interval; None where nothing can be said."""

    value: float
    low: float | None
    high: float | None


def user_values(users: pl.Series, losses: pl.Series, *, root: bool = False) -> Values:
    """(n_users,), users sorted: values whose mean is that of ``losses`` over all rows, or its ``root``.

    >>> user_values(pl.Series(["u", "u", "v"]), pl.Series([1.0, 1.0, 4.0]))  # R = 2, n̄ = 1.5
    array([0.66666667, 3.33333333])
    """
    names, rows = np.unique(users.to_numpy(), return_inverse=True)
    s = np.bincount(rows, weights=losses.to_numpy().astype(np.float64))
    n = np.bincount(rows, minlength=len(names)).astype(np.float64)
    mean = s.sum() / n.sum()
    spread = (s - mean * n) / n.mean()
    if root:
        return np.asarray(np.sqrt(mean) + (spread / (2 * np.sqrt(mean)) if mean > 0 else 0.0 * spread))
    return np.asarray(mean + spread)


def pooled_mean(users: pl.Series, losses: pl.Series, how: Resampling, *, root: bool = False) -> PooledMean:
    """The mean of ``losses`` at least 0 over rows, or its ``root``, with a symmetric bootstrap-t interval over users."""
    interval = _of_one(user_values(users, losses, root=root), how)
    return interval if interval.low is None else PooledMean(interval.value, max(0.0, interval.low), interval.high)


def pooled_difference(
    users: pl.Series, losses: pl.Series, others: pl.Series, how: Resampling, *, root: bool = False
) -> PooledMean:
    """Mean (or its ``root``) of ``losses`` minus that of ``others``, of the same rows, with a symmetric bootstrap-t interval over users."""
    return _of_one(user_values(users, losses, root=root) - user_values(users, others, root=root), how)


def _of_one(values: Values, how: Resampling) -> PooledMean:
    intervals = difference_intervals(
        values[:, None], confidence=how.confidence, n_bootstrap=how.n_bootstrap, seed=how.seed
    )
    low, high = float(intervals.low[0]), float(intervals.high[0])
    without_ends = np.isnan(low) or np.isnan(high)
    return PooledMean(float(intervals.mean[0]), None if without_ends else low, None if without_ends else high)
