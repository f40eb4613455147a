r"""Paired tests of two arms over users, and what remains of them after many comparisons.

The test is the sign-flip permutation test (Fisher 1935): if two arms were the same, each user's difference :math:`d_u`
could as well have had the other sign, so :math:`S = \sum_u d_u` is held against all :math:`2^n` sums
:math:`\sum_u \pm d_u`. Holm's correction multiplies the smallest p-value by the number of comparisons; a p-value that is
counted from 1,000 random flips can never get below 1/1001 and would make significance impossible from 50 comparisons on.
So the tail is computed, not sampled: exactly for few users, and by its saddlepoint approximation for more (Robinson, JRSS
B 1982; Lugannani and Rice 1980), which needs no seed. Against exact counts it is within a quarter down to p = 1e-6, and
within a factor of four below, where a handful of sums decide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Values = NDArray[np.float64]
EXACT_UP_TO = 30  # users with a difference; the sums of each half of them are listed, 2^15
BLOCK = 2**22
STEPS = 60


def sign_flip_test(differences: Values) -> Values:
    """Two-sided p-values of the columns of ``differences`` (n_users, m), (m,); NaN is a user who does not have both arms.

    A column with fewer than two users has NaN; one whose differences are all zero has 1.

    >>> sign_flip_test(np.array([[1.0], [2.0], [3.0]]))  # 2 of the 8 sums are as far out as 6
    array([0.25])
    """
    n_users = (~np.isnan(differences)).sum(axis=0)
    p = np.ones(differences.shape[1])
    step = max(1, BLOCK // max(1, len(differences)))
    for start in range(0, differences.shape[1], step):
        columns = slice(start, start + step)
        p[columns] = _test(np.nan_to_num(differences[:, columns], nan=0.0))
    return np.asarray(np.where(n_users >= 2, p, np.nan), dtype=np.float64)


def holm(p: Values) -> Values:
    r"""Adjusted p-values: :math:`\tilde p_{(i)} = \max_{j \le i} \min\{1, (m - j + 1)\, p_{(j)}\}`, in the order given.

    At most α of the families in which nothing is true give any :math:`\tilde p \le α`, whatever depends on what. NaN
    stays NaN and is not counted. Holm, Scandinavian Journal of Statistics 1979.

    >>> holm(np.array([0.01, 0.04, 0.03]))
    array([0.03, 0.06, 0.06])
    """
    adjusted = np.full(p.shape, np.nan)
    defined = np.flatnonzero(~np.isnan(p))
    order = defined[np.argsort(p[defined], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, factors * p[order]))
    return adjusted


def false_discovery(p: Values) -> Values:
    r"""Adjusted p-values: :math:`\tilde p_{(i)} = \min_{j \ge i} \min\{1, m\, p_{(j)} / j\}`, in the order given.

    Of what has :math:`\tilde p \le α`, a part of at most α is false on average where the tests are independent or hang together positively, as those of many
    arms against one do; where nothing is true, anything at all is called so in at most α of the families. NaN stays NaN and is not counted.
    Benjamini and Hochberg, JRSS B 1995; Benjamini and Yekutieli, Annals of Statistics 2001.

    >>> false_discovery(np.array([0.01, 0.04, 0.03]))
    array([0.03, 0.04, 0.04])
    """
    adjusted = p.copy()
    known = ~np.isnan(p)
    largest_first = np.argsort(p[known])[::-1]
    ranks = np.arange(len(largest_first), 0, -1)
    ordered = p[known][largest_first]
    adjusted[np.flatnonzero(known)[largest_first]] = np.minimum.accumulate(ordered * len(ranks) / ranks).clip(max=1.0)
    return adjusted


def _test(d: Values) -> Values:
    """p-values of columns in which 0 stands for a user without a difference."""
    scale = np.sqrt((d**2).sum(axis=0))
    nonzero = np.flatnonzero(scale > 0)
    p = np.ones(d.shape[1])
    if not len(nonzero):
        return p
    unit = d[:, nonzero] / scale[nonzero]  # the sum of flips then has variance 1
    p[nonzero] = _saddlepoint(unit)
    for column in np.flatnonzero((unit != 0).sum(axis=0) <= EXACT_UP_TO):
        p[nonzero[column]] = _exact(unit[:, column])
    return p


def _exact(d: Values) -> float:
    """Share of the 2^n sums that lie as far out, without listing them: sums of one half meet those of the other.

    Horowitz and Sahni, JACM 1974: O(n 2^(n/2)). Sums come in pairs of opposite sign, so one side is counted, twice.
    """
    few = d[d != 0]
    s = abs(few.sum())
    rounding = max(1e-12 * s, 1e-14)  # the columns are scaled to length 1
    if s <= rounding:
        return 1.0
    first, second = _sums(few[: len(few) // 2]), np.sort(_sums(few[len(few) // 2 :]))
    n_out = len(second) - np.searchsorted(second, s - rounding - first)
    return float(2 * n_out.sum() / 2.0 ** len(few))


def _sums(d: Values) -> Values:
    sums = np.zeros(1)
    for value in d:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _saddlepoint(d: Values) -> Values:
    r"""P(|S*| ≥ |S|) with cumulants :math:`K(t) = \sum_u \log\cosh(t d_u)`, for columns with :math:`\sum d_u^2 = 1`.

    Where all differences are multiples of the smallest (hits, precision), S* moves in steps of twice that, and S is drawn
    in by half a step: the usual continuity correction.
    """
    size = np.abs(d)
    s = np.maximum(np.abs(d.sum(axis=0)) - _half_step(size), 0.0)
    t = _solve(size, s)
    cumulant = _cumulant(size, t)
    chernoff = np.exp(np.minimum(cumulant - t * s, 0.0))
    w = np.sqrt(2 * np.maximum(t * s - cumulant, 0.0))
    curvature = (size**2 / np.cosh(np.minimum(t * size, 300.0)) ** 2).sum(axis=0)
    u = t * np.sqrt(curvature)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        tail = ndtr(-w) + np.exp(-(w**2) / 2) / np.sqrt(2 * np.pi) * (1 / u - 1 / w)
    # In the centre 1/u − 1/w cancels and the normal tail is right; at the very end, where all signs agree, u vanishes
    # and Chernoff's bound, 2^−n there, is the exact answer.
    tail = np.where(s < 0.05, ndtr(-s), np.where(np.isfinite(tail), np.minimum(tail, chernoff), chernoff))
    return np.asarray(np.clip(2 * tail, 0.0, 1.0), dtype=np.float64)


def _half_step(size: Values) -> Values:
    smallest = np.where(size > 0, size, np.inf).min(axis=0)
    multiples = size / smallest
    is_lattice = (np.abs(multiples - np.round(multiples)) < 1e-6).all(axis=0)
    return np.asarray(np.where(is_lattice, smallest, 0.0), dtype=np.float64)


def _cumulant(size: Values, t: Values) -> Values:
    x = size * t
    return np.asarray((x + np.log1p(np.exp(-2 * x)) - np.log(2)).sum(axis=0), dtype=np.float64)


def _solve(size: Values, s: Values) -> Values:
    """t with K'(t) = Σ |d| tanh(t |d|) = s, by bisection; K' rises from 0 to Σ |d|, so at s = Σ |d| t is very large."""
    low = np.zeros(size.shape[1])
    high = np.full(size.shape[1], 1.0)
    for _ in range(STEPS):  # widen until K'(high) ≥ s
        short = (size * np.tanh(size * high)).sum(axis=0) < s
        if not short.any() or high.max() > 1e12:
            break
        low, high = np.where(short, high, low), np.where(short, 4 * high, high)
    for _ in range(STEPS):
        middle = (low + high) / 2
        short = (size * np.tanh(size * middle)).sum(axis=0) < s
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.asarray((low + high) / 2, dtype=np.float64)
