r"""Bootstrap intervals of means over users.

Users are the unit that is resampled: a user's values hang together, users' do not. The interval is BCa (bias-corrected
and accelerated; Efron, JASA 1987): second-order accurate where values are skewed, as satisfaction is, and never outside
the range of the values, as the basic and the normal interval can be. For a mean its acceleration has a closed form, so it
costs no more than the percentile interval. Every column of a table is resampled with the same draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Values = NDArray[np.float64]
BLOCK = 2**22  # resample counts that are held at once, 32 MiB


@dataclass(frozen=True)
class Intervals:
    """One entry a column; NaN where there is nothing to say: no mean without users, no interval below two."""

    mean: Values
    low: Values
    high: Values
    n_users: NDArray[np.int64]


def bootstrap_intervals(values: Values, *, confidence: float, n_bootstrap: int, seed: int) -> Intervals:
    """BCa intervals of the column means of ``values`` (n_users, m); NaN is a user for whom a column is not defined.

    >>> two = bootstrap_intervals(np.array([[0.0, 1.0], [1.0, np.nan]]), confidence=0.95, n_bootstrap=100, seed=0)
    >>> two.mean, two.n_users
    (array([0.5, 1. ]), array([2, 1]))
    """
    defined = ~np.isnan(values)
    n_users = defined.sum(axis=0)
    m = values.shape[1]
    intervals = Intervals(np.full(m, np.nan), np.full(m, np.nan), np.full(m, np.nan), n_users)
    for rows, columns in alike_columns(defined):
        part = values[np.ix_(rows, columns)]
        intervals.mean[columns] = part.mean(axis=0)
        if len(rows) >= 2:
            replicates = bootstrap_means(part, n_bootstrap=n_bootstrap, seed=seed)
            intervals.low[columns], intervals.high[columns] = _bca(part, replicates, confidence)
    return intervals


def bootstrap_means(values: Values, *, n_bootstrap: int, seed: int) -> Values:
    """Column means of ``n_bootstrap`` resamples of the rows, (n_bootstrap, m): multinomial counts times values."""
    n = len(values)
    return np.concatenate([counts @ values / n for counts in resample_counts(n, n_bootstrap, seed)])


def resample_counts(n: int, n_bootstrap: int, seed: int) -> Iterator[Values]:
    """How often each of ``n`` rows is in each of ``n_bootstrap`` resamples, in blocks (b, n); the same for one seed."""
    draws = np.random.default_rng(seed)
    step = max(1, BLOCK // n)
    for start in range(0, n_bootstrap, step):
        b = min(step, n_bootstrap - start)
        rows = draws.integers(n, size=(b, n)) + np.arange(b)[:, None] * n
        yield np.bincount(rows.ravel(), minlength=b * n).reshape(b, n).astype(np.float64)


def alike_columns(defined: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(rows, columns) for each set of columns that are defined for the same users, of whom there are any."""
    patterns: dict[bytes, list[int]] = {}
    for column, bits in enumerate(np.packbits(defined, axis=0).T):
        patterns.setdefault(bits.tobytes(), []).append(column)
    for columns in patterns.values():
        rows = np.flatnonzero(defined[:, columns[0]])
        if len(rows):
            yield rows, np.array(columns)


def _bca(values: Values, replicates: Values, confidence: float) -> tuple[Values, Values]:
    """Ends of the BCa intervals, each (m,). Efron 1987, equation 2.3; ties of a replicate and the mean count half."""
    mean = values.mean(axis=0)
    below = ((replicates < mean).mean(axis=0) + (replicates <= mean).mean(axis=0)) / 2
    # Where all resamples lie on one side, the data are too few to tell the bias; one resample is taken to lie beyond.
    edge = 1 / (2 * len(replicates))
    bias = ndtri(np.clip(below, edge, 1 - edge))
    centred = values - mean
    squares = (centred**2).sum(axis=0)
    acceleration = np.divide((centred**3).sum(axis=0), 6 * squares**1.5, out=np.zeros_like(squares), where=squares > 0)
    ordered = np.sort(replicates, axis=0)
    z = ndtri((1 + confidence) / 2)
    ends = []
    for end in (bias - z, bias + z):
        level = ndtr(bias + end / (1 - acceleration * end))
        ends.append(_quantile(ordered, level))
    return ends[0], ends[1]


def _quantile(ordered: Values, level: Values) -> Values:
    """The ``level[j]`` quantile of sorted column j, linear between order statistics."""
    place = level * (len(ordered) - 1)
    lower = np.floor(place).astype(np.int64)
    upper = np.minimum(lower + 1, len(ordered) - 1)
    column = np.arange(ordered.shape[1])
    share = place - lower
    return np.asarray(ordered[lower, column] * (1 - share) + ordered[upper, column] * share, dtype=np.float64)


def finite_or_none(value: float | np.float64) -> float | None:
    """What a result holds of an end that is not known: None for NaN and for infinity."""
    return float(value) if np.isfinite(value) else None
